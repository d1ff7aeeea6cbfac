public import Time

/// Units counted on one calendar day.
public struct DayUsage: Equatable, Sendable {
    public let day: Day
    public var used: UInt32

    @inlinable
    public init(day: Day, used: UInt32) {
        self.day = day
        self.used = used
    }
}

/// A device's counts of the last 31 days on which it sent or was sent something (rule C8).
public struct UsageRecord: Equatable, Sendable {
    /// How many calendar days are kept, the newest one included.
    public static let daysKept: Int32 = 31

    /// By day, the oldest first; at most one entry a day.
    public private(set) var days: [DayUsage] = []

    /// The last day on which the device was told that its allowance is used up (rule C4).
    public var noticedDay: Day?

    /// When the device's counter was last brought to disk: it was seen then, or shortly before.
    public var seenAt = Timestamp(milliseconds: 0)

    public init() {}

    init(days: [DayUsage], noticedDay: Day?, seenAt: Timestamp) {
        self.days = days
        self.noticedDay = noticedDay
        self.seenAt = seenAt
    }

    /// Units counted on that day.
    public func used(on day: Day) -> UInt32 { days.last { $0.day == day }?.used ?? 0 }

    /// Sets that day's count, drops days that are too old, and answers by how much it grew.
    ///
    /// A count only grows: a smaller one than is held comes from a flush that was overtaken.
    @discardableResult
    public mutating func record(_ used: UInt32, on day: Day) -> UInt32 {
        if let newest = days.last?.day, day.number <= newest.number - Self.daysKept { return 0 }
        let growth: UInt32
        if let index = days.firstIndex(where: { $0.day >= day }) {
            if days[index].day == day {
                growth = used > days[index].used ? used - days[index].used : 0
                days[index].used += growth
            } else {
                growth = used
                days.insert(DayUsage(day: day, used: used), at: index)
            }
        } else {
            growth = used
            days.append(DayUsage(day: day, used: used))
            days.removeAll { $0.day.number <= day.number - Self.daysKept }
        }
        return growth
    }
}
