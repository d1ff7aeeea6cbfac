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

/// Where `Epoll.wait` leaves what is ready; filled anew by each wait, allocated once.
@safe
@frozen
public struct EventBuffer: ~Copyable {
    @usableFromInline let events: UnsafeMutablePointer<ReadyEvent>

    /// Room for `capacity` of the kernel's `epoll_event`.
    let kernelEvents: UnsafeMutableRawPointer

    /// The most events that one wait delivers.
    public let capacity: Int

    /// How many the last wait delivered.
    public internal(set) var count: Int

    public init(capacity: Int) {
        precondition(capacity > 0 && capacity <= Int(Int32.max), "no such number of events")
        self.capacity = capacity
        count = 0
        unsafe events = .allocate(capacity: capacity)
        unsafe kernelEvents = .allocate(
            byteCount: capacity * MemoryLayout<epoll_event>.stride,
            alignment: MemoryLayout<epoll_event>.alignment
        )
    }

    deinit {
        // Safe: both were allocated by `init` and are freed once, here; the elements are trivial.
        unsafe events.deallocate()
        unsafe kernelEvents.deallocate()
    }

    /// The event at `index`; traps outside `0..<count`.
    @inlinable
    public subscript(index: Int) -> ReadyEvent {
        precondition(index >= 0 && index < count, "index outside the events")
        // Safe: the last wait wrote the first `count` events.
        return unsafe events[index]
    }

    /// Takes the kernel's first `count` events over.
    mutating func load(_ count: Int) {
        precondition(count <= capacity, "more events than room")
        // Safe: the kernel has just written `count` events there, and `count <= capacity`.
        let kernel = unsafe kernelEvents.assumingMemoryBound(to: epoll_event.self)
        for index in 0..<count {
            let event = unsafe kernel[index]
            unsafe (events + index).initialize(
                to: ReadyEvent(
                    userData: event.data.u64, readiness: Interest(rawValue: event.events))
            )
        }
        self.count = count
    }
}

/// One descriptor that is ready: the number it was added with, and what it is ready for.
@frozen
public struct ReadyEvent: Sendable {
    public let userData: UInt64
    public let readiness: Interest

    @inlinable
    public init(userData: UInt64, readiness: Interest) {
        self.userData = userData
        self.readiness = readiness
    }

    /// Worth a read: bytes, the end, or an error that the read will name.
    @inlinable
    public var isReadable: Bool {
        !readiness.isDisjoint(with: [.read, .hangUp, .error, .readHangUp])
    }

    /// Nothing can be read or written any more: the peer has reset the connection, or both directions
    /// are shut. Reported whatever the descriptor is watched for.
    @inlinable
    public var isOver: Bool { !readiness.isDisjoint(with: [.hangUp, .error]) }

    /// Worth a write: room, or an error that the write will name.
    @inlinable
    public var isWritable: Bool { !readiness.isDisjoint(with: [.write, .hangUp, .error]) }
}

/// What a descriptor is watched for, and what it is ready for: the event bits of `epoll_ctl(2)`.
@frozen
public struct Interest: OptionSet, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `EPOLLIN`: there are bytes, a connection to accept, or the end.
    @inlinable public static var read: Interest { Interest(rawValue: 0x001) }
    /// `EPOLLOUT`: the socket takes bytes, or a connect has finished.
    @inlinable public static var write: Interest { Interest(rawValue: 0x004) }
    /// `EPOLLERR`: always reported, never asked for.
    @inlinable public static var error: Interest { Interest(rawValue: 0x008) }
    /// `EPOLLHUP`: both directions are shut; always reported, never asked for.
    @inlinable public static var hangUp: Interest { Interest(rawValue: 0x010) }
    /// `EPOLLRDHUP`: the peer has shut its writing side.
    @inlinable public static var readHangUp: Interest { Interest(rawValue: 0x2000) }
    /// `EPOLLET`: report changes, not states.
    @inlinable public static var edgeTriggered: Interest { Interest(rawValue: 1 << 31) }
    /// `EPOLLEXCLUSIVE`: of several epolls watching it, wake one.
    @inlinable public static var exclusive: Interest { Interest(rawValue: 1 << 28) }
}
