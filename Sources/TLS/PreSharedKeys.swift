internal import COpenSSL
public import Cryptography
internal import Glibc

/// A key that both sides have before they meet (RFC 4279; RFC 8446, 4.2.11). Who makes one wipes it.
public struct PreSharedKey: ~Copyable {
    /// What every client has to have room for (RFC 4279, 5.3).
    public static let maximumLength = 64

    private var memory = InlineArray<64, UInt8>(repeating: 0)

    /// In bytes; 0: there is none.
    public private(set) var count = 0

    public init() {}

    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { memory.span.extracting(0..<count) }
    }

    /// SHA-256 over it: says later whether a key is the same.
    public var digest: SHA256Digest { SHA256.hash(span) }

    /// Takes 1 to `maximumLength` bytes; of more than that, the first.
    public mutating func set(_ key: Span<UInt8>) {
        wipe()
        count = min(key.count, Self.maximumLength)
        for index in 0..<count { memory[index] = key[index] }
    }

    /// Takes the bytes that digits stand for, two of either case for each, of more than `maximumLength` the first; leaves
    /// none behind elsewhere. False, and then there is no key, of an odd number of them, none, or another character.
    public mutating func set(hexadecimal digits: Span<UInt8>) -> Bool {
        wipe()
        guard digits.count > 0, digits.count.isMultiple(of: 2) else { return false }
        var seen: UInt8 = 0
        for index in 0..<digits.count / 2 {
            let high = Hexadecimal.value(ofDigit: digits[2 * index])
            let low = Hexadecimal.value(ofDigit: digits[2 * index + 1])
            seen |= high | low
            if index < Self.maximumLength { memory[index] = high << 4 | low & 15 }
        }
        guard seen < 16 else {
            wipe()
            return false
        }
        count = min(digits.count / 2, Self.maximumLength)
        return true
    }

    public mutating func wipe() {
        // Safe: the memory is ours.
        unsafe withUnsafeMutableBytes(of: &memory) {
            unsafe OPENSSL_cleanse($0.baseAddress, $0.count)
        }
        count = 0
    }
}

/// Finds the key of an identity that a client shows, in a handshake under way. False: it is no identity's form, and the
/// handshake goes on without it, as far as it can. For one that no client has, the key is to be one that none knows: so it
/// looks like one whose key is another.
public typealias PreSharedKeySearch = (_ identity: Span<UInt8>, _ key: inout PreSharedKey) -> Bool

/// What a client has proved by the handshake: that it knows the key that was found for an identity.
public struct PreSharedKeyProof: Sendable, Equatable {
    /// As the client has shown it: 1 to 128 bytes.
    public let identity: [UInt8]

    /// Of the key. A session that is resumed keeps it, whatever has become of the key since.
    public let keyDigest: SHA256Digest
}

/// A key of our own and whose it is, for connecting.
public struct PreSharedKeyCredentials: Sendable {
    /// ASCII without a zero; at most 128 bytes.
    public let identity: String

    /// 1 to `PreSharedKey.maximumLength` bytes.
    public let key: [UInt8]

    public init(identity: String, key: [UInt8]) {
        self.identity = identity
        self.key = key
    }
}

/// Pre-shared keys in OpenSSL's handshakes. A server asks the search of the port that the session is in a call through.
final class PreSharedKeys: Sendable {
    /// What every server has to have room for (RFC 4279, 5.3).
    fileprivate static let identityMaximum = 128

    private static let attachment = ContextAttachment<PreSharedKeys>()

    private let credentials: PreSharedKeyCredentials

    private init(_ credentials: PreSharedKeyCredentials) { self.credentials = credentials }

    /// Has a server's context take keys: in TLS 1.3 with a key exchange only (`psk_dhe_ke`), in TLS 1.2 by its suites.
    static func install(in context: OpaquePointer) {
        unsafe SSL_CTX_set_psk_server_callback(context, giveKey)
        unsafe SSL_CTX_set_psk_find_session_callback(context, findSession)
    }

    /// Has a client's context show a key, in either version.
    static func install(
        _ credentials: PreSharedKeyCredentials, in context: OpaquePointer
    ) throws(TLSError) {
        guard unsafe attachment.attach(PreSharedKeys(credentials), to: context) else {
            throw TLSError.drained("Setting a pre-shared key", reason: .library)
        }
        unsafe SSL_CTX_set_psk_client_callback(context, showKey)
    }

    /// Writes the client's identity, with a zero behind it, and its key; answers the key's length, or 0.
    fileprivate static func show(
        _ ssl: OpaquePointer?,
        _ identity: UnsafeMutableBufferPointer<CChar>,
        _ key: UnsafeMutableBufferPointer<UInt8>
    ) -> UInt32 {
        guard let own = unsafe attachment.object(of: SSL_get_SSL_CTX(ssl))?.credentials,
            own.identity.utf8.count < identity.count, own.key.count <= key.count
        else { return 0 }
        // Safe: both were just found to fit.
        var index = 0
        for byte in own.identity.utf8 {
            unsafe identity[index] = CChar(bitPattern: byte)
            index += 1
        }
        unsafe identity[index] = 0
        for index in own.key.indices { unsafe key[index] = own.key[index] }
        return UInt32(own.key.count)
    }

