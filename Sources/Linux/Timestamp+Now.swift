import CLinux
public import Time

extension Timestamp {
    /// Reads the wall clock: `clock_gettime(2)` with `CLOCK_REALTIME`, in whole milliseconds.
    public static func now() -> Timestamp {
        Timestamp(milliseconds: clinux_realtime() / 1_000_000)
    }
}
