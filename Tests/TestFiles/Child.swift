import Glibc

/// Another process of ours, and what it prints.
public struct Child: Sendable {
    public let identifier: Int32
    public let output: Int32

    /// Starts a program that lies next to the test binary, with some variables beside those of this process.
    public init(_ name: String, _ words: String..., environment: [String: String] = [:]) {
        let own = Self.ownProgram()
        let program = own[...(own.lastIndex(of: "/") ?? own.startIndex)] + name
        var pipes: [Int32] = [0, 0]
        // Safe: each C function stays inside what it is given, during the call; the strings are
        // freed below.
        let isPiped = unsafe pipe(&pipes) == 0
        precondition(isPiped, "no pipe")
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        unsafe posix_spawn_file_actions_addclose(&actions, pipes[0])
        var arguments = unsafe ([String(program)] + words).map { word in unsafe strdup(word) }
        unsafe arguments.append(nil)
        var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") }
        for index in 0... {
            guard let variable = unsafe environ[index] else { break }
            unsafe variables.append(strdup(variable))
        }
        unsafe variables.append(nil)
        var child: pid_t = 0
        let code = unsafe posix_spawn(
            &child, String(program), &actions, nil, &arguments, &variables)
        for index in 0..<words.count + 1 { unsafe free(arguments[index]) }
        for index in unsafe variables.indices { unsafe free(variables[index]) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        close(pipes[1])
        precondition(code == 0, "spawn \(program)")
        identifier = child
        output = pipes[0]
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

    /// Ends it with SIGKILL and waits for it.
    public func kill() {
        _ = Glibc.kill(identifier, SIGKILL)
        waitpid(identifier, nil, 0)
    }
}
