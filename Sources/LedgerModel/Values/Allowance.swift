/// What a code of a package lets its device do (domain.md, "package").
public struct Allowance: Hashable, Sendable {
    /// How long an entitlement runs, in periods of 24 hours: 1 to 36,500.
    public let validityDays: UInt32

    /// Messages per device and day; `nil` when there is no limit (rule C9).
    public let messagesPerDay: UInt64?

    /// OTA upgrade attempts per device and month (rule D1).
    public let otaPerMonth: UInt32

    /// How many days stored messages are kept (rule D3).
    public let storageDays: UInt32

    /// `nil` when `validityDays` is out of its range.
    public init?(
        validityDays: UInt32,
        messagesPerDay: UInt64?,
        otaPerMonth: UInt32,
        storageDays: UInt32
    ) {
        guard (1...36_500).contains(validityDays) else { return nil }
        self.validityDays = validityDays
        self.messagesPerDay = messagesPerDay
        self.otaPerMonth = otaPerMonth
        self.storageDays = storageDays
    }

    /// The first allowance that is lower than `other`'s, by its name in the API; `nil` when none is
    /// (rule A5).
    public func lowered(from other: Allowance) -> String? {
        if validityDays < other.validityDays { return "validityDays" }
        if let messagesPerDay {
            guard let before = other.messagesPerDay else { return "messagesPerDay" }
            if messagesPerDay < before { return "messagesPerDay" }
        }
        if otaPerMonth < other.otaPerMonth { return "otaPerMonth" }
        if storageDays < other.storageDays { return "storageDays" }
        return nil
    }
}
