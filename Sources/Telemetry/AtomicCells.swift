import Synchronization

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
