public import MQTT
public import Time

/// An application message that outlives the packet it came in: on its way to another shard, waiting
/// in a client's queue, or kept as a will. Immutable and counted, so that all of these share one.
public final class Message: Sendable {
    public let topic: [UInt8]
    public let payload: [UInt8]
    public let qos: QoS

    /// The properties that go with the message wherever it goes ([MQTT-3.3.2-17] and its siblings),
    /// encoded as in PUBLISH, without the length before them. Empty for MQTT 3.1.1.
    public let properties: [UInt8]

    /// When its Message Expiry Interval has passed (3.3.2.3.3); `nil`: never. What is left of it is sent
    /// on with the message ([MQTT-3.3.2-6]).
    public let expiresAt: Timestamp?

    public init(
        topic: [UInt8],
        payload: [UInt8],
        qos: QoS,
        properties: [UInt8] = [],
        expiresAt: Timestamp? = nil
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.properties = properties
        self.expiresAt = expiresAt
    }

    /// What keeping it costs, for the limits on queues.
    public var byteCount: Int { topic.count + payload.count + properties.count }

    /// Whether it must not be handed on any more ([MQTT-3.3.2-5]).
    public func isExpired(at time: Timestamp) -> Bool {
        expiresAt.map { $0 <= time } ?? false
    }
}

extension Message: Equatable {
    public static func == (left: Message, right: Message) -> Bool {
        left === right
            || (left.topic == right.topic && left.payload == right.payload && left.qos == right.qos
                && left.properties == right.properties && left.expiresAt == right.expiresAt)
    }
}

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
