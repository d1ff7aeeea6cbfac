/// A fixed distance from UTC, in minutes east of Greenwich: -1,080 (-18 h) to 1,080.
public struct UTCOffset: Hashable, Sendable {
    public let minutes: Int16

    public static let utc = UTCOffset(unchecked: 0)

    /// `nil` when `minutes` is out of range.
    public init?(minutes: Int) {
        guard (-1_080...1_080).contains(minutes) else { return nil }
        self.init(unchecked: Int16(minutes))
    }

    private init(unchecked minutes: Int16) { self.minutes = minutes }

    @inlinable
    public var milliseconds: Int64 { Int64(minutes) * 60_000 }
}

/// A calendar day at a fixed UTC offset, as the number of days since 1970-01-01 (rule C5).
public struct Day: Hashable, Comparable, Sendable {
    public let number: Int32

    @usableFromInline static let milliseconds: Int64 = 86_400_000

    @inlinable
    public init(number: Int32) { self.number = number }

    /// The day that `time` falls on at `offset`.
    @inlinable
    public init(of time: Timestamp, at offset: UTCOffset) {
        let local = time.adding(milliseconds: offset.milliseconds).milliseconds
        var quotient = local / Day.milliseconds
        if local % Day.milliseconds < 0 { quotient -= 1 }
        number = Int32(truncatingIfNeeded: quotient)
    }

    /// The first instant of this day at `offset`.
    @inlinable
    public func start(at offset: UTCOffset) -> Timestamp {
        Timestamp(milliseconds: Int64(number) * Day.milliseconds - offset.milliseconds)
    }

    @inlinable
    public var next: Day { Day(number: number + 1) }

    @inlinable
    public func adding(days: Int32) -> Day { Day(number: number + days) }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
