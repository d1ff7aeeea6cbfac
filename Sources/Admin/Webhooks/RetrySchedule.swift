/// When an event that a receiver did not take is sent again.
struct RetrySchedule: Equatable, Sendable {
    /// Behind the first failed attempt, the second, ...; behind the last of them an event is given up. In seconds.
    let pauses: [Int64]

    /// Eight attempts within a day, each pause much longer than the one before.
    static let standard = RetrySchedule(
        pauses: [5, 300, 1_800, 7_200, 18_000, 28_800, 28_800])

    var attempts: Int { pauses.count + 1 }

    /// The longest time that a receiver's `Retry-After` is heeded for, in seconds.
    static let askedMaximum: Int64 = 86_400

    /// In milliseconds, a tenth shorter or longer, so that what failed together does not come back together; `nil`: the
    /// event is given up.
    ///
    /// - Parameters:
    ///   - failures: how often it has failed, 1 at least.
    ///   - jitter: from 0 to 1, at random.
    ///   - asked: how long the receiver asks to be left alone, in seconds: never sooner than that.
    func pause(afterFailures failures: UInt32, jitter: Double, asked: Int64 = 0) -> Int64? {
        let index = Int(failures) - 1
        guard pauses.indices.contains(index) else { return nil }
        let own = Int64(Double(pauses[index]) * (900 + 200 * jitter))
        return max(own, min(asked, Self.askedMaximum) * 1_000)
    }
}
