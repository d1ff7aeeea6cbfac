import Glibc
import Linux
import Synchronization

/// The signals that mean something to a gateway: trapped once, before it listens, for as long as the process runs.
///
/// The handler does nothing but write the signal's number to a pipe, so that no signal is lost, or ends the
/// process at once. Signals that come before anything waits for them are kept.
enum SignalTrap {
    enum Wish: Sendable {
        /// SIGTERM, SIGINT: to drain. A second one ends the process at once.
        case end

        /// SIGHUP: to read certificate and key again.
        case reload
    }

    /// Reading and writing end of the pipe, set before the first handler.
    private static let ends: (reading: Int32, writing: Int32) = {
        var ends: [Int32] = [-1, -1]
        // Safe: `pipe` fills both during the call.
        guard unsafe pipe(&ends) == 0 else { fatalError("no pipe for signals") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // Full, it would block the handler; what is in it then says enough.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }()

    private static let wishes = AsyncStream.makeStream(of: Wish.self)

    /// Traps them. Later calls do nothing.
    static func set() { _ = isSet }

    private static let isSet: Bool = {
        _ = ends
        for number in [SIGTERM, SIGINT, SIGHUP] {
            // Safe: the handler calls nothing but write(2), on a pipe that is there for good.
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = unsafe write(SignalTrap.ends.writing, &byte, 1)
                errno = before
            }
        }
        do throws(Errno) {
            _ = try Linux.Thread(name: "signals", body: readSignals)
        } catch {
            fatalError("no thread for signals: \(error)")
        }
        return true
    }()

    /// The thread of the reading end.
    private static func readSignals() {
        var hasBeenAskedToEnd = false
        while true {
            var byte: UInt8 = 0
            // Safe: `read` writes one byte during the call.
            guard unsafe read(ends.reading, &byte, 1) == 1 else {
                precondition(errno == EINTR, "the pipe of signals")
                continue
            }
            if Int32(byte) == SIGHUP {
                wishes.continuation.yield(.reload)
                continue
            }
            if hasBeenAskedToEnd { _exit(1) }
            hasBeenAskedToEnd = true
            wishes.continuation.yield(.end)
        }
    }

    /// What was asked for since `set`, in order; for one that iterates.
    static var stream: AsyncStream<Wish> { wishes.stream }
}
