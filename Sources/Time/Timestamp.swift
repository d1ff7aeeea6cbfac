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

    /// That many milliseconds later. What would lie outside of `Int64` is its first or last millisecond: times come from
    /// certificates, requests and books, and none may end a process.
    @inlinable
    public func adding(milliseconds: Int64) -> Timestamp {
        let (sum, isOutside) = self.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: isOutside ? (milliseconds < 0 ? .min : .max) : sum)
    }

    @inlinable
    public func adding(seconds: Int64) -> Timestamp { adding(seconds, of: 1_000) }

    /// `days` periods of 24 hours later.
    @inlinable
    public func adding(days: Int64) -> Timestamp { adding(days, of: Day.milliseconds) }

    /// Milliseconds from `earlier` to this point; negative when it is later. The farthest that can be said is the first or
    /// last `Int64`.
    @inlinable
    public func milliseconds(since earlier: Timestamp) -> Int64 {
        let (difference, isOutside) =
            milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return isOutside ? (milliseconds < 0 ? .min : .max) : difference
    }

    /// - Parameter unit: how many milliseconds each of the `count` has.
    @inlinable
    func adding(_ count: Int64, of unit: Int64) -> Timestamp {
        let (product, isOutside) = count.multipliedReportingOverflow(by: unit)
        return adding(milliseconds: isOutside ? (count < 0 ? .min : .max) : product)
    }
}
