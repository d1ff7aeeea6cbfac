public import Bytes
internal import COpenSSL

/// One TLS session: ciphertext in, ciphertext out, no descriptor.
///
/// Every call passes the port of the thread that makes it. What has been appended to `output` is
/// to be sent to the peer, also when the call throws: it may hold the alert that says why. A
/// session may be given to another thread between two calls, once it is established.
@safe
public struct TLSSession: ~Copyable, Sendable {
    private enum Condition {
        case handshaking
        case established
        /// The peer has sent `close_notify`; we may still send.
        case closedByPeer
        /// We have sent `close_notify`, or a fatal error has ended it.
        case ended
    }

    /// The most plaintext that a record carries (RFC 8446, 5.1).
    private static let recordPlaintextLimit = 16_384

    // Safe: owned by this value alone, used by one call at a time, freed in `deinit`.
    nonisolated(unsafe) let ssl: OpaquePointer

    // Safe: only compared; the session holds references that keep the BIO it names alive.
    private nonisolated(unsafe) var attachedBIO: OpaquePointer? = nil

    private var condition = Condition.handshaking

    /// A session for a peer that connects to us. Throws `.library` when there is no memory.
    public init(accepting context: TLSContext) throws(TLSError) {
        unsafe ssl = try Self.make(of: context)
        unsafe SSL_set_accept_state(ssl)
    }

    /// A session to a peer that we connect to. `receive` with no bytes makes the first message.
    ///
    /// - Parameters:
    ///   - serverName: what the peer is to be called (SNI, RFC 6066, 3), and to be certified as
    ///     when the context has authorities; nil asks for no name and checks none.
    ///   - resumption: an earlier session's, to be taken up again.
    ///   - credentials: the certificate to show instead of the context's.
    public init(
        connecting context: TLSContext,
        serverName: String? = nil,
        resuming resumption: TLSResumption? = nil,
        showing credentials: TLSCredentials? = nil
    ) throws(TLSError) {
        let ssl = try unsafe Self.make(of: context)
        let problem = unsafe Self.prepare(ssl, toConnectTo: serverName, resuming: resumption)
        if let error = unsafe problem ?? credentials?.install(in: ssl) {
            unsafe SSL_free(ssl)
            throw error
        }
        unsafe self.ssl = unsafe ssl
    }

    private static func make(of context: TLSContext) throws(TLSError) -> OpaquePointer {
        guard let ssl = unsafe SSL_new(context.handle) else {
            throw TLSError.drained("Making a session", reason: .library)
        }
        return unsafe ssl
    }

    private static func prepare(
        _ ssl: OpaquePointer,
        toConnectTo serverName: String?,
        resuming resumption: TLSResumption?
    ) -> TLSError? {
        unsafe SSL_set_connect_state(ssl)
        if let serverName {
            let named = unsafe tollgate_ssl_set_tlsext_host_name(ssl, serverName) == 1
            guard named, unsafe SSL_set1_host(ssl, serverName) == 1 else {
                return .drained("Naming the server \(serverName)", reason: .refusedSetting)
            }
        }
        if let resumption, unsafe SSL_set_session(ssl, resumption.session) != 1 {
            return .drained("Taking up an earlier session", reason: .refusedSetting)
        }
        return nil
    }

    deinit {
        // A connection that just went away is no reason to forget its session: without this,
        // SSL_free(3) takes the context's lock and marks the session as not resumable.
        unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        // Safe: the only owner; this also gives up the references to the BIO and the context.
        unsafe SSL_free(ssl)
    }

    /// Whether the handshake is complete.
    public var isEstablished: Bool {
        condition == .established || condition == .closedByPeer
    }

