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
    @inlinable
    @inline(__always)
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

    /// Whether there is any unit.
    var isCounted: Bool { used > 0 || topUp > 0 }

    /// Takes over what is more in another count of the same day.
    mutating func raise(to other: DayUsage) {
        used = max(used, other.used)
        topUp = max(topUp, other.topUp)
        isNoticed = isNoticed || other.isNoticed
    }

    /// Counts a message of `units`, of which `drawn` come from a pack and the others of the allowance.
    mutating func charge(_ units: UInt32, drawn: UInt32) {
        used += units - drawn
        let (sum, overflows) = topUp.addingReportingOverflow(drawn)
        topUp = overflows ? .max : sum
    }
}

/// What one message costs: one unit per started `bytes` of payload, an empty payload one (rule C1).
public struct MessageUnit: Sendable {
    /// Payload bytes that one unit pays for; at least 1.
    public let bytes: Int

    /// 512 bytes, the origin platform's unit.
    public static let standard = MessageUnit(bytes: 512)

    public init(bytes: Int) {
        precondition(bytes > 0, "a unit of no bytes can't be counted")
        self.bytes = bytes
    }

    /// The units of a message with `payloadBytes` of payload (MQTT's limit keeps this in 32 bits).
    @inlinable
    @inline(__always)
    public func units(payloadBytes: Int) -> UInt32 {
        payloadBytes <= bytes ? 1 : UInt32((payloadBytes + bytes - 1) / bytes)
    }
}
