internal import Linux
internal import Telemetry

/// What was done in one interval, about a second long.
public struct Sample: Sendable, Equatable {
    /// From the first connection to the interval's end.
    public let seconds: Double

    /// Whether the measured part has begun.
    public let isMeasured: Bool

    /// The interval's length, in seconds.
    public let interval: Double
    public let done: Int
    public let failed: Int

    /// Connections at its end.
    public let open: Int

    /// Of requests that were answered in it, in milliseconds; `nil` when there was none.
    public let median: Double?
    public let highPercentile: Double?

    /// Of the server's processes: processors that were busy (1: one of them all the time), and bytes at the end.
    public let serverProcessors: Double
    public let serverBytes: Int

    public var donePerSecond: Double { interval > 0 ? Double(done) / interval : 0 }
}

/// Takes samples, each from the last.
struct Series {
    private(set) var samples: [Sample] = []
    private let meters: [Meters]
    private let course: Course
    private let processes: [Int32]
    private var lastInstant = MonotonicInstant.now()
    private let start = MonotonicInstant.now()
    private var lastSnapshot = PreciseHistogramSnapshot()
    private var lastDone = 0
    private var lastFailed = 0
    private var lastServer: ServerFigures

    init(_ meters: [Meters], _ course: Course, _ processes: [Int32]) {
        self.meters = meters
        self.course = course
        self.processes = processes
        lastServer = ServerFigures.now(processes)
    }

    /// The interval until now; `nil` when it is too short to say anything.
    mutating func take() -> Sample? {
        let now = MonotonicInstant.now()
        let interval = Double(now.nanoseconds(since: lastInstant)) / 1e9
        guard interval >= 0.05 else { return nil }
        let snapshot = Outcome.sum(of: meters.map(\.requests))
        let done = Outcome.sum(of: meters, .done)
        let failed = Outcome.sum(of: meters, .failed)
        let server = ServerFigures.now(processes)
        let fresh = snapshot.since(lastSnapshot)
        let sample = Sample(
            seconds: Double(now.nanoseconds(since: start)) / 1e9,
            isMeasured: course.reading(at: .started) != nil, interval: interval,
            done: done - lastDone, failed: failed - lastFailed,
            open: meters.reduce(0) { $0 + $1.openCount },
            median: fresh.quantile(0.5).map { Double($0) / 1e6 },
            highPercentile: fresh.quantile(0.99).map { Double($0) / 1e6 },
            serverProcessors: Double(server.nanoseconds - lastServer.nanoseconds) / 1e9 / interval,
            serverBytes: server.memoryBytes)
        (lastInstant, lastSnapshot, lastDone, lastFailed) = (now, snapshot, done, failed)
        lastServer = server
        samples.append(sample)
        return sample
    }
}

extension Sample {
    /// A line for people.
    public var text: String {
        var parts = ["\(Report.number(seconds)) s", "\(Report.many(open)) connected"]
        if isMeasured { parts.append("\(Report.number(donePerSecond)) a second") }
        if let median, let highPercentile {
            parts.append("p50 \(Report.number(median)) ms, p99 \(Report.number(highPercentile)) ms")
        }
        if failed > 0 { parts.append("\(Report.many(failed)) FAILED") }
        if serverBytes > 0 {
            parts.append(
                "server \(Report.number(serverProcessors * 100)) % CPU, \(Report.bytes(serverBytes))"
            )
        }
        return parts.joined(separator: ", ")
    }
}
