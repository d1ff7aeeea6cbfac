public import Glibc
import Linux
import Processes
import TestFiles

/// Another program, started by the test, with what it writes captured and its time bounded.
///
/// Only what was started here is ever signalled, by its process id. When the value goes, a process
/// that still runs is killed and reaped; when the test's own process goes, however it does, `Reaper`
/// kills it.
public final class ChildProcess {
    /// How a program ended.
    public struct Ending: Sendable {
        /// Its exit status; 128 and the signal's number when a signal ended it.
        public let status: Int32
        public let output: String
        public let errors: String
    }

    public let program: String
    public let identifier: pid_t
    private let pipes: [Int32]

    /// Our end of its standard input; -1 without one, or when that has been finished.
    private var inputEnd: Int32
    private var captured: [[UInt8]] = [[], []]
    private var isOpen = [true, true]
    private var status: Int32?

    /// Starts `program` (a path, or a name that is looked up in `PATH`), its standard input empty, or what
    /// `write` gives it.
    public init(
        _ program: String,
        _ arguments: [String],
        takesInput: Bool = false
    ) throws(ChildProcessError) {
        var input: [Int32] = [-1, -1]
        var output: [Int32] = [0, 0]
        var errors: [Int32] = [0, 0]
        // Safe: each C function stays inside what it is given, during the call.
        let nothing = unsafe open("/dev/null", O_RDONLY)
        guard unsafe pipe(&output) == 0 else {
            close(nothing)
            throw .notStarted(program: program, code: errno)
        }
        guard unsafe pipe(&errors) == 0 else {
            for descriptor in output + [nothing] { close(descriptor) }
            throw .notStarted(program: program, code: errno)
        }
        // A socket, as writing to a pipe that is read no longer would be our end.
        let type = Int32(SOCK_STREAM.rawValue)
        guard unsafe !takesInput || socketpair(AF_UNIX, type, 0, &input) == 0 else {
            for descriptor in output + errors + [nothing] { close(descriptor) }
            throw .notStarted(program: program, code: errno)
        }
        let (child, code) = Self.start(
            program, arguments, streams: (takesInput ? input[1] : nothing, output[1], errors[1]))
        close(nothing)
        close(output[1])
        close(errors[1])
        if takesInput { close(input[1]) }
        guard code == 0 else {
            if takesInput { close(input[0]) }
            close(output[0])
            close(errors[0])
            throw .notStarted(program: program, code: code)
        }
        Reaper.shared.watch(child)
        self.program = program
        identifier = child
        pipes = [output[0], errors[0]]
        inputEnd = input[0]
    }

    /// Its number, or why there is none. It has no descriptors but its streams: those that other threads have just
    /// opened would not be closed for the ends that wait for that.
    private static func start(
        _ program: String, _ arguments: [String], streams: (Int32, Int32, Int32)
    ) -> (child: pid_t, code: Int32) {
        let places = (program.contains("/") ? [""] : Self.places).map { $0 + program }
        var code = ENOENT
        for place in places {
            do {
                let child = try SpawnedProcess.start(
                    place, arguments: arguments, environment: Child.ownEnvironment,
                    directory: nil, streams: streams, isLeader: false)
                return (child, 0)
            } catch {
                code = error.rawValue
            }
        }
        return (-1, code)
    }

    /// Where programs are looked for.
    private static var places: [String] {
        let path =
            Child.ownEnvironment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/" }
    }

    deinit {
        kill()
        finishInput()
        for descriptor in pipes { close(descriptor) }
    }

    /// What it has written to standard output so far.
    public var output: String { String(decoding: captured[0], as: UTF8.self) }

    /// What it has written to standard error so far.
    public var errors: String { String(decoding: captured[1], as: UTF8.self) }

    /// Runs a program to its end.
    public static func run(
        _ program: String,
        _ arguments: [String],
        seconds: Double = 20
    ) throws(ChildProcessError) -> Ending {
        try ChildProcess(program, arguments).wait(seconds: seconds)
    }

    /// Waits for its end. Still running after `seconds`, it is killed and the wait throws.
    public func wait(seconds: Double = 20) throws(ChildProcessError) -> Ending {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while isOpen[0] || isOpen[1] {
            guard MonotonicInstant.now() < deadline else { throw expired(seconds) }
            capture(milliseconds: 50)
        }
        while !reap(WNOHANG) {
            guard MonotonicInstant.now() < deadline else { throw expired(seconds) }
            usleep(2_000)
        }
        return Ending(status: status ?? -1, output: output, errors: errors)
    }

