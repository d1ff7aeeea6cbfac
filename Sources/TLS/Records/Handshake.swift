internal import Bytes
internal import COpenSSL

/// A handshake under way, which OpenSSL does, and what of it the records that follow need.
///
/// OpenSSL is given whole records only, one at a time and with read-ahead off: so it never holds a part of one, and
/// takes nothing of what follows the client's Finished.
@safe
struct Handshake: ~Copyable, Sendable {
    var session: TLSSession

    /// Of a record that has arrived in part.
    var part = PartialRecord()

    // Safe: owned by this value alone; OpenSSL writes to it within calls of ours only.
    private nonisolated(unsafe) let secrets: UnsafeMutablePointer<TrafficSecrets>

    private let source: SecretSource

    /// The identity that a pre-shared key was last searched for.
    private(set) var named: [UInt8]?

    // TLS 1.2: the protected records of each direction.
    private var incoming = ProtectedRecords()
    private var outgoing = ProtectedRecords()

    /// TLS 1.3: the records behind the handshake in what the last call has sent, which are tickets.
    private var ticketRecords: UInt64 = 0

    init(accepting context: TLSContext) throws(TLSError) {
        session = try TLSSession(accepting: context)
        source = context.secrets
        unsafe secrets = .allocate(capacity: 1)
        unsafe secrets.initialize(to: TrafficSecrets())
        unsafe SSL_set_read_ahead(session.ssl, 0)
    }

    deinit {
        // Safe: the only owner.
        unsafe secrets.pointee.wipe()
        unsafe secrets.deinitialize(count: 1)
        unsafe secrets.deallocate()
    }

    /// How long the record at the start of `bytes` is, if all of it is there; all of `bytes` if that is no record:
    /// OpenSSL then says so.
    static func wholeRecord(in bytes: Span<UInt8>) -> Int? {
        guard bytes.count >= RecordHeader.length else { return nil }
        let header = RecordHeader(bytes)
        guard isPlausible(header) else { return bytes.count }
        return bytes.count >= header.recordLength ? header.recordLength : nil
    }

    /// Whether it may be a record's (RFC 8446, 5.1; RFC 5246, 6.2.3).
    static func isPlausible(_ header: RecordHeader) -> Bool {
        RecordContent(rawValue: header.type) != nil && header.version >> 8 == 3
            && header.payloadLength <= RecordHeader.plaintextLimit + 2_048
    }

    /// Gives OpenSSL a whole record. Answers whether the handshake is complete.
    mutating func take(
        _ record: Span<UInt8>,
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        let before = output.count
        defer { if let found = port.takeNamed() { named = found } }
        let isComplete = try unsafe TrafficSecrets.collect(into: secrets) { () throws(TLSError) in
            try session.shakeHands(record, through: &port, output: &output)
        }
        incoming.note(record)
        let sent = output.span.extracting(before..<output.count)
        outgoing.note(sent)
        ticketRecords = ProtectedRecords.count(in: sent)
        return isComplete
    }

    /// Whether a message stood behind the client's Finished in its record, which only TLS 1.2 lets pass.
    var hasPending: Bool { unsafe SSL_has_pending(session.ssl) != 0 }

    /// What it takes to go on without OpenSSL, once the handshake is complete; nil when the session has to stay there.
    func handOver() -> RecordState? {
        let ssl = unsafe session.ssl
        guard source != .none, let cipher = unsafe SSL_get_current_cipher(ssl),
            let suite = unsafe RecordSuite(rawValue: SSL_CIPHER_get_protocol_id(cipher)),
            let keys = keys(of: suite)
        else { return nil }
        return RecordState(
            suite: suite,
            incoming: keys.incoming,
            outgoing: keys.outgoing,
            fragmentLimit: fragmentLimit,
            isResumed: isResumed
        )
    }

    /// Whether an earlier session was taken up. To OpenSSL a pre-shared key of TLS 1.3 is a session, too.
    var isResumed: Bool { named == nil && session.isResumed }

    /// The session stays with OpenSSL, which may read as much at once as there is, as every `TLSSession` does.
    func stay() {
        unsafe SSL_set_read_ahead(session.ssl, 1)
    }

    /// What max_fragment_length agreed on (RFC 6066, 4): codes 1 to 4 are 512 to 4,096 bytes.
    private var fragmentLimit: Int {
        guard let session = unsafe SSL_get_session(session.ssl) else {
            return RecordHeader.plaintextLimit
        }
        let code = unsafe SSL_SESSION_get_max_fragment_length(session)
        return (1...4).contains(code) ? 256 << Int(code) : RecordHeader.plaintextLimit
    }

    private func keys(of suite: RecordSuite) -> (incoming: RecordKeys, outgoing: RecordKeys)? {
        switch suite.version {
        case .v1_3: keysOfSecrets(suite)
        case .v1_2: keysOfMaster(suite)
        }
    }

