import CLinux

/// What the system allows this process.
public enum ProcessLimits {
    /// Raises the number of descriptors the process may have open to `wanted`, or as far as it may
    /// (`RLIMIT_NOFILE`); the limit that now holds.
    public static func raiseOpenFiles(to wanted: Int) throws(Errno) -> Int {
        try retrying { clinux_raise_open_files(UInt64(max(0, wanted))) }
    }
}

/// The C library's heap.
public enum Heap {
    /// Gives free memory back to the system, `malloc_trim(3)`: milliseconds, so from a slow timer,
    /// after many connections have gone.
    public static func trim() { clinux_trim_heap() }
}
