import Glibc

/// Kills the processes that a test process has started and left behind: a shell that waits until the test process
/// has ended, by whatever: a signal, a trap, `kill -9`.
///
/// (`PR_SET_PDEATHSIG` would kill them when the *thread* that has started them ends, and tests run on many.)
final class Reaper: Sendable {
    static let shared = Reaper()

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
        // Safe: each C function stays inside what it is given, during the call; the strings are freed below.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let isPaired = unsafe socketpair(AF_UNIX, type, 0, &ends) == 0
        precondition(isPaired, "no sockets")
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // What waits for the end of this process' output does not wait for the shell's; nor does what waits for a process that
        // another thread is just starting, whose end Foundation sees in a socket that the shell would have, too.
        for descriptor: Int32 in [1, 2] {
            unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        for descriptor: Int32 in 3..<1_024 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var words =
            unsafe (["sh", "-c", Self.script] as [String]).map { unsafe strdup($0) } + [nil]
        var shell: pid_t = 0
        let code = unsafe posix_spawnp(&shell, "sh", &actions, nil, &words, environ)
        unsafe words.forEach { unsafe free($0) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        close(ends[0])
        precondition(code == 0, "no shell")
        input = ends[1]
    }

    /// From now on a process of ours does not outlive this one.
    func watch(_ identifier: pid_t) {
        let line = Array("\(identifier)\n".utf8)
        // Safe: `send` reads the array during the call.
        let count = unsafe line.withUnsafeBytes {
            unsafe send(input, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        precondition(count == line.count, "the shell that kills what is left behind has ended")
    }
}
