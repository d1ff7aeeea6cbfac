import Linux

/// How often each source may connect: a number in a second, and what two seconds allow at once (the generic
/// cell rate algorithm: one time for each source).
struct ConnectRates {
    /// When what has come so far will have been worth its time.
    private var times: BoundedTable<SourceNetwork, MonotonicInstant>

    /// Nanoseconds that one connection is worth.
    private let intervalNanoseconds: Int64

    private static var burstNanoseconds: Int64 { 2_000_000_000 }

    /// - Parameters:
    ///   - perSecond: connections of one source.
    ///   - capacity: sources that are remembered; a forgotten one begins anew.
    init(perSecond: Double, capacity: Int = 16_384) {
        intervalNanoseconds = Int64(1_000_000_000 / max(perSecond, 0.001))
        times = BoundedTable(limit: capacity)
    }

    /// Counts a connection, unless it is one too many.
    mutating func admits(_ source: SourceNetwork, at now: MonotonicInstant) -> Bool {
        let interval = intervalNanoseconds
        return times.update(source, orInsert: now) { time in
            let next = max(time.nanoseconds, now.nanoseconds) + interval
            guard next - now.nanoseconds <= max(Self.burstNanoseconds, interval) else {
                return false
            }
            time = MonotonicInstant(nanoseconds: next)
            return true
        }
    }
}
