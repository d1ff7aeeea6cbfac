public import Time

/// A device's units on one calendar day.
public struct DayUsage: Equatable, Sendable {
    public let day: Day

    /// Uplink and downlink together (rule C1), as far as the allowance covers them.
    public var used: UInt32

    /// The units past the allowance, from the account's top-up packs (rule C6).
    public var topUp: UInt32

    /// The device was told on that day that it can't send more (rule C4).
    public var isNoticed: Bool

    @inlinable
    public init(day: Day, used: UInt32 = 0, topUp: UInt32 = 0, isNoticed: Bool = false) {
        self.day = day
        self.used = used
        self.topUp = topUp
        self.isNoticed = isNoticed
    }

    /// Counts `units` if all of them are within `allowance` (`nil`: no limit, rule C9), and nothing
    /// otherwise.
    mutating func charge(_ units: UInt32, allowance: UInt32?) -> MeterVerdict {
        let (sum, overflows) = used.addingReportingOverflow(units)
        guard let allowance else {
            used = overflows ? .max : sum
            return .counted
        }
        if overflows || sum > allowance {
            // An allowance that fell leaves a count above it.
            return .short(units - (allowance - min(allowance, used)))
        }
        used = sum
        return .counted
    }

    /// Counts a message of `units`, of which `drawn` come from a pack and the others of the allowance.
    mutating func charge(_ units: UInt32, drawn: UInt32) {
        used += units - drawn
        let (sum, overflows) = topUp.addingReportingOverflow(drawn)
        topUp = overflows ? .max : sum
    }
}
