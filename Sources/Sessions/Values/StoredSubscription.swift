public import MQTT

/// One subscription of a session.
public struct StoredSubscription: Hashable, Sendable {
    /// As the client sent it, `$share/group/` included.
    public let filter: [UInt8]

    /// The QoS is what was granted.
    public let options: SubscriptionOptions

    /// The Subscription Identifier (3.8.2.1.2), 1 to 268,435,455.
    public let identifier: UInt32?

    public init(filter: [UInt8], options: SubscriptionOptions, identifier: UInt32? = nil) {
        self.filter = filter
        self.options = options
        self.identifier = identifier
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.filter == right.filter && left.options == right.options
            && left.identifier == right.identifier
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(filter)
        hasher.combine(options.rawValue)
        hasher.combine(identifier)
    }
}
