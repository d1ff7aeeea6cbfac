import CLinux

/// An epoll instance, `epoll(7)`: which of many descriptors are ready.
@frozen
public struct Epoll: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public init() throws(Errno) {
        let number = try retrying { clinux_epoll_create() }
        descriptor = Descriptor(adopting: Int32(number))
    }

    /// Watches `rawDescriptor`; its events carry `userData`.
    public borrowing func add(
        _ rawDescriptor: Int32,
        interest: Interest,
        userData: UInt64
    ) throws(Errno) {
        try control(EPOLL_CTL_ADD, rawDescriptor, interest, userData)
    }

    /// Watches `rawDescriptor` for something else, or under another number.
    public borrowing func modify(
        _ rawDescriptor: Int32,
        interest: Interest,
        userData: UInt64
    ) throws(Errno) {
        try control(EPOLL_CTL_MOD, rawDescriptor, interest, userData)
    }

    /// Stops watching `rawDescriptor`. Closing the last descriptor of a socket does so by itself.
    public borrowing func remove(_ rawDescriptor: Int32) throws(Errno) {
        try control(EPOLL_CTL_DEL, rawDescriptor, [], 0)
    }

    /// Waits until something is ready, and leaves it in `events`.
    ///
    /// - Parameter timeoutMilliseconds: 0 looks without waiting, a negative number waits for ever.
    ///   A signal starts the wait over.
    /// - Returns: how many events there are; 0 when the time is up.
    @discardableResult
    public borrowing func wait(
        into events: inout EventBuffer,
        timeoutMilliseconds: Int32
    ) throws(Errno) -> Int {
        let epoll = descriptor.rawValue
        let capacity = Int32(events.capacity)
        // Safe: the buffer has room for `capacity` of the kernel's events.
        let kernel = unsafe events.kernelEvents.assumingMemoryBound(to: epoll_event.self)
        let count = try retrying {
            unsafe clinux_epoll_wait(epoll, kernel, capacity, timeoutMilliseconds)
        }
        events.load(count)
        return count
    }

    private borrowing func control(
        _ operation: Int32,
        _ rawDescriptor: Int32,
        _ interest: Interest,
        _ userData: UInt64
    ) throws(Errno) {
        let epoll = descriptor.rawValue
        _ = try retrying {
            clinux_epoll_control(epoll, operation, rawDescriptor, interest.rawValue, userData)
        }
    }
}
