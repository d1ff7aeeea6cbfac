import Glibc

/// CPU time of this thread.
public enum ProcessorTime {
    public static func nanoseconds() -> Double {
        var time = timespec()
        // Safe: fills the structure during the call.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// Nanoseconds of `body`, the least of `rounds`.
    static func least<E: Error>(of rounds: Int, _ body: () throws(E) -> Void) throws(E) -> Double {
        var least = Double.infinity
        for _ in 0..<rounds {
            let start = nanoseconds()
            try body()
            least = min(least, nanoseconds() - start)
        }
        return least
    }
}
