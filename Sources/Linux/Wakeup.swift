import CLinux

/// An event counter, `eventfd(2)`: how a thread wakes another one's epoll.
///
/// Watched `.edgeTriggered` it needs no `reset`: each signal is an edge.
@frozen
public struct Wakeup: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public init() throws(Errno) {
        let number = try retrying { clinux_eventfd() }
        descriptor = Descriptor(adopting: Int32(number))
    }

    /// Makes the descriptor readable. Callable from any thread, never waits.
    public borrowing func signal() {
        let number = descriptor.rawValue
        var one: UInt64 = 1
        // Safe: eventfd(2) takes eight bytes. A full counter would block, and is readable anyway.
        let result = try? retryingUnlessBlocked { unsafe clinux_write(number, &one, 8) }
        assert(result != nil, "an eventfd takes a signal")
    }

    /// Makes the descriptor unreadable until the next signal.
    public borrowing func reset() {
        let number = descriptor.rawValue
        var count: UInt64 = 0
        // Safe: eventfd(2) gives eight bytes.
        _ = try? retryingUnlessBlocked { unsafe clinux_read(number, &count, 8) }
    }
}
