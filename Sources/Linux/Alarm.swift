import CLinux

/// A timer that an epoll can watch, `timerfd_create(2)`, on the clock that never jumps.
///
/// Watched `.edgeTriggered` it needs no reading: each time that it goes off is an edge.
@frozen
public struct Alarm: ~Copyable, Sendable {
    public let descriptor: Descriptor

    /// One that is not set.
    public init() throws(Errno) {
        let number = try retrying { clinux_timerfd() }
        descriptor = Descriptor(adopting: Int32(number))
    }

    /// Makes the descriptor readable in so many nanoseconds, at once for none or fewer. It is not
    /// readable until then, and what it was set to before is forgotten.
    public borrowing func set(nanoseconds: Int64) throws(Errno) {
        let number = descriptor.rawValue
        _ = try retrying { clinux_timer_set(number, max(nanoseconds, 1)) }
    }
}
