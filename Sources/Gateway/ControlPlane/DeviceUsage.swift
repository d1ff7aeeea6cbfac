public import Time

/// What a device has used: units of messages (rule C1).
public struct DeviceUsage: Equatable, Sendable {
    /// One day's count.
    public struct DayCount: Equatable, Sendable {
        public let day: Day

        /// Units taken from the package's allowance.
        public let used: UInt64

        /// Units taken from the account's top-up packs (rule C6).
        public let topUp: UInt64

        public init(day: Day, used: UInt64, topUp: UInt64) {
            self.day = day
            self.used = used
            self.topUp = topUp
        }
    }

    /// The current day at the product's offset (rule C5), with what is counted and not flushed yet.
    public let today: DayCount

    /// The days before, the latest first: at most 30, days without a message left out.
    public let history: [DayCount]

    public init(today: DayCount, history: [DayCount]) {
        self.today = today
        self.history = history
    }
}
