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

/// Memory for counters that begin at zero, on cache lines of their own.
enum AtomicCells {
    /// Two lines of 64 bytes: processors fetch them in pairs.
    private static let alignment = 128

    @unsafe
    static func allocate(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        let bytes = count * MemoryLayout<Atomic<UInt64>>.stride
        let padded = (max(bytes, 1) + alignment - 1) / alignment * alignment
        let cells =
            unsafe UnsafeMutableRawPointer
            .allocate(byteCount: padded, alignment: alignment)
            .bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { unsafe (cells + index).initialize(to: Atomic(0)) }
        return unsafe cells
    }

    @unsafe
    static func free(_ cells: UnsafeMutablePointer<Atomic<UInt64>>, _ count: Int) {
        unsafe cells.deinitialize(count: count)
        unsafe cells.deallocate()
    }
}

/// The number of cases; traps unless their raw values count up from 0, as they index memory.
func checkedCount<Name: CaseIterable & RawRepresentable<Int>>(of name: Name.Type) -> Int {
    let values = Name.allCases.map(\.rawValue)
    precondition(values.elementsEqual(values.indices), "raw values must count up from 0")
    return values.count
}
