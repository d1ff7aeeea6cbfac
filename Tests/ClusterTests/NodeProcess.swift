import Glibc
import LedgerModel
import Support

/// A `LedgerNode` that is killed, paused and started again, and all that it has ever written.
final class NodeProcess {
    let name: String
    let directory: String
    private let arguments: [String]
    private var process: ChildProcess?
    private(set) var isPaused = false

    /// Of all starts, in order; the last line may be cut off by a kill.
    private(set) var outputs: [[UInt8]] = []

    /// What a process has said that ended by itself.
    private(set) var falls: [String] = []

    /// - Parameter arguments: of `LedgerNode`, behind the directory and the name.
    init(_ name: String, _ directory: String, _ arguments: [String]) {
        self.name = name
        self.directory = directory
        self.arguments = arguments
    }

    var isRunning: Bool { process != nil }

    func start() throws {
        process = try ChildProcess(
            Self.program, [directory, name] + arguments, takesInput: true)
        outputs.append([])
    }

    /// Takes what it has written, and sees whether it has ended by itself, which it should not.
    func drain() {
        guard let process else { return }
        let runs = process.isRunning
        outputs[outputs.count - 1] += process.takeOutput()
        if runs { return }
        falls.append("\(name) has ended by itself: \(process.errors.suffix(2_000))")
        self.process = nil
    }

    func kill() {
        process?.kill()
        if let process { outputs[outputs.count - 1] += process.takeOutput() }
        process = nil
        isPaused = false
    }

    func pause() {
        process?.signal(SIGSTOP)
        isPaused = process != nil
    }

    func resume() {
        process?.signal(SIGCONT)
        isPaused = false
    }

    func tell(_ line: String) throws { try process?.write(Array("\(line)\n".utf8)) }

    /// The last line that begins with that word, of this start.
    func lastLine(_ word: String) -> String? {
        drain()
        // Standings are short, and at the end.
        let end = String(decoding: (outputs.last ?? []).suffix(4_096), as: UTF8.self)
        return end.split(separator: "\n").last { $0.hasPrefix(word) }.map(String.init)
    }

    /// Has it close its books, and waits for that.
    func finish() throws {
        guard let process else { return }
        process.finishInput()
        let ending = try process.wait(seconds: Patience.seconds)
        outputs[outputs.count - 1] += process.takeOutput()
        self.process = nil
        if ending.status != 0 {
            falls.append("\(name) ended with \(ending.status): \(ending.errors.suffix(2_000))")
        }
    }

    private static var program: String { neighbour("LedgerNode") }

    /// A program next to the test's own.
    static func neighbour(_ name: String) -> String {
        var link = [UInt8](repeating: 0, count: 4_096)
        // Safe: `readlink` writes at most as many bytes as it is told.
        let length = unsafe link.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
        }
        let own = String(decoding: link.prefix(max(length, 0)), as: UTF8.self)
        return own[...(own.lastIndex(of: "/") ?? own.startIndex)] + name
    }
}
