public import Telemetry
public import Time

/// What a run has measured, or several that are told together.
public struct Outcome: Sendable {
    public var plan: PlanSummary

    /// A name for each run that is in it, so that none is counted twice.
    public var runs: [String]

    /// Nanoseconds from when each request was due to its answer.
    public var requests: PreciseHistogramSnapshot

    /// The same of connections that only opened the way.
    public var openings: PreciseHistogramSnapshot

    /// How often what failed, by its text.
    public var failures: [String: Int]
    public var samples: [Sample]

    /// Requests that were answered well; of QoS 0, that were sent.
    public var done: Int

    /// Connections that were opened before the measured part.
    public var prepared: Int
    public var resumed: Int
    public var turnedAway: Int
    public var reconnected: Int
    public var times: Times

    /// `nil` when no process of the server was named.
    public var server: ServerCost?

    /// The harness' own processor time in the measured part, in nanoseconds.
    public var ownNanoseconds: Int64

    /// Whether a run was ended before its time.
    public var isInterrupted: Bool

    /// When it was what.
    public struct Times: Sendable, Equatable {
        /// The first connection, and the measured part's beginning, by this machine's wall clock.
        public var began: Timestamp
        public var started: Timestamp

        /// Of opening connections before the measured part, and of that.
        public var openingSeconds: Double
        public var seconds: Double

        /// How long all runs were in their measured parts at one time.
        public var togetherSeconds: Double

        /// How much later than it was to the measured part began; `nil` when it was to begin at no certain time.
        public var lateSeconds: Double?
    }

    /// What the server took.
    public struct ServerCost: Sendable, Equatable {
        /// Its processes, each with its machine: `1f3a5c7e/1234`.
        public var processes: Set<String>

        /// Its processor time in the measured part.
        public var nanoseconds: Int64

        /// Its memory before the first connection, and at the end.
        public var bytesBefore: Int
        public var bytesAfter: Int
    }

    public var seconds: Double { times.seconds }

    public var failed: Int { failures.values.reduce(0, +) }

    public var donePerSecond: Double { seconds > 0 ? Double(done) / seconds : 0 }

    /// The server's processor time for each request that was done, in microseconds.
    public var serverMicrosecondsPerRequest: Double? {
        guard let server, done > 0 else { return nil }
        return Double(server.nanoseconds) / 1e3 / Double(done)
    }

    /// The harness' own, in microseconds.
    public var ownMicrosecondsPerRequest: Double? {
        done > 0 ? Double(ownNanoseconds) / 1e3 / Double(done) : nil
    }

    /// What the server's memory has grown by for each connection, in bytes; of `idle` only.
    public var serverBytesPerConnection: Double? {
        guard let server, plan.scenario == .idle, prepared > 0 else { return nil }
        return Double(server.bytesAfter - server.bytesBefore) / Double(prepared)
    }
}
