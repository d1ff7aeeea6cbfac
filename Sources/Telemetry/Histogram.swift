public import Synchronization

/// How often each size of a value occurred, to within 1/32 of the value: 9.5 KB.
public typealias Histogram = ScaledHistogram<HistogramScale>

/// What a `Histogram` held at one time.
public typealias HistogramSnapshot = ScaledHistogramSnapshot<HistogramScale>

/// How often each size of a value occurred, to within 1/1,024 of the value, three significant digits: 256 KB.
public typealias PreciseHistogram = ScaledHistogram<PreciseHistogramScale>

/// What a `PreciseHistogram` held at one time.
public typealias PreciseHistogramSnapshot = ScaledHistogramSnapshot<PreciseHistogramScale>

/// How often each size of a value occurred: one thread records, any thread may take a snapshot. `Scale` says how the
/// buckets lie, of eight bytes each.
@safe
public final class ScaledHistogram<Scale: HistogramDivision>: Sendable {
    /// The buckets, and after them the sum and the highest value.
    // Safe: set once; reached only through atomic operations until `deinit` frees it.
    @usableFromInline nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline static var sumIndex: Int { Scale.bucketCount }
    @usableFromInline static var highestIndex: Int { Scale.bucketCount + 1 }
    private static var cellCount: Int { Scale.bucketCount + 2 }

    public init() {
        // Safe: freed by `deinit`, and reached only through atomic operations meanwhile.
        unsafe cells = AtomicCells.allocate(Self.cellCount)
    }

    deinit { unsafe AtomicCells.free(cells, Self.cellCount) }

    /// Counts one occurrence of `value`. For the one writer.
    @inlinable
    public func record(_ value: UInt64) { record(value, times: 1) }

    /// Counts `times` occurrences of `value`. For the one writer.
    @inlinable
    public func record(_ value: UInt64, times: UInt64) {
        add(times, to: Scale.bucket(of: value))
        add(value &* times, to: Self.sumIndex)
        // Safe: the cell is one of ours.
        if unsafe value > cells[Self.highestIndex].load(ordering: .relaxed) {
            unsafe cells[Self.highestIndex].store(value, ordering: .relaxed)
        }
    }

    /// What was recorded so far. A value that is being recorded meanwhile may be in it in part.
    public func snapshot() -> ScaledHistogramSnapshot<Scale> {
        // Safe: the cells are ours.
        ScaledHistogramSnapshot(
            counts: (0..<Scale.bucketCount).map {
                unsafe cells[$0].load(ordering: .relaxed)
            },
            sum: unsafe cells[Self.sumIndex].load(ordering: .relaxed),
            highest: unsafe cells[Self.highestIndex].load(ordering: .relaxed)
        )
    }

    @inlinable
    func add(_ amount: UInt64, to index: Int) {
        // Safe: bucket numbers are below the number of buckets, and the sum's cell follows them.
        let value = unsafe cells[index].load(ordering: .relaxed)
        unsafe cells[index].store(value &+ amount, ordering: .relaxed)
    }
}

/// How a histogram divides the numbers: exactly up to twice the number of divisions, then each octave (from a power of
/// two to the next) into as many buckets of one width, so that a bucket is at most one division as wide as what it holds.
/// They reach to 2⁴¹ - 1 (in nanoseconds 36 minutes); the last takes all above.
public protocol HistogramDivision: Sendable {
    /// The number of divisions of an octave, as a power of two.
    static var divisionBits: Int { get }
}

/// Into 32: a value is known to 3.2 %. 1,184 buckets.
@frozen
public enum HistogramScale: HistogramDivision {
    @inlinable public static var divisionBits: Int { 5 }
}

/// Into 1,024: a value is known to 0.1 %. 32,768 buckets.
@frozen
public enum PreciseHistogramScale: HistogramDivision {
    @inlinable public static var divisionBits: Int { 10 }
}

extension HistogramDivision {
    @inlinable static var octaves: Int { 41 }

    @inlinable
    public static var bucketCount: Int { (octaves - divisionBits + 1) << divisionBits }