    /// Reads what it writes until `isEnough` of it is there, answers whether that came in time.
    public func waitForOutput(
        seconds: Double = 10,
        until isEnough: (_ output: String, _ errors: String) -> Bool
    ) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while !isEnough(output, errors) {
            guard isOpen[0] || isOpen[1], MonotonicInstant.now() < deadline else { return false }
            capture(milliseconds: 50)
        }
        return true
    }

    /// Reads what it writes until `bytes` are somewhere in its standard output, answers whether that came in time.
    public func waitForOutput(containing bytes: [UInt8], seconds: Double = 10) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while !hasWritten(bytes) {
            guard isOpen[0], MonotonicInstant.now() < deadline else { return false }
            capture(milliseconds: 50)
        }
        return true
    }

    /// Takes out what it has written to standard output since it was asked last; does not wait.
    public func takeOutput() -> [UInt8] {
        var count = -1
        while captured[0].count > count {
            count = captured[0].count
            capture(milliseconds: 0)
        }
        defer { captured[0].removeAll(keepingCapacity: true) }
        return captured[0]
    }

    private func hasWritten(_ bytes: [UInt8]) -> Bool {
        var start = 0
        // Safe: both are read within their lengths; what `memchr` answers is in what it was given.
        return unsafe captured[0].withUnsafeBytes { written in
            while start + bytes.count <= written.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: written[start...])
                guard let address = rest.baseAddress,
                    let found = unsafe memchr(
                        address, Int32(bytes[0]), rest.count - bytes.count + 1)
                else { return false }
                if unsafe memcmp(found, bytes, bytes.count) == 0 { return true }
                start += unsafe UnsafeRawPointer(found) - address + 1
            }
            return false
        }
    }

    /// Gives it bytes on its standard input, and takes what it writes meanwhile.
    public func write(_ bytes: [UInt8], seconds: Double = 20) throws(ChildProcessError) {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        var rest = bytes[...]
        while !rest.isEmpty {
            guard MonotonicInstant.now() < deadline else { throw expired(seconds) }
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(inputEnd, $0.baseAddress, $0.count, flags)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN || errno == EINTR {
                capture(milliseconds: 5)
            } else {
                throw .deaf(program: program, output: output + errors)
            }
        }
    }

    /// Has its standard input end.
    public func finishInput() {
        if inputEnd >= 0 { close(inputEnd) }
        inputEnd = -1
    }

    /// Whether it has not ended by itself.
    public var isRunning: Bool { !reap(WNOHANG) }

    /// Sends it a signal, if it has not been reaped.
    public func signal(_ number: Int32) {
        if status == nil { _ = Glibc.kill(identifier, number) }
    }

    /// Ends it with SIGKILL and waits for that; nothing if it has ended.
    public func kill() {
        guard status == nil else { return }
        signal(SIGKILL)
        _ = reap(0)
    }

    private func expired(_ seconds: Double) -> ChildProcessError {
        kill()
        return .tooSlow(program: program, seconds: seconds, output: output + errors)
    }

    /// Takes what both pipes hold; waits for at most so long for something.
    private func capture(milliseconds: Int32) {
        var waiting = (0..<2).map { index in
            pollfd(fd: isOpen[index] ? pipes[index] : -1, events: Int16(POLLIN), revents: 0)
        }
        // Safe: the array has the two entries said.
        guard unsafe poll(&waiting, 2, milliseconds) > 0 else { return }
        var piece = [UInt8](repeating: 0, count: 16_384)
        for index in 0..<2 where waiting[index].revents != 0 {
            let count = unsafe read(pipes[index], &piece, piece.count)
            if count > 0 {
                captured[index].append(contentsOf: piece[..<count])
            } else if count == 0 || errno != EINTR {
                isOpen[index] = false
            }
        }
    }

    private func reap(_ options: Int32) -> Bool {
        guard status == nil else { return true }
        var raw: Int32 = 0
        let result = unsafe waitpid(identifier, &raw, options)
        guard result == identifier else {
            guard result < 0, errno != EINTR else { return false }
            status = -1
            return true
        }
        // WIFSIGNALED, WTERMSIG and WEXITSTATUS of wait(2).
        let signal = raw & 0x7F
        status = signal == 0 ? raw >> 8 & 0xFF : 128 + signal
        return true
    }
}
