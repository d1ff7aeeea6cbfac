import Glibc
import Linux

/// Another process of ours, and what it prints.
public struct Child: Sendable {
    public let identifier: Int32
    public let output: Int32

    /// Starts a program that lies next to the test binary, with some variables beside those of this process.
    public init(_ name: String, _ words: String..., environment: [String: String] = [:]) {
        let own = Self.ownProgram()
        let program = own[...(own.lastIndex(of: "/") ?? own.startIndex)] + name
        var pipes: [Int32] = [0, 0]
        // Safe: `pipe` writes the two numbers.
        let isPiped = unsafe pipe(&pipes) == 0
        precondition(isPiped, "no pipe")
        let child = try? SpawnedProcess.start(
            String(program), arguments: words,
            environment: environment.map { "\($0.key)=\($0.value)" } + Self.ownEnvironment,
            directory: nil, streams: (-1, pipes[1], -1), isLeader: false)
        close(pipes[1])
        guard let child else { preconditionFailure("spawn \(program)") }
        identifier = child
        output = pipes[0]
    }

    /// The environment of this process: `NAME=value`.
    public static var ownEnvironment: [String] {
        // Safe: it ends with a null pointer, and no test changes it.
        var variables: [String] = []
        var next = 0
        while let variable = unsafe environ[next] {
            unsafe variables.append(String(cString: variable))
            next += 1
        }
        return variables
    }

    private static func ownProgram() -> String {
        var link = [UInt8](repeating: 0, count: 4_096)
        // Safe: `readlink` writes at most as many bytes as it is told.
        let length = unsafe link.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
        }
        return String(decoding: link.prefix(max(length, 0)), as: UTF8.self)
    }

    /// Reads lines until `isEnough` of them, or until the child ends.
    public func lines(until isEnough: ([String]) -> Bool) -> [String] {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var lines: [String] = []
        while !isEnough(lines) {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(output, $0.baseAddress, $0.count)
            }
            guard count > 0 else { break }
            text.append(contentsOf: chunk[..<count])
            while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(String(decoding: text[..<end], as: UTF8.self))
                text.removeSubrange(...end)
            }
        }
        return lines
    }

    /// Waits for its end; the number of the signal that has ended it, 0 when it ended by itself.
    public func signalAtEnd() -> Int32 {
        var status: Int32 = 0
        // Safe: `waitpid` writes the one number.
        unsafe waitpid(identifier, &status, 0)
        return status & 0x7F
    }

    /// Ends it with SIGKILL and waits for it.
    public func kill() {
        _ = Glibc.kill(identifier, SIGKILL)
        waitpid(identifier, nil, 0)
    }
}
