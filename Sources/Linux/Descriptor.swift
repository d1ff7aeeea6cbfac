import CLinux

/// A file descriptor with one owner: closed when the owner lets go of it.
@frozen
public struct Descriptor: ~Copyable, Sendable {
    /// The number the kernel knows it by; good for calls while the owner lives.
    public let rawValue: Int32

    /// Takes over a descriptor that is open and that nobody else closes.
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
    /// repeated. `EBADF` means that somebody closed what is ours, and traps.
    @usableFromInline
    static func close(_ rawValue: Int32) {
        precondition(clinux_close(rawValue) != -Int(EBADF), "a descriptor was closed twice")
    }
}
