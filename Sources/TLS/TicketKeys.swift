internal import COpenSSL
internal import Cryptography
internal import Synchronization

/// The keys that seal and open session tickets, shared by the contexts of all shards, and derived from a secret and the
/// time, so that a session that one gateway has issued resumes on each that has the same secret, and after a restart.
///
/// Time is cut into periods of one length, and each has its key. That of the current one seals; those of the one before
/// and of the next one still, or already, open, so clocks may differ. A ticket that is opened with the one before is
/// replaced by a new one. So a ticket lives for one to two periods.
public final class TicketKeys: Sendable {
    private struct State {
        var period: Int64
        var current: TicketKey
        var previous: TicketKey
        var next: TicketKey
    }

    /// Of the secret, in bytes.
    public static let secretLength = 32

    private let secret: [UInt8]
    private let periodSeconds: Int64
    private let state: Mutex<State>

    /// - Parameters:
    ///   - secret: `secretLength` random bytes, to be kept as a private key is: who has it opens all tickets.
    ///   - periodSeconds: the same for all that share the secret.
    ///   - seconds: the time, since 1970.
    public init(secret: [UInt8], periodSeconds: Int64, at seconds: Int64) {
        precondition(secret.count == Self.secretLength && periodSeconds > 0)
        self.secret = secret
        self.periodSeconds = periodSeconds
        let period = Self.period(at: seconds, periodSeconds)
        state = Mutex(Self.state(of: period, secret, periodSeconds))
    }

    /// Of a secret that no one else has. Throws `.library` when the random generator fails.
    public convenience init() throws(TLSError) {
        var secret = [UInt8](repeating: 0, count: Self.secretLength)
        // Safe: the array is exactly as long as said.
        guard unsafe RAND_priv_bytes(&secret, Int32(secret.count)) == 1 else {
            throw TLSError.drained("Making a ticket key", reason: .library)
        }
        self.init(secret: secret, periodSeconds: 43_200, at: 0)
    }

    /// Goes over to the keys of that time, if they are others.
    public func rotate(at seconds: Int64) {
        let period = Self.period(at: seconds, periodSeconds)
        guard state.withLock({ $0.period }) != period else { return }
        let keys = Self.state(of: period, secret, periodSeconds)
        state.withLock { $0 = keys }
    }

    /// Goes over to the next period.
    func rotate() { rotate(at: (state.withLock { $0.period } + 1) * periodSeconds) }

    /// The key that seals.
    var current: TicketKey {
        state.withLock { $0.current }
    }

    /// The key of that name, and whether its tickets are to be replaced.
    func key(named name: UnsafeBufferPointer<UInt8>) -> (key: TicketKey, isPrevious: Bool)? {
        // Safe: the caller's pointer is good for the call.
        let (current, previous, next) = state.withLock { ($0.current, $0.previous, $0.next) }
        if unsafe current.name.elementsEqual(name) { return (current, false) }
        if unsafe previous.name.elementsEqual(name) { return (previous, true) }
        if unsafe next.name.elementsEqual(name) { return (next, false) }
        return nil
    }

    private static func period(at seconds: Int64, _ length: Int64) -> Int64 {
        let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private static func state(of period: Int64, _ secret: [UInt8], _ seconds: Int64) -> State {
        State(
            period: period, current: TicketKey(of: period, secret, seconds),
            previous: TicketKey(of: period - 1, secret, seconds),
            next: TicketKey(of: period + 1, secret, seconds))
    }
}

/// What session tickets are sealed with (RFC 5077, 4): a name that the ticket carries, a key of
/// AES-256-CBC and one of HMAC-SHA256.
struct TicketKey: Sendable, Equatable {
    static let nameLength = 16
    static let keyLength = 32

    /// Bytes of one key: name, MAC key, cipher key.
    static let length = nameLength + 2 * keyLength

    /// Where in `bytes` the MAC key and the cipher key start.
    static let macOffset = nameLength
    static let cipherOffset = nameLength + keyLength

    /// `length` bytes.
    let bytes: [UInt8]

    var name: ArraySlice<UInt8> { bytes[..<Self.nameLength] }

    /// Of periods of another length it is another one: such gateways would not agree when it ends.
    init(of period: Int64, _ secret: [UInt8], _ periodSeconds: Int64) {
        bytes = HKDFSHA256.derive(
            from: secret.span, salt: Array("tollgate session tickets".utf8).span,
            info: Array("\(periodSeconds) \(period)".utf8).span, count: Self.length)
    }
}
