import Glibc
import Linux

/// How long a test waits for what has to come. It is there in milliseconds mostly; on a machine that is busy with other
/// work it may take seconds, and only a fault takes all of this.
public enum Patience {
    public static let seconds = 60.0

    /// Waits until a condition holds. Answers whether it came true in time.
    public static func awaits(_ condition: () throws -> Bool) rethrows -> Bool {
        let end = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while try !condition() {
            guard MonotonicInstant.now() < end else { return false }
            usleep(5_000)
        }
        return true
    }
}
