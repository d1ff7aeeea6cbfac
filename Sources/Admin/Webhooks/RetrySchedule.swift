/// When an event that a receiver did not take is sent again.
struct RetrySchedule: Equatable, Sendable {
    /// Behind the first failed attempt, the second, ...; behind the last of them an event is given up. In seconds.
    let pauses: [Int64]

    /// Eight attempts within a day, each pause much longer than the one before.
    static let standard = RetrySchedule(
        pauses: [5, 300, 1_800, 7_200, 18_000, 28_800, 28_800])

    var attempts: Int { pauses.count + 1 }

    /// In milliseconds, a tenth shorter or longer, so that what failed together does not come back together; `nil`: the
    /// event is given up.
    ///
    /// - Parameters:
    ///   - failures: how often it has failed, 1 at least.
    ///   - jitter: from 0 to 1, at random.
    func pause(afterFailures failures: UInt32, jitter: Double) -> Int64? {
        let index = Int(failures) - 1
        guard pauses.indices.contains(index) else { return nil }
        return Int64(Double(pauses[index]) * (900 + 200 * jitter))
    }
}
