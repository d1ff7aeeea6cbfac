internal import COpenSSL
internal import Synchronization

/// The keys that seal and open session tickets, shared by the contexts of all shards, so that a
/// session issued on one resumes on any, and saved, so that it resumes after a restart.
///
/// There is a current key, which seals, and the previous one, which still opens; a ticket opened
/// with the previous one is replaced by a new one. So a ticket lives for one to two rotations.
public final class TicketKeys: Sendable {
    private struct State {
        var current: TicketKey
        var previous: TicketKey?
    }

    private let state: Mutex<State>

    /// The format of `savedBytes`.
    private static let formatVersion: UInt8 = 1

    /// One fresh key. Throws `.library` when the random generator fails.
    public init() throws(TLSError) {
        state = Mutex(State(current: try Self.fresh(), previous: nil))
    }

    /// The keys that `savedBytes` was made of. Throws `.malformedTicketKeys` for anything else.
    public init(saved: Span<UInt8>) throws(TLSError) {
        let bytes = (0..<saved.count).map { saved[$0] }
        let keys = bytes.dropFirst()
        let length = TicketKey.length
        guard bytes.first == Self.formatVersion, keys.count == length || keys.count == 2 * length
        else {
            throw TLSError(reason: .malformedTicketKeys, attempt: "Loading ticket keys")
        }
        state = Mutex(
            State(
                current: TicketKey(bytes: Array(keys.prefix(length))),
                previous: keys.count > length ? TicketKey(bytes: Array(keys.suffix(length))) : nil
            )
        )
    }

    /// The keys as bytes, to be kept as secret as a private key: a version, then 80 bytes each.
    public var savedBytes: [UInt8] {
        state.withLock { state in
            [Self.formatVersion] + state.current.bytes + (state.previous?.bytes ?? [])
        }
    }

    /// Makes a fresh key the current one, the current the previous, and forgets the one before.
    /// Throws `.library`, and changes nothing, when the random generator fails.
    public func rotate() throws(TLSError) {
        let fresh = try Self.fresh()
        state.withLock { state in
            state.previous = state.current
            state.current = fresh
        }
    }

    /// The key that seals.
    var current: TicketKey {
        state.withLock { $0.current }
    }

    /// The key of that name, and whether its tickets are to be replaced.
    func key(named name: UnsafeBufferPointer<UInt8>) -> (key: TicketKey, isPrevious: Bool)? {
        // Safe: the caller's pointer is good for the call.
        let (current, previous) = state.withLock { ($0.current, $0.previous) }
        if unsafe current.name.elementsEqual(name) { return (current, false) }
        if let previous, unsafe previous.name.elementsEqual(name) { return (previous, true) }
        return nil
    }

    private static func fresh() throws(TLSError) -> TicketKey {
        guard let key = TicketKey.random() else {
            throw TLSError.drained("Making a ticket key", reason: .library)
        }
        return key
    }
}

/// What session tickets are sealed with (RFC 5077, 4): a name that the ticket carries, a key of
/// AES-256-CBC and one of HMAC-SHA256.
struct TicketKey: Sendable, Equatable {
    static let nameLength = 16
    static let keyLength = 32

    /// Bytes of one key when it is saved: name, MAC key, cipher key.
    static let length = nameLength + 2 * keyLength

    /// Where in `bytes` the MAC key and the cipher key start.
    static let macOffset = nameLength
    static let cipherOffset = nameLength + keyLength

    /// `length` bytes.
    let bytes: [UInt8]

    var name: ArraySlice<UInt8> { bytes[..<Self.nameLength] }

    /// A key from the library's random generator, or nil when that has failed.
    static func random() -> TicketKey? {
        var bytes = [UInt8](repeating: 0, count: length)
        // Safe: the array is exactly as long as said.
        guard unsafe RAND_priv_bytes(&bytes, Int32(length)) == 1 else { return nil }
        return TicketKey(bytes: bytes)
    }
}
