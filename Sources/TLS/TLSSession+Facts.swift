internal import COpenSSL

extension TLSSession {
    /// Whether an earlier session was taken up, sparing signature and certificate.
    public var isResumed: Bool {
        unsafe SSL_session_reused(ssl) == 1
    }

    /// The version agreed on; nil before that.
    public var version: TLSVersion? {
        guard isEstablished else { return nil }
        return TLSVersion(wireValue: unsafe SSL_version(ssl))
    }

    /// The cipher's name as of the standard, such as `TLS_AES_128_GCM_SHA256`; nil before one is
    /// agreed on.
    public var cipherName: String? {
        guard let cipher = unsafe SSL_get_current_cipher(ssl),
            let name = unsafe SSL_CIPHER_standard_name(cipher)
        else { return nil }
        return unsafe String(cString: name)
    }

    /// The name that the client calls the server (SNI, RFC 6066, 3), or nil.
    public var serverName: String? {
        guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
            return nil
        }
        return unsafe String(cString: name)
    }

    /// The protocol agreed on by ALPN (RFC 7301), or nil.
    public var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &start, &count)
        guard count > 0 else { return nil }
        // Safe: the bytes belong to the session and are copied here.
        let bytes = unsafe UnsafeBufferPointer(start: start, count: Int(count))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// Who the peer is, by a certificate that was verified; nil when none was shown, or
    /// none is asked for.
    public var peerIdentity: PeerIdentity? {
        guard isEstablished, unsafe SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0,
            unsafe SSL_get_verify_result(ssl) == Int(X509_V_OK),
            let certificate = unsafe SSL_get0_peer_certificate(ssl)
        else { return nil }
        return unsafe PeerIdentity(certificate, authority: ClientAuthorities.noted(in: ssl))
    }

    /// Whose pre-shared key the peer has proved that it knows; nil when it has proved itself otherwise, or not.
    public var preSharedKey: PreSharedKeyProof? {
        guard isEstablished, let session = unsafe SSL_get_session(ssl) else { return nil }
        return unsafe TicketLifetime.preSharedKey(of: session)
    }

    /// When the peer's certificate ends, in seconds of Unix time, be it verified or not; nil when it has shown none.
    public var peerCertificateEndSeconds: Int64? {
        guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else { return nil }
        // Safe: the certificate belongs to the session.
        return unsafe tollgate_asn1_time_seconds(X509_get0_notAfter(certificate))
    }

    /// What it takes to connect again without a full handshake, once the server has sent it: in
    /// TLS 1.3 that is after the handshake, with the first bytes received.
    public var resumption: TLSResumption? {
        guard let session = unsafe SSL_get1_session(ssl) else { return nil }
        guard unsafe SSL_SESSION_is_resumable(session) == 1 else {
            unsafe SSL_SESSION_free(session)
            return nil
        }
        return unsafe TLSResumption(adopting: session)
    }
}

/// A version of the protocol that we speak; older ones are refused (RFC 8996).
public enum TLSVersion: String, Sendable, Equatable, CaseIterable {
    /// RFC 5246.
    case v1_2 = "TLSv1.2"

    /// RFC 8446.
    case v1_3 = "TLSv1.3"

    /// The number on the wire, `ProtocolVersion` of RFC 8446, B.3.1.
    var wireValue: Int32 {
        switch self {
        case .v1_2: TLS1_2_VERSION
        case .v1_3: TLS1_3_VERSION
        }
    }

    init?(wireValue: Int32) {
        switch wireValue {
        case TLS1_2_VERSION: self = .v1_2
        case TLS1_3_VERSION: self = .v1_3
        default: return nil
        }
    }
}

/// What a connecting side keeps of a session to take it up again: the ticket and its secret.
@safe
public final class TLSResumption: Sendable {
    // Safe: an SSL_SESSION is counted by reference and not changed once it is made.
    nonisolated(unsafe) let session: OpaquePointer

    /// Adopts one reference.
    init(adopting session: OpaquePointer) {
        unsafe self.session = unsafe session
    }

    deinit {
        unsafe SSL_SESSION_free(session)
    }
}
