import CLinux

/// Processor time used so far, in nanoseconds.
public enum ProcessorTime {
    /// By the calling thread: `CLOCK_THREAD_CPUTIME_ID`.
    public static func ofThread() -> Int64 { clinux_thread_time() }

    /// By all threads of the process: `CLOCK_PROCESS_CPUTIME_ID`.
    public static func ofProcess() -> Int64 { clinux_process_time() }
}
