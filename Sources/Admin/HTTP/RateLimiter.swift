import Linux
import Synchronization

/// How many requests a second one caller may make (generic cell rate algorithm).
///
/// What two seconds allow may come at once; after that, each request waits its turn.
final class RateLimiter: Sendable {
    /// Whose requests are counted together.
    enum Caller: Hashable {
        /// Who came with a valid token: the owner, or a key.
        case actor(String)

        /// Where requests without a valid token came from, which need one.
        case stranger(UInt64)

        /// Where requests came from that need none.
        case visitor(UInt64)
    }

    private let interval: Duration

    /// When a caller's next request would be due, if its requests came one an interval. Who is not
    /// here may make all of its requests at once.
    private let due = Mutex<[Caller: ContinuousClock.Instant]>([:])

    /// Of callers that are remembered: about 1 MB.
    private static let callersMaximum = 10_000

    /// In intervals of one request: what may come at once.
    private let burst: Duration

    /// - Parameter requestsPerSecond: at least 1.
    init(requestsPerSecond: Int) {
        precondition(requestsPerSecond >= 1)
        interval = .seconds(1) / requestsPerSecond
        burst = .seconds(2) - interval
    }

    /// How long the caller has to wait before this request may be made; `nil`: not at all, and the
    /// request is counted.
    func delay(of caller: Caller, at now: ContinuousClock.Instant) -> Duration? {
        due.withLock { due in
            let next = max(due[caller] ?? now, now)
            let excess = now.duration(to: next) - burst
            if excess > .zero { return excess }
            if due.count >= Self.callersMaximum { Self.forget(&due, at: now) }
            due[caller] = next + interval
            return nil
        }
    }

    /// Drops callers whose burst is whole again; all of them, when there is none.
    private static func forget(
        _ due: inout [Caller: ContinuousClock.Instant],
        at now: ContinuousClock.Instant
    ) {
        due = due.filter { $0.value > now }
        if due.count >= callersMaximum { due.removeAll() }
    }
}

extension RateLimiter.Caller {
    /// An IPv6 /64 network is one caller: a host has all of its addresses.
    static func origin(of address: String?) -> UInt64 {
        guard let address = address.flatMap(IPAddress.init) else { return 0 }
        return address.isIPv4 ? address.low : address.high
    }
}
