internal import Glibc

/// The process' standard streams, as programs for a terminal and for pipes use them.
public enum StandardStreams {
    /// For the whole process: a reader that goes is an error of `write(2)`, not a signal; and the number of a standard stream
    /// that was closed before the start is not given to another file.
    public static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // Reading from the first and writing to the others fails as before. `open` takes the lowest free number.
            // Safe: the text lives through the call.
            _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Writes all of it; a descriptor that does not block is waited for.
    ///
    /// - Throws: `.brokenPipe` when its reader has gone, and whatever else `write(2)` says.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // Safe: the array lends its bytes for the call.
            let count = unsafe rest.withUnsafeBytes { rest in
                unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            let code = Errno(rawValue: errno)
            if code == .interrupted { continue }
            guard code == .wouldBlock else { throw code }
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            // Safe: `poll` reads and writes one structure, which is ours.
            _ = unsafe Glibc.poll(&poll, 1, -1)
        }
    }
}
