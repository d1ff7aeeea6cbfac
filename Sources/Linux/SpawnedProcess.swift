import CLinux

/// A program that this one has started, `posix_spawn(3)`, with a socket of its own between the two. It is killed when
/// this value is destroyed.
public struct SpawnedProcess: ~Copyable {
    /// As the kernel numbers it.
    public let number: Int32

    /// This process' end; nothing waits. The child's is its standard input.
    public let socket: Descriptor

    /// Starts the program at `path`. Its environment is empty, and its standard error is this process'.
    ///
    /// - Throws: `noSuchFile` when there is none, `permissionDenied` when it can't be executed, and what a want of
    ///   descriptors, memory or processes is.
    public init(_ path: String, arguments: [String]) throws(Errno) {
        var descriptor: Int32 = -1
        let process = unsafe Self.withCStrings([path] + arguments) { words in
            unsafe Self.withCStrings([]) { environment in
                // Safe: the arrays end with a null pointer and live through the call.
                unsafe clinux_spawn(path, words, environment, &descriptor)
            }
        }
        guard process >= 0 else { throw Errno(rawValue: Int32(-process)) }
        number = Int32(process)
        socket = Descriptor(adopting: descriptor)
    }

    deinit {
        // It has ended already, or does so now: nothing else may wait for it.
        _ = clinux_kill(number)
        _ = try? retrying { clinux_wait(number) }
    }

    /// Has the kernel end the calling process when the thread that has started it is gone.
    public static func endWithParent() throws(Errno) {
        _ = try retrying { clinux_end_with_parent() }
    }

    /// Starts a program that belongs to the caller, who has to wait for it: its number.
    ///
    /// - Parameters:
    ///   - environment: `NAME=value`.
    ///   - directory: where it runs; `nil`: where this process does.
    ///   - streams: its standard input, output and error; -1: this process'. It has no other descriptors.
    ///   - isLeader: whether it is in a process group of its own.
    public static func start(
        _ path: String, arguments: [String], environment: [String], directory: String?,
        streams: (input: Int32, output: Int32, errors: Int32), isLeader: Bool
    ) throws(Errno) -> Int32 {
        let process = unsafe withCStrings([path] + arguments) { words in
            unsafe withCStrings(environment) { variables in
                // Safe: the arrays end with a null pointer and live through the call.
                unsafe clinux_start(
                    path, words, variables, directory, streams.input, streams.output,
                    streams.errors, isLeader)
            }
        }
        guard process >= 0 else { throw Errno(rawValue: Int32(-process)) }
        return Int32(process)
    }

    /// Texts as C has them, with a null pointer behind the last one.
    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { text in
            unsafe strdup(text)
        }
        unsafe strings.append(nil)
        // Safe: they were made by strdup(3) above, and are freed once.
        defer { unsafe strings.forEach { string in unsafe free(string) } }
        return unsafe body(strings)
    }
}
