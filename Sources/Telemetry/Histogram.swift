public import Synchronization

/// How often each size of a value occurred, to within 1/32 of the value: one thread records, any
/// thread may take a snapshot. `HistogramScale` says how the buckets lie; they take 9.5 KB.
@safe
public final class Histogram: Sendable {
    /// The buckets, and after them the sum and the highest value.
    // Safe: set once; reached only through atomic operations until `deinit` frees it.
    @usableFromInline nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline static var sumIndex: Int { HistogramScale.bucketCount }
    @usableFromInline static var highestIndex: Int { HistogramScale.bucketCount + 1 }
    private static var cellCount: Int { HistogramScale.bucketCount + 2 }

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
        add(times, to: HistogramScale.bucket(of: value))
        add(value &* times, to: Self.sumIndex)
        // Safe: the cell is one of ours.
        if unsafe value > cells[Self.highestIndex].load(ordering: .relaxed) {
            unsafe cells[Self.highestIndex].store(value, ordering: .relaxed)
        }
    }

    /// What was recorded so far. A value that is being recorded meanwhile may be in it in part.
    public func snapshot() -> HistogramSnapshot {
        // Safe: the cells are ours.
        HistogramSnapshot(
            counts: (0..<HistogramScale.bucketCount).map {
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
