/// How often what goes wrong with a log in a simulation, in appends or steps of a thousand.
public struct LogFaults: Sendable {
    /// The entry never comes into the log, and its answer is `unknown`.
    public var lost = 0

    /// It comes into the log, and its answer is `unknown`.
    public var unacknowledged = 0

    /// It comes into the log twice; the answer is its first position.
    public var doubled = 0

    /// Its answer is `unknown`, and it comes into the log up to `latestSteps` later, behind others.
    public var late = 0

    /// In a step, nothing that waits in line comes into the log.
    public var stalledAppends = 0

    /// In a step, no answer is given.
    public var stalledAnswers = 0

    /// In a step, a follower is shown nothing new.
    public var stalledFollowers = 0

    public var latestSteps = 20

    /// All goes well.
    public init() {}

    /// All that can go wrong, often.
    public static var all: LogFaults {
        var faults = LogFaults()
        faults.lost = 50
        faults.unacknowledged = 50
        faults.doubled = 50
        faults.late = 50
        faults.stalledAppends = 300
        faults.stalledAnswers = 300
        faults.stalledFollowers = 300
        return faults
    }
}
