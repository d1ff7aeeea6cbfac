import CLinux
internal import Glibc

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

/// What this process takes of the machine, as the kernel counts it (proc(5), `/proc/self/stat`).
public struct ProcessFigures: Equatable, Sendable {
    /// Of memory.
    public let residentBytes: Int

    /// Of addresses: mapped files are among them.
    public let virtualBytes: Int

    /// Of all threads, in user and kernel mode.
    public let cpuMilliseconds: Int
    public let threads: Int

    /// - Throws: `FileError` when the file can't be read, as when no descriptor is left; `EPROTO` in it when it is not what
    ///   proc(5) says.
    public static func now() throws(FileError) -> ProcessFigures {
        let path = "/proc/self/stat"
        let bytes = try FileSystem.read(path, maximumBytes: 4_096)
        // The name of the program comes second, in parentheses, and may have anything in it.
        let rest = bytes.lastIndex(of: UInt8(ascii: ")")).map { bytes[($0 + 1)...] } ?? []
        let fields = rest.split(separator: UInt8(ascii: " ")).map {
            Int(String(decoding: $0, as: UTF8.self))
        }
        // The first of these is the third field, the state.
        func field(_ number: Int) -> Int? {
            fields.indices.contains(number - 3) ? fields[number - 3] : nil
        }
        guard let user = field(14), let system = field(15), let threads = field(20),
            let virtual = field(23), let resident = field(24)
        else { throw FileError(operation: "read", path: path, code: Errno(rawValue: EPROTO)) }
        return ProcessFigures(
            residentBytes: resident * sysconf(Int32(_SC_PAGESIZE)), virtualBytes: virtual,
            cpuMilliseconds: (user + system) * 1_000 / max(1, sysconf(Int32(_SC_CLK_TCK))),
            threads: threads)
    }
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
