import Metering
import Time

/// What becomes of a message where there are no top-up packs.
enum Taking: Equatable {
    case counted

    /// `isFirst`: the device is to be told.
    case exhausted(isFirst: Bool)
}

extension Meter {
    /// Counts a message, or notes that the device can't send more.
    mutating func take(_ slot: Slot, units: UInt32, allowance: UInt32?, day: Day) -> Taking {
        guard case .short = charge(slot, units: units, allowance: allowance, day: day) else {
            return .counted
        }
        return .exhausted(isFirst: noteExhausted(slot, on: day))
    }

    mutating func used(_ slot: Slot, on day: Day) -> UInt32 { usage(slot, on: day).used }
}

extension UsageRecord {
    /// Sets the day's count of the allowance; answers by how much it grew.
    @discardableResult
    mutating func record(_ used: UInt32, on day: Day, isNoticed: Bool = false) -> UInt32 {
        record(DayUsage(day: day, used: used, isNoticed: isNoticed)).used
    }
}
