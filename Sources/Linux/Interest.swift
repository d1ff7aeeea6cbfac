import CLinux

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
