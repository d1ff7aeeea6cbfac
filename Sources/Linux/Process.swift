import CLinux

/// What the system allows this process.
public enum ProcessLimits {
    /// Raises the number of descriptors the process may have open (the soft `RLIMIT_NOFILE`) to `wanted`,
    /// or to the hard limit; the limit that now holds.
    public static func raiseOpenFiles(to wanted: Int) throws(Errno) -> Int {
        try retrying { clinux_raise_open_files(UInt64(max(0, wanted))) }
    }

    /// How many descriptors the process has open. Fails with `tooManyOpenFiles` on kernels before 6.2 when
    /// none is left to look with.
    public static func openFiles() throws(Errno) -> Int { try retrying { clinux_open_files() } }
}

/// A descriptor that is kept for the moment when there is no other: without one nothing can be accepted, not
/// even to be closed.
public struct SpareDescriptor: ~Copyable, Sendable {
    private var descriptor: Descriptor?

    public init() { descriptor = Self.taken() }

    /// Gives the descriptor up while `body` runs, and takes it back. False, with nothing done, when there
    /// was none to be given up.
    public mutating func lend(_ body: () throws(Errno) -> Void) throws(Errno) -> Bool {
        switch descriptor.take() {
        case .some(let spare): _ = consume spare
        case .none:
            descriptor = Self.taken()
            return false
        }
        defer { descriptor = Self.taken() }
        try body()
        return true
    }

    /// Nothing when there is none left; taken with the next need.
    private static func taken() -> Descriptor? {
        let number = clinux_open_nothing()
        return number < 0 ? nil : Descriptor(adopting: Int32(number))
    }
}

/// The C library's heap.
public enum Heap {
    /// Gives free memory back to the system, `malloc_trim(3)`: milliseconds, so from a slow timer,
    /// after many connections have gone.
    public static func trim() { clinux_trim_heap() }
}