    /// How many keys one call of a handshake has searched for: a ClientHello has room for a thousand identities, and a
    /// client of ours has one.
    private static var searchMaximum: Int { 2 }

    /// Asks the port's search for the key of an identity.
    fileprivate static func search(
        _ ssl: OpaquePointer, _ identity: UnsafeBufferPointer<UInt8>, _ key: inout PreSharedKey
    ) -> Bool {
        guard (1...identityMaximum).contains(identity.count),
            let cell = unsafe TLSPort.cell(of: ssl), unsafe cell.pointee.searches < searchMaximum,
            let search = unsafe cell.pointee.search
        else { return false }
        // Safe: OpenSSL's bytes are good for the call.
        guard unsafe search(identity.span, &key) else { return false }
        unsafe cell.pointee.searches += 1
        unsafe cell.pointee.named = unsafe Array(identity)
        return key.count > 0
    }

    /// A session of TLS 1.3 that stands for the key (SSL_SESSION_new(3)), marked with whose it is. Its hash is SHA-256,
    /// which is that of a key of which nothing else is known (RFC 8446, 4.2.11).
    fileprivate static func session(
        _ ssl: OpaquePointer, _ identity: UnsafeBufferPointer<UInt8>, _ key: borrowing PreSharedKey
    ) -> OpaquePointer? {
        let suite: [UInt8] = [0x13, 0x01]
        guard let cipher = unsafe SSL_CIPHER_find(ssl, suite),
            let session = unsafe SSL_SESSION_new()
        else { return nil }
        let isMade = unsafe key.span.withUnsafeBufferPointer { key in
            // Safe: the key is copied.
            unsafe SSL_SESSION_set1_master_key(session, key.baseAddress, key.count) == 1
        }
        let lifetime = unsafe SSL_CTX_get_timeout(SSL_get_SSL_CTX(ssl))
        guard isMade, unsafe SSL_SESSION_set_cipher(session, cipher) == 1,
            unsafe SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1,
            unsafe SSL_SESSION_set_timeout(session, lifetime) == 1,
            unsafe TicketLifetime.mark(session, provedBy: key.digest, of: identity)
        else {
            unsafe SSL_SESSION_free(session)
            return nil
        }
        return unsafe session
    }
}

/// SSL_psk_server_cb_func(3): TLS 1.2. What it finds is noted with the session that the handshake makes, which counts
/// once the client's Finished has shown that it knows the key.
private func giveKey(
    _ ssl: OpaquePointer?,
    _ identity: UnsafePointer<CChar>?,
    _ target: UnsafeMutablePointer<UInt8>?,
    _ room: UInt32
) -> UInt32 {
    guard let ssl = unsafe ssl, let identity = unsafe identity, let target = unsafe target,
        // In TLS 1.3 it is asked for what the other one has not found.
        unsafe SSL_version(ssl) == TLS1_2_VERSION
    else { return 0 }
    var key = PreSharedKey()
    defer { key.wipe() }
    // Safe: OpenSSL ends the identity with a zero.
    let bytes = unsafe UnsafeBufferPointer(
        start: UnsafeRawPointer(identity).assumingMemoryBound(to: UInt8.self),
        count: strlen(identity))
    guard unsafe PreSharedKeys.search(ssl, bytes, &key), key.count <= Int(room),
        let session = unsafe SSL_get_session(ssl),
        unsafe TicketLifetime.mark(session, provedBy: key.digest, of: bytes)
    else { return 0 }
    // Safe: there is room for `room` bytes.
    for index in 0..<key.count { unsafe target[index] = key.span[index] }
    return UInt32(key.count)
}

/// SSL_psk_find_session_cb_func(3): TLS 1.3. It is asked about each identity of a ClientHello, tickets among them.
private func findSession(
    _ ssl: OpaquePointer?,
    _ identity: UnsafePointer<UInt8>?,
    _ count: Int,
    _ found: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe found?.pointee = nil
    guard let ssl = unsafe ssl, let identity = unsafe identity else { return 1 }
    // Safe: OpenSSL's bytes are good for the call.
    let bytes = unsafe UnsafeBufferPointer(start: identity, count: count)
    var key = PreSharedKey()
    defer { key.wipe() }
    guard unsafe PreSharedKeys.search(ssl, bytes, &key) else { return 1 }
    guard let session = unsafe PreSharedKeys.session(ssl, bytes, key) else { return 0 }
    // OpenSSL adopts the reference.
    unsafe found?.pointee = unsafe session
    return 1
}

/// SSL_psk_client_cb_func(3).
private func showKey(
    _ ssl: OpaquePointer?,
    _ hint: UnsafePointer<CChar>?,
    _ identity: UnsafeMutablePointer<CChar>?,
    _ identityRoom: UInt32,
    _ key: UnsafeMutablePointer<UInt8>?,
    _ keyRoom: UInt32
) -> UInt32 {
    // Safe: OpenSSL guarantees that much room.
    unsafe PreSharedKeys.show(
        ssl, UnsafeMutableBufferPointer(start: identity, count: Int(identityRoom)),
        UnsafeMutableBufferPointer(start: key, count: Int(keyRoom)))
}
