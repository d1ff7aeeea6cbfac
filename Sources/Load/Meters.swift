public import Telemetry

/// What a thread of the harness counts while it runs, for any thread to read.
public final class Meters: Sendable {
    public enum Count: Int, CaseIterable, Sendable {
        /// Requests that were answered well: what the scenario is about.
        case done
        /// Whatever failed.
        case failed
        /// Connections that were let in, and those of them that have ended.
        case opened
        case ended
        /// Connections that were opened before the measured part.
        case prepared
        /// TLS sessions that were taken up again.
        case resumed
        /// Attempts of `storm` that failed, and were tried again.
        case turnedAway
        /// Clients of `soak` that have left and come back.
        case reconnected
    }

    public let counts = CounterBlock<Count>()

    /// Nanoseconds from when a request was due to its answer.
    public let requests = PreciseHistogram()

    /// The same of connections that only open the way for requests.
    public let openings = PreciseHistogram()

    public init() {}

    /// Connections that are let in.
    var openCount: Int { Int(counts.value(of: .opened)) - Int(counts.value(of: .ended)) }
}
