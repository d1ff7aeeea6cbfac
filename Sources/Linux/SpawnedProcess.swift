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
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { word in
            unsafe strdup(word)
        }
        unsafe words.append(nil)
        // Safe: they were made by strdup(3) above, and are freed once.
        defer { unsafe words.forEach { word in unsafe free(word) } }
        let environment: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
        var descriptor: Int32 = -1
        // Safe: the arrays end with a null pointer and live through the call.
        let process = unsafe clinux_spawn(path, words, environment, &descriptor)
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
}
