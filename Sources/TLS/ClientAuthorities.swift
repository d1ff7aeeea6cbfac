internal import COpenSSL
public import Cryptography

/// An authority (CA) that vouches for clients' certificates: its own certificate, parsed once for all threads.
@safe
public final class ClientAuthority: Sendable {
    // Safe: counted by reference, and not changed once its extensions are known, which is before `init` returns.
    nonisolated(unsafe) let certificate: OpaquePointer

    /// SHA-256 over the certificate's DER.
    public let fingerprint: SHA256Digest

    /// Of its subject, as OpenSSL compares names.
    fileprivate let nameHash: UInt

    /// Nil when the bytes are no certificate.
    public convenience init?(der: [UInt8]) {
        let parsed = unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            // Safe: d2i reads as many bytes as it is told there are.
            return unsafe d2i_X509(nil, &start, bytes.count)
        }
        defer { ErrorStack.clear() }
        guard let parsed = unsafe parsed else { return nil }
        unsafe self.init(adopting: parsed)
    }

    /// Adopts one reference.
    init(adopting certificate: OpaquePointer) {
        unsafe self.certificate = unsafe certificate
        unsafe fingerprint = PeerIdentity.fingerprint(of: certificate)
        unsafe nameHash = UInt(
            X509_NAME_hash_ex(X509_get_subject_name(certificate), nil, nil, nil))
        // The extensions and the key are decoded when they are first asked for: here, and not by several threads.
        unsafe _ = X509_check_ca(certificate)
        unsafe _ = X509_get0_pubkey(certificate)
    }

    deinit {
        // Safe: gives up our reference.
        unsafe X509_free(certificate)
    }

    /// Whether its name, its key's identifier and the use of its key are those of the certificate's issuer.
    fileprivate func mayHaveIssued(_ certificate: OpaquePointer) -> Bool {
        unsafe X509_check_issued(self.certificate, certificate) == X509_V_OK
    }

    /// Whether the certificate's signature is by its key.
    fileprivate func hasSigned(_ certificate: OpaquePointer) -> Bool {
        guard let key = unsafe X509_get0_pubkey(self.certificate) else { return false }
        return unsafe X509_verify(certificate, key) == 1
    }
}

/// The authorities that clients' certificates are verified by, besides those of a context, found by the name of a
/// certificate's issuer. Never changed: another list is another value, which a port is given between two calls.
///
/// A certificate is verified by the authority that has signed it, and by nothing else that the client sends along: an
/// intermediate authority is registered by itself. Its signature is of 112 bits of security at least (RSA of 2,048
/// bits, SHA-256), and so is its key.
public final class ClientAuthorities: Sendable {
    /// No authority.
    public static let none = ClientAuthorities([])

    private let authorities: [UInt: [ClientAuthority]]

    /// How many there are.
    public let count: Int

    public var isEmpty: Bool { count == 0 }

    /// How many of one name are tried, those in front first: two tenants may call theirs the same.
    public static var sameNameMaximum: Int { 16 }

    /// OpenSSL's: 112 bits.
    private static var securityLevel: Int32 { 2 }

    public init(_ list: [ClientAuthority]) {
        authorities = Dictionary(grouping: list, by: \.nameHash)
        count = list.count
    }

    /// What is to be said about a certificate.
    enum Verdict {
        /// None of these has issued it.
        case unknown

        /// One has, and vouches for it.
        case verified(ClientAuthority)

        /// One has, and it can't be used; X509_verify_cert(3) says why.
        case refused(Int32)
    }

    func verdict(on certificate: OpaquePointer) -> Verdict {
        guard !isEmpty else { return .unknown }
        let hash = unsafe X509_NAME_hash_ex(X509_get_issuer_name(certificate), nil, nil, nil)
        let named = authorities[UInt(hash), default: []]
            .filter { unsafe $0.mayHaveIssued(certificate) }
            .prefix(Self.sameNameMaximum)
        // Several may have signed it: an authority whose certificate was renewed has the same name and key in both.
        var refusal: Int32?
        for issuer in named {
            let error = unsafe tollgate_x509_verify_client_by(
                certificate, issuer.certificate, Self.securityLevel)
            switch error {
            case X509_V_OK: return .verified(issuer)
            // It is another one's of the same name.
            case X509_V_ERR_CERT_SIGNATURE_FAILURE: continue
            // Dates and keys are looked at before the signature: what another one has signed is none of its business.
            default:
                if refusal == nil, unsafe issuer.hasSigned(certificate) { refusal = error }
            }
        }
        return refusal.map { .refused($0) } ?? .unknown
    }
}

// In a handshake.
extension ClientAuthorities {
    /// Has a server's context ask the authorities of the port when its own don't know a certificate.
    static func install(in context: OpaquePointer) {
        unsafe SSL_CTX_set_cert_verify_callback(context, verifyClient, nil)
    }

    /// The fingerprint of the authority that a session was verified by; nil when that was the context's, or none. It is
    /// kept in the session, and so in its tickets, which only we can read.
    static func noted(in ssl: OpaquePointer) -> SHA256Digest? {
        guard let session = unsafe SSL_get_session(ssl) else { return nil }
        return unsafe TicketLifetime.authority(of: session)
    }
}

/// SSL_CTX_set_cert_verify_callback(3): a client has shown a certificate.
///
/// Where the context has authorities of its own, a certificate of neither kind ends the handshake. Where it has none,
/// that is as if none had been shown: a client that proves itself otherwise must not suffer from another tenant's
/// authority, for which everybody is asked.
private func verifyClient(_ store: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let store = unsafe store, let certificate = unsafe X509_STORE_CTX_get0_cert(store),
        let ssl = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
    else { return 0 }
    guard let key = unsafe X509_get0_pubkey(certificate),
        unsafe PublicKeyCost.isBounded(key, upTo: PublicKeyCost.clientBits)
    else {
        ErrorStack.clear()
        unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
        return 0
    }
    // Safe: libssl puts the session there, for as long as the store's context exists.
    let session = OpaquePointer(ssl)
    let mode = unsafe SSL_CTX_get_verify_mode(SSL_get_SSL_CTX(session))
    let hasOwn = mode & SSL_VERIFY_PEER != 0
    if hasOwn, unsafe X509_verify_cert(store) == 1 { return 1 }
    let authorities = unsafe TLSPort.clientAuthorities(in: session) ?? .none
    let verdict = unsafe authorities.verdict(on: certificate)
    // What the attempts that failed have left is not the handshake's error.
    ErrorStack.clear()
    switch verdict {
    case .verified(let authority):
        guard let noted = unsafe SSL_get_session(session),
            unsafe TicketLifetime.mark(noted, verifiedBy: authority.fingerprint)
        else { return 0 }
        unsafe X509_STORE_CTX_set_error(store, X509_V_OK)
        return 1
    case .refused(let error):
        unsafe X509_STORE_CTX_set_error(store, error)
        return 0
    case .unknown:
        if hasOwn { return 0 }
        unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
        return 1
    }
}
