import Glibc
import Linux

/// Kills the processes that a test process has started and left behind: a shell that waits until the test process
/// has ended, by whatever: a signal, a trap, `kill -9`.
///
/// (`PR_SET_PDEATHSIG` would kill them when the *thread* that has started them ends, and tests run on many.)
public final class Reaper: Sendable {
    public static let shared = Reaper()

    /// Lines of process ids come on the standard input, which ends with the process that writes them. A process is
    /// known by its id and the time at which it began (field 22 of proc(5)'s `stat`): ids are given again.
    private static let script = """
        trap '' HUP INT TERM
        began() { stat=$(cat "/proc/$1/stat" 2>/dev/null) && set -- ${stat##*)} && echo "${20}"; }
        known=
        while read -r id; do known="$known $id:$(began "$id")"; done
        for one in $known; do
            [ "$(began "${one%:*}")" != "${one#*:}" ] || kill -KILL "${one%:*}"
        done
        """

    /// Our end of its standard input; stays open as long as this process lives.
    private let input: Int32

    private init() {
        var ends: [Int32] = [0, 0]
        // Safe: `socketpair` writes the two numbers.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let isPaired = unsafe socketpair(AF_UNIX, type, 0, &ends) == 0
        precondition(isPaired, "no sockets")
        // What waits for the end of this process' output does not wait for the shell's.
        let nothing = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
        let shell = try? SpawnedProcess.start(
            "/bin/sh", arguments: ["-c", Self.script], environment: ["PATH=/usr/bin:/bin"],
            directory: nil, streams: (ends[0], nothing, nothing), isLeader: false)
        close(nothing)
        close(ends[0])
        precondition(shell != nil, "no shell")
        input = ends[1]
    }

    /// From now on a process of ours does not outlive this one.
    public func watch(_ identifier: Int32) {
        let line = Array("\(identifier)\n".utf8)
        // Safe: `send` reads the array during the call.
        let count = unsafe line.withUnsafeBytes {
            unsafe send(input, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        precondition(count == line.count, "the shell that kills what is left behind has ended")
    }
}
