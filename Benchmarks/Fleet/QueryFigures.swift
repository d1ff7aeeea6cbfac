/// How long one query took, over many times that it was asked.
public struct QueryFigures: Sendable {
    public let name: String
    public let medianMicroseconds: Int
    public let p99Microseconds: Int

    /// Of the processor's time alone: what is left when others want the machine too.
    public let p99ProcessorMicroseconds: Int

    /// Of one page, on average.
    public let elements: Double

    struct Sample {
        let nanoseconds: Int64
        let processorNanoseconds: Int64
        let elements: Int
    }

    /// - Parameter samples: at least one.
    init(_ name: String, _ samples: [Sample]) {
        let times = samples.map(\.nanoseconds).sorted()
        let processorTimes = samples.map(\.processorNanoseconds).sorted()
        let p99 = min(samples.count - 1, samples.count * 99 / 100)
        self.name = name
        medianMicroseconds = Int(times[samples.count / 2] / 1_000)
        p99Microseconds = Int(times[p99] / 1_000)
        p99ProcessorMicroseconds = Int(processorTimes[p99] / 1_000)
        elements = Double(samples.reduce(0) { $0 + $1.elements }) / Double(samples.count)
    }
}
