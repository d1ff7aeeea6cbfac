/// What a histogram held at one time; snapshots of several threads' histograms add up.
public struct HistogramSnapshot: Equatable, Sendable {
    /// Occurrences by bucket of `HistogramScale`.
    public private(set) var counts: [UInt64]

    /// All recorded values added up, wrapping at 2⁶⁴.
    public private(set) var sum: UInt64

    /// The highest recorded value, exactly; 0 when there is none.
    public private(set) var highest: UInt64

    /// One without values.
    public init() {
        self.init(
            counts: Array(repeating: 0, count: HistogramScale.bucketCount),
            sum: 0,
            highest: 0
        )
    }

    init(counts: [UInt64], sum: UInt64, highest: UInt64) {
        self.counts = counts
        self.sum = sum
        self.highest = highest
    }

    /// How many values were recorded.
    public var count: UInt64 { counts.reduce(0, &+) }

    /// The average; `nil` when there is no value.
    public var mean: Double? {
        let count = count
        return count == 0 ? nil : Double(sum) / Double(count)
    }

    /// Adds what `other` holds.
    public mutating func merge(_ other: HistogramSnapshot) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sum &+= other.sum
        highest = max(highest, other.highest)
    }

    /// The value that `fraction` (0 to 1) of all values do not exceed: never less than the exact
    /// one, and at most 1/32 more. `nil` when there is no value.
    public func quantile(_ fraction: Double) -> UInt64? {
        precondition((0...1).contains(fraction), "a quantile is between 0 and 1")
        let count = count
        guard count > 0 else { return nil }
        let rank = max(1, min(count, UInt64((fraction * Double(count)).rounded(.up))))
        var seen: UInt64 = 0
        for (bucket, occurrences) in counts.enumerated() {
            seen += occurrences
            if seen >= rank && bucket < counts.count - 1 {
                return min(highest, HistogramScale.highest(in: bucket))
            }
        }
        return highest
    }

    /// How many values are at most `bound`. Values within 1/32 below the bound may be left out.
    public func count(upTo bound: UInt64) -> UInt64 {
        var total: UInt64 = 0
        for bucket in counts.indices.dropLast() where counts[bucket] > 0 {
            if HistogramScale.highest(in: bucket) > bound { return total }
            total &+= counts[bucket]
        }
        return highest <= bound ? count : total
    }
}
