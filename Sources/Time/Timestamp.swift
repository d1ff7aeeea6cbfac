/// A point in time on the wall clock: milliseconds since 1970-01-01T00:00:00Z, leap seconds not
/// counted (POSIX time).
///
/// Time always comes in through a parameter: nothing in this module reads a clock.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let milliseconds: Int64

    @inlinable
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    @inlinable
    public init(seconds: Int64) { self.init(milliseconds: seconds * 1_000) }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.milliseconds < right.milliseconds
    }

    @inlinable
    public func adding(milliseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: self.milliseconds + milliseconds)
    }

    @inlinable
    public func adding(seconds: Int64) -> Timestamp { adding(milliseconds: seconds * 1_000) }

    /// `days` periods of 24 hours later.
    @inlinable
    public func adding(days: Int64) -> Timestamp {
        adding(milliseconds: days * Day.milliseconds)
    }

    /// Milliseconds from `earlier` to this point; negative when it is later.
    @inlinable
    public func milliseconds(since earlier: Timestamp) -> Int64 {
        milliseconds - earlier.milliseconds
    }
}
