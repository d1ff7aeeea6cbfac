public import MQTT

/// A message on its way to one client, with what its subscriptions make of it.
public struct QueuedMessage: Equatable, Sendable {
    public let message: Message

    /// What it is sent with: the lower of the message's and what was granted (3.8.4); 1 or 2.
    public let qos: QoS

    /// The RETAIN flag of the PUBLISH to the client ([MQTT-3.3.1-12], [MQTT-3.3.1-13]).
    public let isRetained: Bool

    /// Of the subscriptions that match it ([MQTT-3.3.4-3]).
    public let subscriptionIdentifiers: [UInt32]

    /// The shared subscription that it came by, as the client has subscribed (`$share/group/filter`);
    /// `nil`: by one of the client's own. Another member may get it instead.
    public let sharedFilter: [UInt8]?

    /// What it counts against the client's allowance when it is sent for the first time; 0: nothing.
    public let units: UInt32

    public init(
        _ message: Message,
        qos: QoS,
        isRetained: Bool = false,
        subscriptionIdentifiers: [UInt32] = [],
        sharedFilter: [UInt8]? = nil,
        units: UInt32 = 0
    ) {
        precondition(qos > .atMostOnce, "QoS 0 is never queued")
        self.message = message
        self.qos = qos
        self.isRetained = isRetained
        self.subscriptionIdentifiers = subscriptionIdentifiers
        self.sharedFilter = sharedFilter
        self.units = units
    }

    /// QoS 2.
    public var isExactlyOnce: Bool { qos == .exactlyOnce }

    /// What keeping it costs, for the limits on queues.
    public var byteCount: Int { message.byteCount + (sharedFilter?.count ?? 0) }
}
