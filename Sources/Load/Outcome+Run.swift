internal import Cryptography
internal import Linux
internal import Telemetry

extension Outcome {
    /// Of a run that has ended.
    init(
        _ plan: LoadPlan,
        _ meters: [Meters],
        _ failures: [LoadFailure: Int],
        _ course: Course,
        samples: [Sample]
    ) {
        guard let prepared = course.reading(at: .prepared),
            let opened = course.reading(at: .opened),
            let started = course.reading(at: .started),
            let finished = course.reading(at: .finished)
        else { preconditionFailure("a run that ended has come past all marks") }
        self.plan = PlanSummary(plan)
        runs = [RandomBytes.hexadecimal(8)]
        self.failures = [:]
        for (failure, count) in failures { self.failures[failure.text, default: 0] += count }
        self.samples = samples
        isInterrupted = Interruption.isRequested
        requests = Self.sum(of: meters.map(\.requests))
        openings = Self.sum(of: meters.map(\.openings))
        done = Self.sum(of: meters, .done)
        self.prepared = Self.sum(of: meters, .prepared)
        resumed = Self.sum(of: meters, .resumed)
        turnedAway = Self.sum(of: meters, .turnedAway)
        reconnected = Self.sum(of: meters, .reconnected)
        let seconds = Double(finished.instant - started.instant) / 1e9
        times = Times(
            began: prepared.time, started: started.time,
            openingSeconds: Double(opened.instant - prepared.instant) / 1e9, seconds: seconds,
            togetherSeconds: seconds,
            lateSeconds: course.startDue.map { max(0, Double(started.instant - $0) / 1e9) })
        ownNanoseconds = finished.ownNanoseconds - started.ownNanoseconds
        server =
            plan.serverProcesses.isEmpty
            ? nil
            : ServerCost(
                processes: Set(plan.serverProcesses.map { "\(Self.machine)/\($0)" }),
                // One that has ended is counted no more.
                nanoseconds: max(
                    0, finished.server.nanoseconds - started.server.nanoseconds),
                bytesBefore: prepared.server.memoryBytes, bytesAfter: finished.server.memoryBytes)
    }

    /// What tells this machine's processes from another's, until its next start.
    private static var machine: String {
        let bytes =
            (try? FileSystem.read("/proc/sys/kernel/random/boot_id", maximumBytes: 64)) ?? []
        return String(decoding: bytes.prefix(8), as: UTF8.self)
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
