internal import COpenSSL
public import Cryptography

/// The certificate of an authority (CA) that someone wants to vouch for devices, as it comes from them: looked at with
/// care, before it is believed.
public struct AuthorityCertificate: Sendable {
    /// Parsed.
    public let authority: ClientAuthority

    /// X.690.
    public let der: [UInt8]

    /// In the form of RFC 2253, printable ASCII, at most 256 bytes of it.
    public let subject: String
    public let notBeforeSeconds: Int64
    public let notAfterSeconds: Int64

    /// The most bytes of PEM that are looked at, of a certificate as DER, and of a subject.
    public static var textMaximum: Int { 16_384 }
    public static var derMaximum: Int { 8_192 }
    static var subjectMaximum: Int { 256 }

    /// Bits of an RSA key, which each handshake calculates with.
    private static var keyMaximum: Int32 { 8_192 }

    /// Of the key, and of signatures: RSA of 2,048 bits, SHA-256.
    private static var securityMinimum: Int32 { 112 }

    /// SHA-256 over the DER.
    public var fingerprint: SHA256Digest { authority.fingerprint }

    /// Reads one certificate in PEM, and finds out whether it is a CA's that may be used at that time (seconds of Unix
    /// time).
    public init(pem: String, at seconds: Int64) throws(AuthorityProblem) {
        authority = try Self.read(pem)
        der = Self.encoded(authority)
        guard der.count <= Self.derMaximum else { throw .tooLong }
        let certificate = unsafe authority.certificate
        unsafe subject = Self.subject(of: certificate)
        unsafe notBeforeSeconds = tollgate_asn1_time_seconds(X509_get0_notBefore(certificate))
        unsafe notAfterSeconds = tollgate_asn1_time_seconds(X509_get0_notAfter(certificate))
        defer { ErrorStack.clear() }
        // 1: by basicConstraints and keyUsage. The others are guesses about certificates of version 1.
        guard unsafe X509_check_ca(certificate) == 1,
            unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_INVALID) == 0
        else { throw .notAuthority }
        guard let key = unsafe X509_get0_pubkey(certificate) else { throw .weak }
        guard unsafe EVP_PKEY_get_security_bits(key) >= Self.securityMinimum,
            unsafe PublicKeyCost.isBounded(key, upTo: Self.keyMaximum),
            unsafe Self.signatureSecurity(of: certificate) >= Self.securityMinimum
        else { throw .weak }
        guard notBeforeSeconds <= seconds else { throw .notBegun }
        guard seconds <= notAfterSeconds else { throw .ended }
    }

    /// Finds out whether the holder of the authority's key agrees: whether the key has signed a certificate, in PEM,
    /// whose subject's CN is `code`, and which holds now.
    public func verify(
        proof pem: String, of code: String, at seconds: Int64
    ) throws(AuthorityProblem) {
        let proof = try Self.read(pem)
        defer { ErrorStack.clear() }
        let certificate = unsafe proof.certificate
        guard unsafe Self.signatureSecurity(of: certificate) >= Self.securityMinimum else {
            throw .weak
        }
        guard unsafe X509_check_issued(authority.certificate, certificate) == X509_V_OK,
            let key = unsafe X509_get0_pubkey(authority.certificate),
            unsafe X509_verify(certificate, key) == 1
        else { throw .proofOfAnother }
        guard unsafe PeerIdentity(certificate).commonName == code else { throw .proofOfAnotherCode }
        guard unsafe tollgate_asn1_time_seconds(X509_get0_notBefore(certificate)) <= seconds,
            unsafe seconds <= tollgate_asn1_time_seconds(X509_get0_notAfter(certificate))
        else { throw .proofEnded }
    }

    private static func read(_ pem: String) throws(AuthorityProblem) -> ClientAuthority {
        guard pem.utf8.count <= textMaximum else { throw .tooLong }
        // Before anything else: it must not be kept, nor told again.
        guard !pem.contains("PRIVATE KEY") else { throw .privateKey }
        switch pem.split(separator: "-----BEGIN ", omittingEmptySubsequences: false).count - 1 {
        case 0: throw .notPEM
        case 1: break
        default: throw .several
        }
        let parsed = unsafe parse(pem) { unsafe PEM_read_bio_X509($0, nil, answerPassword, nil) }
        ErrorStack.clear()
        guard let parsed = unsafe parsed else { throw .notPEM }
        return unsafe ClientAuthority(adopting: parsed)
    }

    /// Lends `read` a BIO with the text's bytes; answers what it has made of them.
    static func parse(
        _ pem: String, _ read: (OpaquePointer) -> OpaquePointer?
    ) -> OpaquePointer? {
        var bytes = Array(pem.utf8)
        return unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            // Safe: the source reads the bytes during the call.
            guard let source = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return nil
            }
            defer { unsafe BIO_free(source) }
            return unsafe read(source)
        }
    }

    private static func encoded(_ authority: ClientAuthority) -> [UInt8] {
        let count = unsafe i2d_X509(authority.certificate, nil)
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { target, written in
            var start = target.baseAddress
            // Safe: there is room for what the call before has counted.
            unsafe written = Int(max(0, i2d_X509(authority.certificate, &start)))
        }
    }

    private static func subject(of certificate: OpaquePointer) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: subjectMaximum) { target in
            // Safe: as many bytes are written as it is told there are.
            let count = unsafe tollgate_x509_subject_text(
                certificate, target.baseAddress, Int32(target.count))
            return unsafe String(
                decoding: UnsafeRawBufferPointer(
                    rebasing: UnsafeRawBufferPointer(target)[..<Int(count)]),
                as: UTF8.self)
        }
    }

    /// Bits of security of the certificate's signature; -1 of one that OpenSSL doesn't know.
    private static func signatureSecurity(of certificate: OpaquePointer) -> Int32 {
        var bits: Int32 = -1
        return unsafe X509_get_signature_info(certificate, nil, nil, &bits, nil) == 1 ? bits : -1
    }
}

/// Why a certificate can't be registered as an authority. Nothing of what came is in the texts.
public enum AuthorityProblem: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLong
    case notPEM
    case several

    /// A private key has come along, or instead.
    case privateKey
    case notAuthority
    case weak
    case notBegun
    case ended
    case proofOfAnother
    case proofOfAnotherCode
    case proofEnded

    public var description: String {
        switch self {
        case .tooLong:
            "a certificate has at most \(AuthorityCertificate.textMaximum) bytes of PEM, and"
                + " \(AuthorityCertificate.derMaximum) of DER"
        case .notPEM: "there is no certificate in PEM: -----BEGIN CERTIFICATE-----"
        case .several: "send one certificate alone: the one that signs devices' certificates"
        case .privateKey:
            "there is a private key in it, which must not leave its owner: it was not kept; send the certificate alone,"
                + " and make another key"
        case .notAuthority:
            "it is no authority's: its basicConstraints must be CA:TRUE, and its keyUsage, if it has one, keyCertSign"
        case .weak:
            "the key or a signature is too weak, too long, or unknown: RSA of 2,048 to 8,192 bits, or a curve of 256"
                + " bits and more, and SHA-256 or better"
        case .notBegun: "it is not valid yet"
        case .ended: "it has expired"
        case .proofOfAnother: "the proof was not signed by the authority's key"
        case .proofOfAnotherCode: "the proof's CN is not the account's registration code"
        case .proofEnded: "the proof is not valid yet, or has expired"
        }
    }
}