    /// TLS 1.3: the client has sent nothing under its key yet, and we our tickets.
    private func keysOfSecrets(_ suite: RecordSuite) -> (
        incoming: RecordKeys, outgoing: RecordKeys
    )? {
        guard var keys = unsafe secrets.pointee.keys(of: suite) else { return nil }
        keys.outgoing.number = ticketRecords
        return keys
    }

    /// TLS 1.2: the key block is the client's key, the server's, the client's iv, the server's (RFC 5246, 6.3).
    private func keysOfMaster(_ suite: RecordSuite) -> (incoming: RecordKeys, outgoing: RecordKeys)?
    {
        let ssl = unsafe session.ssl
        let keyLength = suite.cipher.keyLength
        let ivLength = suite.explicitNonceLength > 0 ? 4 : RecordCipher.nonceLength
        var block = InlineArray<88, UInt8>(repeating: 0)
        var master = InlineArray<48, UInt8>(repeating: 0)
        var randoms = InlineArray<64, UInt8>(repeating: 0)
        // Safe: two keys of 32 bytes and two ivs of 12 fill the block; a master secret has 48 bytes, a random 32;
        // what is secret is wiped.
        return unsafe withUnsafeMutableBytes(of: &block) { block in
            unsafe withUnsafeMutableBytes(of: &master) { master in
                unsafe withUnsafeMutableBytes(of: &randoms) { randoms in
                    defer {
                        unsafe OPENSSL_cleanse(block.baseAddress, block.count)
                        unsafe OPENSSL_cleanse(master.baseAddress, master.count)
                    }
                    guard
                        let random = unsafe randoms.baseAddress?.assumingMemoryBound(
                            to: UInt8.self),
                        unsafe SSL_SESSION_get_master_key(
                            SSL_get_session(ssl),
                            master.baseAddress?.assumingMemoryBound(to: UInt8.self),
                            master.count) == master.count,
                        unsafe SSL_get_server_random(ssl, random, 32) == 32,
                        unsafe SSL_get_client_random(ssl, random + 32, 32) == 32
                    else { return nil }
                    unsafe KeyDerivation.expandMaster(
                        UnsafeRawBufferPointer(master), serverRandom: random,
                        clientRandom: random + 32, suite.hash,
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: block[..<(2 * (keyLength + ivLength))]))
                    return unsafe cut(UnsafeRawBufferPointer(block), keyLength, ivLength)
                }
            }
        }
    }

    private func cut(
        _ block: UnsafeRawBufferPointer,
        _ keyLength: Int,
        _ ivLength: Int
    ) -> (incoming: RecordKeys, outgoing: RecordKeys) {
        var incoming = RecordKeys()
        var outgoing = RecordKeys()
        let ivs = 2 * keyLength
        // Safe: the block has two keys and two ivs.
        unsafe incoming.set(
            key: UnsafeRawBufferPointer(rebasing: block[..<keyLength]),
            iv: UnsafeRawBufferPointer(rebasing: block[ivs..<ivs + ivLength]),
            number: self.incoming.count, explicitNonce: 0)
        // OpenSSL's records show nonces that begin anywhere and go up by one; ours go on from there.
        unsafe outgoing.set(
            key: UnsafeRawBufferPointer(rebasing: block[keyLength..<ivs]),
            iv: UnsafeRawBufferPointer(rebasing: block[ivs + ivLength..<ivs + 2 * ivLength]),
            number: self.outgoing.count, explicitNonce: self.outgoing.lastExplicitNonce &+ 1)
        return (incoming, outgoing)
    }
}

/// The records of one direction of a TLS 1.2 handshake that are protected: those behind change_cipher_spec. It is
/// mostly one, the Finished, but that may be split, or an empty record go before it.
struct ProtectedRecords: Sendable {
    private var hasChanged = false
    private(set) var count: UInt64 = 0

    /// What the last of them shows as its nonce, with GCM.
    private(set) var lastExplicitNonce: UInt64 = 0

    /// Takes note of whole records.
    mutating func note(_ records: Span<UInt8>) {
        var offset = 0
        while records.count - offset >= RecordHeader.length {
            let header = RecordHeader(records, at: offset)
            if hasChanged {
                count += 1
                let nonce = offset + RecordHeader.length
                if header.payloadLength >= 8, records.count >= nonce + 8 {
                    lastExplicitNonce = 0
                    for index in 0..<8 {
                        lastExplicitNonce = lastExplicitNonce << 8 | UInt64(records[nonce + index])
                    }
                }
            } else if header.type == RecordContent.changeCipherSpec.rawValue {
                hasChanged = true
            }
            offset += header.recordLength
        }
    }

    /// How many records there are.
    static func count(in records: Span<UInt8>) -> UInt64 {
        var count: UInt64 = 0
        var offset = 0
        while records.count - offset >= RecordHeader.length {
            count += 1
            offset += RecordHeader(records, at: offset).recordLength
        }
        return count
    }
}