    @inlinable
    public static func bucket(of value: UInt64) -> Int {
        let octave = 63 - (value | 1).leadingZeroBitCount
        if octave <= divisionBits { return Int(value) }
        if octave >= octaves { return bucketCount - 1 }
        let shift = octave - divisionBits
        return (shift << divisionBits) + Int(value >> UInt64(shift))
    }

    @inlinable
    public static func lowest(in bucket: Int) -> UInt64 {
        let divisions = 1 << divisionBits
        if bucket < 2 * divisions { return UInt64(bucket) }
        let shift = bucket / divisions - 1
        return UInt64(bucket - shift * divisions) << UInt64(shift)
    }

    /// The highest value in the bucket (for the last bucket, of those that it is meant for).
    @inlinable
    public static func highest(in bucket: Int) -> UInt64 { lowest(in: bucket + 1) - 1 }
}

/// What a histogram held at one time; snapshots of several threads' histograms add up.
public struct ScaledHistogramSnapshot<Scale: HistogramDivision>: Equatable, Sendable {
    /// Occurrences by bucket of `Scale`.
    public private(set) var counts: [UInt64]

    /// All recorded values added up, wrapping at 2⁶⁴.
    public private(set) var sum: UInt64

    /// The highest recorded value, exactly; 0 when there is none.
    public private(set) var highest: UInt64

    public var count: UInt64 { counts.reduce(0, &+) }

    /// The average; `nil` when there is no value.
    public var mean: Double? {
        let count = count
        return count == 0 ? nil : Double(sum) / Double(count)
    }

    public mutating func merge(_ other: ScaledHistogramSnapshot) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sum &+= other.sum
        highest = max(highest, other.highest)
    }

    /// What has been recorded since `earlier`, a snapshot of the same histogram; `highest` is of all.
    public func since(_ earlier: ScaledHistogramSnapshot) -> ScaledHistogramSnapshot {
        var rest = self
        for index in counts.indices { rest.counts[index] &-= earlier.counts[index] }
        rest.sum &-= earlier.sum
        return rest
    }

    /// The value that `fraction` (0 to 1) of all values do not exceed: never less than the exact
    /// one, and at most a division more (1/32, or 1/1,024). `nil` when there is no value.
    public func quantile(_ fraction: Double) -> UInt64? {
        precondition((0...1).contains(fraction), "a quantile is between 0 and 1")
        let count = count
        guard count > 0 else { return nil }
        let rank = max(1, min(count, UInt64((fraction * Double(count)).rounded(.up))))
        var seen: UInt64 = 0
        for (bucket, occurrences) in counts.enumerated() {
            seen += occurrences
            if seen >= rank && bucket < counts.count - 1 {
                return min(highest, Scale.highest(in: bucket))
            }
        }
        return highest
    }

    /// How many values are at most `bound`. Values within a division below the bound may be left out.
    public func count(upTo bound: UInt64) -> UInt64 {
        var total: UInt64 = 0
        for bucket in counts.indices.dropLast() where counts[bucket] > 0 {
            if Scale.highest(in: bucket) > bound { return total }
            total &+= counts[bucket]
        }
        return highest <= bound ? count : total
    }
}

extension ScaledHistogramSnapshot {
    /// One that was kept elsewhere. `nil` when it can't be right: of another number of buckets, of more values than 2⁵⁰,
    /// or with a highest value that does not lie in the last bucket that has any.
    public init?(restoring counts: [UInt64], sum: UInt64, highest: UInt64) {
        let last = counts.lastIndex { $0 > 0 }
        var total: UInt64 = 0
        for count in counts {
            guard count <= 1 << 50, total <= 1 << 50 else { return nil }
            total += count
        }
        guard counts.count == Scale.bucketCount, total <= 1 << 50,
            last.map({ $0 == Scale.bucket(of: highest) }) ?? (highest == 0 && sum == 0)
        else { return nil }
        self.init(counts: counts, sum: sum, highest: highest)
    }

    /// One without values.
    public init() {
        self.init(
            counts: Array(repeating: 0, count: Scale.bucketCount), sum: 0, highest: 0)
    }
}
