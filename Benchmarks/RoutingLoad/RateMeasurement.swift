import Gateway
import Ledger
import Linux

/// What it costs to hold a device's messages to its limits.
public enum RateMeasurement {
    /// Nanoseconds for one message that both its rates cover.
    public static func nanoseconds(rounds: Int = 1_000_000) throws -> Double {
        let rate = Rate(perSecond: 1_000_000_000)
        var limiter = TrafficLimiter(TrafficLimits(messages: rate, bytes: rate), own: nil)
        var now: Int64 = 1_000_000_000
        var covered = 0
        let nanoseconds = ProcessorTime.least(of: 5) {
            covered = 0
            for _ in 0..<rounds {
                now += 100
                let due = limiter.take(bytes: 64, at: MonotonicInstant(nanoseconds: now))
                if due == nil { covered += 1 }
            }
        }
        precondition(covered == rounds, "the rates cover all of them")
        return Double(nanoseconds) / Double(rounds)
    }
}
