public import Telemetry

/// What a run has measured.
public struct Outcome: Sendable {
    public let plan: LoadPlan

    /// Nanoseconds from when each request was due to its answer.
    public let requests: PreciseHistogramSnapshot

    /// The same of connections that only opened the way.
    public let openings: PreciseHistogramSnapshot
    public let failures: [LoadFailure: Int]
    public let samples: [Sample]

    /// Requests that were answered well; of QoS 0, that were sent.
    public let done: Int

    /// Connections that were opened before the measured part.
    public let prepared: Int
    public let resumed: Int
    public let turnedAway: Int
    public let reconnected: Int

    /// Of opening connections before the measured part, and of that.
    public let openingSeconds: Double
    public let seconds: Double

    /// The server's processor time in the measured part, in nanoseconds, and its memory before the first connection and
    /// at the end, in bytes. `nil` when no process was named.
    public let server: (nanoseconds: Int64, bytesBefore: Int, bytesAfter: Int)?

    /// The harness' own processor time in the measured part, in nanoseconds.
    public let ownNanoseconds: Int64

    init(
        _ plan: LoadPlan,
        _ meters: [Meters],
        _ failures: [LoadFailure: Int],
        _ course: Course,
        samples: [Sample]
    ) {
        self.plan = plan
        self.failures = failures
        self.samples = samples
        isInterrupted = Interruption.isRequested
        requests = Self.sum(of: meters.map(\.requests))
        openings = Self.sum(of: meters.map(\.openings))
        done = Self.sum(of: meters, .done)
        prepared = Self.sum(of: meters, .prepared)
        resumed = Self.sum(of: meters, .resumed)
        turnedAway = Self.sum(of: meters, .turnedAway)
        reconnected = Self.sum(of: meters, .reconnected)
        guard let prepared = course.reading(at: .prepared),
            let started = course.reading(at: .started),
            let finished = course.reading(at: .finished)
        else { preconditionFailure("a run that ended has come past all marks") }
        openingSeconds = Double(started.instant - prepared.instant) / 1e9
        seconds = Double(finished.instant - started.instant) / 1e9
        ownNanoseconds = finished.ownNanoseconds - started.ownNanoseconds
        server =
            plan.serverProcesses.isEmpty
            ? nil
            : (
                finished.server.nanoseconds - started.server.nanoseconds,
                prepared.server.memoryBytes, finished.server.memoryBytes
            )
    }

    /// Whether the run was ended before its time.
    public let isInterrupted: Bool

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

    static func sum(of histograms: [PreciseHistogram]) -> PreciseHistogramSnapshot {
        var sum = PreciseHistogramSnapshot()
        for histogram in histograms { sum.merge(histogram.snapshot()) }
        return sum
    }

    static func sum(of meters: [Meters], _ count: Meters.Count) -> Int {
        meters.reduce(0) { $0 + Int($1.counts.value(of: count)) }
    }
}
