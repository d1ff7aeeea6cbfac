import CLinux
public import Time

/// A point in time on the clock that never jumps: nanoseconds since some start, in practice the
/// machine's (`CLOCK_MONOTONIC`). Deadlines and durations are counted on it.
@frozen
public struct MonotonicInstant: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Reads the clock: `clock_gettime(2)`, without entering the kernel.
    public static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: clinux_monotonic())
    }

    @inlinable
    public func adding(nanoseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: self.nanoseconds + nanoseconds)
    }

    @inlinable
    public func adding(milliseconds: Int64) -> MonotonicInstant {
        adding(nanoseconds: milliseconds * 1_000_000)
    }

    /// Nanoseconds from `earlier` to this point; negative when it is later.
    @inlinable
    public func nanoseconds(since earlier: MonotonicInstant) -> Int64 {
        nanoseconds - earlier.nanoseconds
    }

    /// Whole milliseconds from `earlier` to this point, rounded towards zero.
    @inlinable
    public func milliseconds(since earlier: MonotonicInstant) -> Int64 {
        nanoseconds(since: earlier) / 1_000_000
    }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Timestamp {
    /// Reads the wall clock: `clock_gettime(2)` with `CLOCK_REALTIME`, in whole milliseconds.
    public static func now() -> Timestamp { Timestamp(milliseconds: clinux_realtime() / 1_000_000) }
}

/// Processor time used so far, in nanoseconds.
public enum ProcessorTime {
    /// By the calling thread: `CLOCK_THREAD_CPUTIME_ID`.
    public static func ofThread() -> Int64 { clinux_thread_time() }

    /// By all threads of the process: `CLOCK_PROCESS_CPUTIME_ID`.
    public static func ofProcess() -> Int64 { clinux_process_time() }

    /// By all threads of the process with that number (`clock_getcpuclockid(3)`); fails with `ESRCH` when there is none.
    public static func ofProcess(_ number: Int32) throws(Errno) -> Int64 {
        let time = clinux_other_process_time(number)
        if time < 0 { throw Errno(rawValue: Int32(-time)) }
        return time
    }
}
