public import Time

/// What all devices of a product used on one day (rule C8).
public struct ProductDay: Hashable, Sendable {
    public let day: Day

    /// Units of messages (rule C1), as far as the devices' allowances covered them.
    public let used: UInt64

    /// Units from top-up packs (rule C6).
    public let topUp: UInt64

    public init(day: Day, used: UInt64, topUp: UInt64 = 0) {
        self.day = day
        self.used = used
        self.topUp = topUp
    }
}
