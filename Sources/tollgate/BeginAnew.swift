import Glibc
import Linux

/// Starts this program anew in this process, with the same arguments and environment.
enum BeginAnew {
    /// Returns only when that fails, `execv(3)`: why. Descriptors are closed on the way, as all of them say so.
    static func run() -> String {
        var arguments = unsafe CommandLine.arguments.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        // Safe: the texts live until the process is another one, or ends.
        unsafe execv("/proc/self/exe", arguments)
        return "\(Errno(rawValue: errno))"
    }
}
