/// How long one query took, over many times that it was asked.
public struct QueryFigures: Sendable {
    public let name: String
    public let medianMicroseconds: Int
    public let p99Microseconds: Int
    public let greatestMicroseconds: Int

    /// Of one page, on average.
    public let elements: Double

    /// - Parameter microseconds: at least one.
    init(_ name: String, microseconds: [Int], elements: Int) {
        let sorted = microseconds.sorted()
        self.name = name
        medianMicroseconds = sorted[sorted.count / 2]
        p99Microseconds = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        greatestMicroseconds = sorted[sorted.count - 1]
        self.elements = Double(elements) / Double(sorted.count)
    }
}
