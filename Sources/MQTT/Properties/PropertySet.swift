/// A set of property identifiers; no identifier is above 63.
@frozen
public struct PropertySet: OptionSet, Sendable {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable
    public init(_ id: PropertyID) { rawValue = 1 << UInt64(id.rawValue) }

    @inlinable
    public func contains(_ id: PropertyID) -> Bool { rawValue & PropertySet(id).rawValue != 0 }

    /// What belongs to one connection, subscription or will, and does not travel with a message.
    @inlinable
    public static var ofOneHop: PropertySet {
        [
            PropertySet(.topicAlias), PropertySet(.subscriptionIdentifier),
            PropertySet(.willDelayInterval),
        ]
    }

    /// Whether all of them can stand there.
    @inlinable
    func isAllowed(in place: PropertyPlace) -> Bool {
        var rest = rawValue
        while rest != 0 {
            let number = UInt8(truncatingIfNeeded: rest.trailingZeroBitCount)
            guard PropertyID(rawValue: number)?.isAllowed(in: place) == true else { return false }
            rest &= rest &- 1
        }
        return true
    }
}
