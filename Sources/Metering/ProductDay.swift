public import Time

/// What all devices of a product used on one day (rule C8).
public struct ProductDay: Hashable, Sendable {
    public let day: Day

    /// Units of messages (rule C1).
    public let used: UInt64

    public init(day: Day, used: UInt64) {
        self.day = day
        self.used = used
    }
}