    /// Takes all of `ciphertext`, as much as one or many records, or a part of one; appends the
    /// plaintext to `plaintext`, and what the protocol answers (handshake, tickets, alerts) to
    /// `output`. An incomplete record is kept inside and costs 17 KB until it is complete.
    ///
    /// Throws `.peerAlert`, `.refusedCertificate`, `.unprovenKeys`, `.protocolViolation` or `.library`, after which
    /// the session has ended; plaintext that came before the failure has been appended. After
    /// `.closed`, or when the session has ended, whatever comes is not looked at.
    public mutating func receive(
        _ ciphertext: Span<UInt8>,
        through port: inout TLSPort,
        into plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(TLSError) -> TLSSessionState {
        switch condition {
        case .closedByPeer: return .closed
        case .ended: throw TLSError(reason: .ended, attempt: "Receiving")
        case .handshaking, .established: break
        }
        attach(to: port)
        let ssl = unsafe self.ssl
        var room = min(Self.recordPlaintextLimit, max(ciphertext.count, 64))
        let result = unsafe port.withCiphertext(ciphertext, output: &output) { cell in
            while true {
                var result: Int32 = 0
                _ = unsafe plaintext.appendUnsafely(minimum: room) { target in
                    // Safe: OpenSSL writes at most as many bytes as it is told there are.
                    let limit = Int32(min(target.count, Int(Int32.max)))
                    result = unsafe SSL_read(ssl, target.baseAddress, limit)
                    return Int(max(result, 0))
                }
                // A read that would find nothing is spared when nothing is left to be read.
                let left = unsafe cell.pointee.inputCount
                let isEmpty = unsafe left == 0 && SSL_has_pending(ssl) == 0
                if result <= 0 || isEmpty { return result }
                let pending = unsafe Int(SSL_pending(ssl))
                room = pending > 0 ? pending : min(Self.recordPlaintextLimit, max(left, 64))
            }
        }
        return try settle(result)
    }

    /// Gives the handshake a whole record and no more than that; appends what it answers to `output`. Answers
    /// whether it is complete; plaintext has not been read then.
    ///
    /// Throws as `receive` does.
    mutating func shakeHands(
        _ record: Span<UInt8>,
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        guard condition == .handshaking else {
            throw TLSError(reason: .ended, attempt: "Shaking hands")
        }
        attach(to: port)
        let ssl = unsafe self.ssl
        let result = unsafe port.withCiphertext(record, output: &output) { _ in
            unsafe SSL_do_handshake(ssl)
        }
        return try settle(result) == .open
    }

    /// Encrypts all of `plaintext`, in records of up to 16 KB, and appends them to `output`. The
    /// session must be established.
    ///
    /// Throws `.ended` when the session has ended, else `.library`, which ends it.
    public mutating func send(
        _ plaintext: Span<UInt8>,
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) {
        precondition(condition != .handshaking, "sent before the session is established")
        guard condition != .ended else { throw TLSError(reason: .ended, attempt: "Sending") }
        guard plaintext.count > 0 else { return }
        attach(to: port)
        let ssl = unsafe self.ssl
        let result = unsafe port.withCiphertext(Span(), output: &output) { _ in
            // Safe: the plaintext is borrowed for the call.
            unsafe plaintext.withUnsafeBytes { bytes in
                var written = 0
                return unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &written)
            }
        }
        // Without SSL_MODE_ENABLE_PARTIAL_WRITE, and with a BIO that takes everything, one call
        // writes all of it or fails finally.
        if result != 1 { throw fail("Sending") }
    }

    /// Ends our side: appends the alert `close_notify` if the session is established. Nothing can
    /// be sent afterwards, and what the peer may still send is of no interest.
    public mutating func close(through port: inout TLSPort, output: inout ByteBuffer) {
        defer { condition = .ended }
        guard isEstablished else { return }
        attach(to: port)
        let ssl = unsafe self.ssl
        let result = unsafe port.withCiphertext(Span(), output: &output) { _ in
            unsafe SSL_shutdown(ssl)
        }
        if result < 0 { ErrorStack.clear() }
    }

    /// Makes the port's BIO the session's, unless it is already.
    mutating func attach(to port: borrowing TLSPort) {
        let bio = unsafe port.bio
        guard unsafe attachedBIO != bio else { return }
        // Safe: each setter adopts one reference, taken here, and gives up the one it held.
        unsafe BIO_up_ref(bio)
        unsafe BIO_up_ref(bio)
        unsafe SSL_set0_rbio(ssl, bio)
        unsafe SSL_set0_wbio(ssl, bio)
        unsafe attachedBIO = unsafe bio
        if condition == .handshaking { unsafe port.askForCertificate(ssl) }
    }

    /// What the last result of SSL_read(3) or SSL_do_handshake(3) means.
    private mutating func settle(_ result: Int32) throws(TLSError) -> TLSSessionState {
        if result > 0 {
            condition = .established
            return .open
        }
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ:
            if condition == .handshaking, unsafe SSL_is_init_finished(ssl) == 1 {
                condition = .established
            }
            return condition == .established ? .open : .handshaking
        case SSL_ERROR_ZERO_RETURN:
            condition = condition == .established ? .closedByPeer : .ended
            return .closed
        default:
            throw fail(condition == .handshaking ? "Shaking hands" : "Receiving")
        }
    }

    /// Ends the session; answers why, with the error queue emptied.
    private mutating func fail(_ attempt: String) -> TLSError {
        let isHandshake = condition == .handshaking
        condition = .ended
        let verification = unsafe SSL_get_verify_result(ssl)
        return TLSError.drained(attempt, reason: .protocolViolation) { stack in
            if let alert = stack.peerAlert { return .peerAlert(alert) }
            if stack.contains(library: ERR_LIB_SSL, reasons: SSL_R_CERTIFICATE_VERIFY_FAILED) {
                // Safe: a string constant of the library.
                return unsafe .refusedCertificate(
                    String(cString: X509_verify_cert_error_string(verification))
                )
            }
            if stack.contains(
                library: ERR_LIB_SSL,
                reasons: SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE
            ) {
                return .refusedCertificate("no certificate shown")
            }
            if isHandshake,
                stack.contains(
                    library: ERR_LIB_SSL,
                    reasons: SSL_R_BINDER_DOES_NOT_VERIFY,
                    SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_R_DIGEST_CHECK_FAILED)
            {
                return .unprovenKeys
            }
            return stack.codes.isEmpty ? .library : nil
        }
    }
}

/// What `TLSSession.receive` leaves behind.
public enum TLSSessionState: Sendable, Equatable {
    /// The handshake wants more bytes from the peer, after what is in `output` has been sent.
    case handshaking

    /// The session is established, and the peer may send more.
    case open

    /// The peer has said that it sends nothing more (alert `close_notify`).
    case closed
}
