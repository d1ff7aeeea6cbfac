import CLinux

/// Makes the call until no signal interrupts it, and turns the door's negated error number into an
/// error: the one place that knows `EINTR`.
@inline(always)
func retrying(_ call: () -> Int) throws(Errno) -> Int {
    while true {
        let result = call()
        if result >= 0 { return result }
        if result != -Int(EINTR) { throw Errno(rawValue: Int32(-result)) }
    }
}

/// Like `retrying`, with `nil` for a call that would have to wait.
@inline(always)
func retryingUnlessBlocked(_ call: () -> Int) throws(Errno) -> Int? {
    while true {
        let result = call()
        if result >= 0 { return result }
        if result == -Int(EAGAIN) { return nil }
        if result != -Int(EINTR) { throw Errno(rawValue: Int32(-result)) }
    }
}

/// An error number of the system, as `errno(3)` lists them.
public struct Errno: RawRepresentable, Error, Hashable, Sendable {
    public let rawValue: Int32

    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let addressInUse = Errno(rawValue: EADDRINUSE)
    public static let alreadyExists = Errno(rawValue: EEXIST)
    public static let badDescriptor = Errno(rawValue: EBADF)
    public static let brokenPipe = Errno(rawValue: EPIPE)
    public static let connectionAborted = Errno(rawValue: ECONNABORTED)
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    public static let connectionReset = Errno(rawValue: ECONNRESET)
    public static let fileTooLarge = Errno(rawValue: EFBIG)
    public static let inputOutput = Errno(rawValue: EIO)
    public static let inProgress = Errno(rawValue: EINPROGRESS)
    public static let interrupted = Errno(rawValue: EINTR)
    public static let invalidArgument = Errno(rawValue: EINVAL)
    public static let noSpace = Errno(rawValue: ENOSPC)
    public static let noSuchFile = Errno(rawValue: ENOENT)
    public static let notADirectory = Errno(rawValue: ENOTDIR)
    public static let notConnected = Errno(rawValue: ENOTCONN)
    public static let permissionDenied = Errno(rawValue: EACCES)
    public static let timedOut = Errno(rawValue: ETIMEDOUT)
    public static let tooManyOpenFiles = Errno(rawValue: EMFILE)
    public static let tooManyOpenFilesInSystem = Errno(rawValue: ENFILE)
    public static let wouldBlock = Errno(rawValue: EAGAIN)
}

extension Errno: CustomStringConvertible {
    /// The system's text for the number: `Connection refused (111)`.
    public var description: String {
        // Safe: strerror_r(3) ends its text with a zero, and is not read when it fails.
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            let base = unsafe buffer.baseAddress.unsafelyUnwrapped
            let code = unsafe clinux_error_text(rawValue, base, buffer.count)
            return unsafe code == 0 ? String(cString: base) : "Unknown error"
        }
        return "\(text) (\(rawValue))"
    }
}

/// A file descriptor with one owner: closed when this value is destroyed.
@frozen
public struct Descriptor: ~Copyable, Sendable {
    /// The number the kernel knows it by; good for calls while the owner lives.
    public let rawValue: Int32

    /// Adopts an open descriptor, which must be closed nowhere else.
    @inlinable
    public init(adopting rawValue: Int32) {
        precondition(rawValue >= 0, "not a descriptor")
        self.rawValue = rawValue
    }

    deinit { Self.close(rawValue) }

    /// Gives the descriptor away unclosed.
    @inlinable
    public consuming func release() -> Int32 {
        let rawValue = rawValue
        discard self
        return rawValue
    }

    /// The verbs of a socket, while the owner lives.
    @inlinable
    public var socket: SocketHandle { SocketHandle(rawValue: rawValue) }

    /// `close(2)`, once: Linux frees the number even when the call reports an error, so it is never
    /// repeated. `EBADF` means that our descriptor was closed elsewhere, and traps.
    @usableFromInline
    static func close(_ rawValue: Int32) {
        precondition(clinux_close(rawValue) != -Int(EBADF), "a descriptor was closed twice")
    }
}
