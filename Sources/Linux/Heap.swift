import CLinux

/// The C library's heap.
public enum Heap {
    /// Gives free memory back to the system, `malloc_trim(3)`: milliseconds, so from a slow timer,
    /// after many connections have gone.
    public static func trim() { clinux_trim_heap() }
}
