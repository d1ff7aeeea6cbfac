public import Synchronization

/// Values that go up and down, which one thread sets and any thread may read: one per case of
/// `Name`, whose raw values must be 0, 1, 2, … in the order of `allCases`.
@safe
public final class GaugeBlock<Name: CaseIterable & RawRepresentable<Int> & Sendable>: Sendable {
    /// On cache lines of their own, so that no two threads' blocks share one.
    // Safe: set once; reached only through atomic operations until `deinit` frees it.
    @usableFromInline nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

    public init() {
        // Safe: freed by `deinit`, and reached only through atomic operations meanwhile.
        unsafe cells = AtomicCells.allocate(checkedCount(of: Name.self))
    }

    deinit { unsafe AtomicCells.free(cells, Name.allCases.count) }

    /// For the one writer.
    @inlinable
    public func set(_ name: Name, to value: Int64) {
        // Safe: raw values are below the number of cells, as `init` has checked.
        unsafe cells[name.rawValue].store(UInt64(bitPattern: value), ordering: .relaxed)
    }

    /// Adds `amount`, which may be negative. For the one writer.
    @inlinable
    public func add(_ amount: Int64, to name: Name) { set(name, to: value(of: name) &+ amount) }

    /// The value now, from any thread.
    @inlinable
    public func value(of name: Name) -> Int64 {
        // Safe: raw values are below the number of cells, as `init` has checked.
        Int64(bitPattern: unsafe cells[name.rawValue].load(ordering: .relaxed))
    }
}
