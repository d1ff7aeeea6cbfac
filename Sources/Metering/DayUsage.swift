public import Time

/// A device's units on one calendar day.
public struct DayUsage: Equatable, Sendable {
    public let day: Day

    /// Uplink and downlink together (rule C1).
    public var used: UInt32

    /// The device was told on that day that its allowance is used up (rule C4).
    public var isNoticed: Bool

    @inlinable
    public init(day: Day, used: UInt32 = 0, isNoticed: Bool = false) {
        self.day = day
        self.used = used
        self.isNoticed = isNoticed
    }

    /// Counts `units` if they are within `allowance` (`nil`: no limit, rule C9); a message that would
    /// cross it counts nothing (rule C3), and answers whether it is the day's first that does.
    mutating func charge(_ units: UInt32, allowance: UInt32?) -> MeterVerdict {
        let (sum, overflows) = used.addingReportingOverflow(units)
        guard let allowance else {
            used = overflows ? .max : sum
            return .counted
        }
        if overflows || sum > allowance {
            defer { isNoticed = true }
            return .exhausted(isFirst: !isNoticed)
        }
        used = sum
        return .counted
    }
}
