import CLinux

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
