internal import COpenSSL
internal import Synchronization

/// How a context seals and opens session tickets: the shared keys, and the cipher fetched once.
@safe
final class TicketSealing: Sendable {
    private static let attachment = ContextAttachment<TicketSealing>()

    private let keys: TicketKeys

    // Safe: fetched ciphers are counted by reference and never changed.
    private nonisolated(unsafe) let cipher: OpaquePointer

    init(keys: TicketKeys) throws(TLSError) {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) else {
            throw TLSError.drained("Fetching AES-256-CBC", reason: .library)
        }
        self.keys = keys
        unsafe self.cipher = unsafe cipher
    }

    deinit {
        unsafe EVP_CIPHER_free(cipher)
    }

    func install(in context: OpaquePointer) throws(TLSError) {
        guard unsafe Self.attachment.attach(self, to: context),
            unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context, sealOrOpenTicket) == 1,
            unsafe SSL_CTX_set_generate_session_id(context, numberSession) == 1
        else { throw TLSError.drained("Setting the ticket keys", reason: .library) }
    }

    static func of(_ ssl: OpaquePointer?) -> TicketSealing? {
        unsafe attachment.object(of: SSL_get_SSL_CTX(ssl))
    }

    /// What SSL_CTX_set_tlsext_ticket_key_evp_cb(3) may answer.
    enum Answer: Int32 {
        case failed = -1
        /// The ticket is of a key that is not known (any more): a full handshake follows.
        case unknown = 0
        case ready = 1
        /// Opened with the previous key: a new ticket is sent along.
        case renew = 2
    }

    /// Readies a new ticket's cipher and MAC; writes its key's name and its nonce.
    func seal(
        name: UnsafeMutablePointer<UInt8>,
        nonce: UnsafeMutablePointer<UInt8>,
        cipherContext: OpaquePointer,
        macContext: OpaquePointer
    ) -> Answer {
        let key = keys.current
        // Safe: OpenSSL's places hold 16 bytes each, the name and a block of AES.
        for (index, byte) in key.name.enumerated() { unsafe name[index] = byte }
        guard unsafe RAND_bytes(nonce, 16) == 1 else { return .failed }
        let ready = unsafe key.bytes.withUnsafeBufferPointer { bytes in
            unsafe EVP_EncryptInit_ex2(
                cipherContext, cipher, bytes.baseAddress.unsafelyUnwrapped + TicketKey.cipherOffset,
                nonce, nil) == 1 && setKey(bytes, of: macContext)
        }
        return ready ? .ready : .failed
    }

    /// Readies the cipher and MAC of a ticket that a client has shown.
    func open(
        name: UnsafeMutablePointer<UInt8>,
        nonce: UnsafeMutablePointer<UInt8>,
        cipherContext: OpaquePointer,
        macContext: OpaquePointer
    ) -> Answer {
        let name = unsafe UnsafeBufferPointer(start: name, count: TicketKey.nameLength)
        guard let (key, isPrevious) = unsafe keys.key(named: name) else { return .unknown }
        let ready = unsafe key.bytes.withUnsafeBufferPointer { bytes in
            unsafe EVP_DecryptInit_ex2(
                cipherContext, cipher, bytes.baseAddress.unsafelyUnwrapped + TicketKey.cipherOffset,
                nonce, nil) == 1 && setKey(bytes, of: macContext)
        }
        guard ready else { return .failed }
        return isPrevious ? .renew : .ready
    }

    /// Keys HMAC-SHA256 with the MAC part of a ticket key.
    private func setKey(
        _ bytes: UnsafeBufferPointer<UInt8>,
        of macContext: OpaquePointer
    ) -> Bool {
        // Safe: the key's bytes are read within the call.
        let key = unsafe bytes.baseAddress.unsafelyUnwrapped + TicketKey.macOffset
        return unsafe tollgate_evp_mac_ctx_set_hmac_sha256_key(
            macContext, key, TicketKey.keyLength) == 1
    }
}

/// SSL_CTX_set_generate_session_id(3). The name is sealed in the ticket with all the rest, and no cache knows it: it has
/// to be another one each time, and need not be random, which is what OpenSSL's own spends 3 us on.
private func numberSession(
    _ ssl: OpaquePointer?,
    _ name: UnsafeMutablePointer<UInt8>?,
    _ length: UnsafeMutablePointer<UInt32>?
) -> Int32 {
    guard let name = unsafe name, let length = unsafe length, unsafe length.pointee >= 16 else {
        return 0
    }
    let number = SessionNumbers.next.add(1, ordering: .relaxed).newValue
    // Safe: there is room for 16 bytes.
    unsafe UnsafeMutableRawPointer(name).storeBytes(of: SessionNumbers.start, as: UInt64.self)
    unsafe UnsafeMutableRawPointer(name).storeBytes(
        of: number, toByteOffset: 8, as: UInt64.self)
    unsafe length.pointee = 16
    return 1
}

private enum SessionNumbers {
    /// Tells the sessions of one run of the program from those of another.
    static let start = UInt64.random(in: .min ... .max)
    static let next = Atomic<UInt64>(0)
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
private func sealOrOpenTicket(
    _ ssl: OpaquePointer?,
    _ name: UnsafeMutablePointer<UInt8>?,
    _ nonce: UnsafeMutablePointer<UInt8>?,
    _ cipherContext: OpaquePointer?,
    _ macContext: OpaquePointer?,
    _ isSealing: Int32
) -> Int32 {
    guard let sealing = unsafe TicketSealing.of(ssl), let name = unsafe name,
        let nonce = unsafe nonce, let cipherContext = unsafe cipherContext,
        let macContext = unsafe macContext
    else { return TicketSealing.Answer.failed.rawValue }
    let answer =
        if isSealing != 0 {
            unsafe sealing.seal(
                name: name, nonce: nonce, cipherContext: cipherContext, macContext: macContext)
        } else {
            unsafe sealing.open(
                name: name, nonce: nonce, cipherContext: cipherContext, macContext: macContext)
        }
    return answer.rawValue
}
