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

    public static let payloadFormatIndicator = PropertySet(PropertyID.payloadFormatIndicator)
    public static let messageExpiryInterval = PropertySet(PropertyID.messageExpiryInterval)
    public static let subscriptionIdentifier = PropertySet(PropertyID.subscriptionIdentifier)
    public static let topicAlias = PropertySet(PropertyID.topicAlias)
    public static let userProperty = PropertySet(PropertyID.userProperty)

    /// What belongs to one connection or subscription and is not forwarded with a message.
    @inlinable
    public static var ofOneHop: PropertySet {
        PropertySet(rawValue: 1 << 0x23 | 1 << 0x0B)
    }
}
