public import Synchronization

/// Counters that one thread counts up and any thread may read: one per case of `Name`, whose raw
/// values must be 0, 1, 2, … in the order of `allCases`.
///
/// Counting is a relaxed load and store, no atomic addition: with two writers, counts get lost.
@safe
public final class CounterBlock<Name: CaseIterable & RawRepresentable<Int> & Sendable>: Sendable {
    /// On cache lines of their own, so that no two threads' blocks share one.
    // Safe: set once; reached only through atomic operations until `deinit` frees it.
    @usableFromInline nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

    public init() {
        // Safe: freed by `deinit`, and reached only through atomic operations meanwhile.
        unsafe cells = AtomicCells.allocate(checkedCount(of: Name.self))
    }

    deinit { unsafe AtomicCells.free(cells, Name.allCases.count) }

    /// Counts `amount` more. For the one writer; wraps at 2⁶⁴.
    @inlinable
    public func add(_ amount: UInt64 = 1, to name: Name) {
        // Safe: raw values are below the number of cells, as `init` has checked.
        let count = unsafe cells[name.rawValue].load(ordering: .relaxed)
        unsafe cells[name.rawValue].store(count &+ amount, ordering: .relaxed)
    }

    /// What has been counted so far, from any thread.
    @inlinable
    public func value(of name: Name) -> UInt64 {
        // Safe: raw values are below the number of cells, as `init` has checked.
        unsafe cells[name.rawValue].load(ordering: .relaxed)
    }
}
