public import Time

/// A device's counts of the last 31 days on which it sent or was sent something (rule C8).
public struct UsageRecord: Equatable, Sendable {
    /// How many days are kept; a day more takes the place of the oldest.
    public static let daysKept = 31

    /// By day, the oldest first; at most one entry a day.
    public private(set) var days: [DayUsage] = []

    /// When the device's counts were last taken to disk: it was seen then, or shortly before.
    public var seenAt = Timestamp(milliseconds: 0)

    public init() {}

    init(days: [DayUsage], seenAt: Timestamp) {
        self.days = days
        self.seenAt = seenAt
    }

    /// What was counted on that day, `nil` when nothing was, or it is too long ago.
    public func usage(on day: Day) -> DayUsage? { days.last { $0.day == day } }

    /// Units of the allowance that were counted on that day.
    public func used(on day: Day) -> UInt32 { usage(on: day)?.used ?? 0 }

    /// Sets that day's count, and answers by how much it grew: what its product's total grows by.
    ///
    /// A count only grows: a smaller one than is held comes from a flush that was overtaken. Days are
    /// dropped from the oldest end only, and one that is older than all of a full record is not
    /// taken, so that no day is ever counted into a total a second time, however the clock jumps.
    @discardableResult
    public mutating func record(_ usage: DayUsage) -> DayUsage {
        var growth = usage
        var index = days.count
        while index > 0, days[index - 1].day > usage.day { index -= 1 }
        if index > 0, days[index - 1].day == usage.day {
            let held = days[index - 1]
            days[index - 1].used = max(held.used, usage.used)
            days[index - 1].topUp = max(held.topUp, usage.topUp)
            days[index - 1].isNoticed = held.isNoticed || usage.isNoticed
            growth.used = days[index - 1].used - held.used
            growth.topUp = days[index - 1].topUp - held.topUp
            return growth
        }
        if days.count == Self.daysKept {
            guard index > 0 else { return DayUsage(day: usage.day) }
            days.removeFirst()
            index -= 1
        }
        days.insert(usage, at: index)
        return growth
    }
}
