public import Ledger
public import Time

/// A quarter of an hour, as the number of those since 1970 (UTC): at its beginning each node counts who is online. All
/// nodes count at the same moments, so that what they have counted can be added.
public struct Quarter: Hashable, Comparable, Sendable {
    public let number: Int32

    static let milliseconds: Int64 = 900_000
    static let perDay: Int32 = 96

    public init(number: Int32) { self.number = number }

    /// The one that `time` is in.
    public init(of time: Timestamp) {
        let (quotient, rest) = time.milliseconds.quotientAndRemainder(dividingBy: Self.milliseconds)
        number = Int32(clamping: rest < 0 ? quotient - 1 : quotient)
    }

    /// The first of a day: the one that the day's first instant is in, or the next one where days begin between two.
    public init(first day: Day, at offset: UTCOffset) {
        let start = day.start(at: offset)
        let within = Quarter(of: start)
        number = within.start == start ? within.number : within.number &+ 1
    }

    public var start: Timestamp {
        Timestamp(milliseconds: Int64(number) * Self.milliseconds)
    }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The day at UTC, and which of its quarters: 0 to 95.
    var place: (day: Day, index: UInt8) {
        let day = Day(of: start, at: .utc)
        // The first quarter of all may be within a day that begins before it.
        let index = Int64(number) - Int64(day.number) * Int64(Self.perDay)
        return (day, UInt8(index))
    }
}

/// Devices of one or more products at the beginning of a quarter.
public struct OnlineCount: Hashable, Sendable {
    public let quarter: Quarter

    /// Those that were connected.
    public var online: UInt64

    /// Those that the books knew: the same number at each node.
    public var devices: UInt64

    public init(quarter: Quarter, online: UInt64, devices: UInt64) {
        self.quarter = quarter
        self.online = online
        self.devices = devices
    }
}

/// What is kept of one product's quarter.
public struct OnlineSample: Hashable, Sendable {
    public let product: ProductKey
    public let online: UInt64
    public let devices: UInt64

    public init(product: ProductKey, online: UInt64, devices: UInt64) {
        self.product = product
        self.online = online
        self.devices = devices
    }
}
