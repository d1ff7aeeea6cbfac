import Linux
import Synchronization

/// How many requests a second one caller may make (generic cell rate algorithm).
///
/// What two seconds allow may come at once; after that, each request waits its turn.
final class RateLimiter: Sendable {
    /// Whose requests are counted together.
    enum Caller: Hashable {
        /// With a valid token: the owner, or a key.
        case actor(String)

        /// Where requests without a valid token, which need one, came from.
        case stranger(UInt64)

        /// Where requests that need none came from.
        case visitor(UInt64)
    }

    /// Where a caller stands.
    struct Standing: Equatable {
        /// Requests that may come at once.
        let limit: Int

        /// Of these, what is left now.
        let remaining: Int

        /// Until all of them may come at once again, in seconds, rounded up.
        let resetSeconds: Int
    }

    private let interval: Duration
    private let limit: Int

    /// When a caller's next request would be due, if its requests came one an interval. A caller that is not
    /// here may make a whole burst.
    private let due = Mutex<[Caller: ContinuousClock.Instant]>([:])

    /// Of callers that are remembered: about 1 MB.
    private static let callersMaximum = 10_000

    /// In intervals of one request: what may come at once.
    private let burst: Duration

    /// - Parameter requestsPerSecond: at least 1.
    init(requestsPerSecond: Int) {
        precondition(requestsPerSecond >= 1)
        interval = .seconds(1) / requestsPerSecond
        limit = 2 * requestsPerSecond
        burst = .seconds(2) - interval
    }

    /// How long the caller has to wait before this request may be made; `nil`: not at all, and the
    /// request is counted.
    func delay(of caller: Caller, at now: ContinuousClock.Instant) -> Duration? {
        due.withLock { due in
            let next = max(due[caller] ?? now, now)
            let excess = now.duration(to: next) - burst
            if excess > .zero { return excess }
            if due.count >= Self.callersMaximum {
                // Those whose burst is whole again are forgotten; all of them, when there is none.
                due = due.filter { $0.value > now }
                if due.count >= Self.callersMaximum { due.removeAll() }
            }
            due[caller] = next + interval
            return nil
        }
    }
}

extension RateLimiter {
    /// Where the caller stands, without a request more.
    func standing(of caller: Caller, at now: ContinuousClock.Instant) -> Standing {
        let next = due.withLock { $0[caller] } ?? now
        let ahead = max(.zero, now.duration(to: next))
        // Whole intervals, the last one begun.
        let taken = Int((ahead / interval).rounded(.up))
        return Standing(
            limit: limit, remaining: max(0, limit - taken), resetSeconds: ahead.secondsRoundedUp)
    }
}

extension RateLimiter.Caller {
    /// An IPv6 /64 network is one caller: a host has all of its addresses.
    static func origin(of address: String?) -> UInt64 {
        guard let address = address.flatMap(IPAddress.init) else { return 0 }
        return address.isIPv4 ? address.low : address.high
    }
}
