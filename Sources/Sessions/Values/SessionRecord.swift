public import MQTT
public import Time

/// What is stored of a session besides its messages.
public struct SessionRecord: Equatable, Sendable {
    public let number: SessionNumber
    public var version: ProtocolVersion

    /// How long the session outlives its connection; `UInt32.max`: for ever (3.1.2.11.2).
    public var expiryIntervalSeconds: UInt32

    /// When its connection ended; `nil` while it is connected, and after a crash that it was connected in.
    public private(set) var endedAt: Timestamp?

    /// When it has to be looked at: its will is due, it expires, or, connected, so that it is found
    /// after a crash. `nil`: never.
    public private(set) var dueAt: Timestamp?
    public var will: StoredWill?
    public var subscriptions: [StoredSubscription]

    /// In a cluster, of the claim by which its node has it: of two nodes that have a session of the same name, the one
    /// with the greater number is right. 0: of none, as for one that is on its way to a node, and of a gateway alone.
    public var claim: UInt64

    /// While connected, it is looked at no more often than this, however short its interval.
    static let connectedLookMilliseconds: Int64 = 3_600_000

    /// A session of a client that is connected at `time`.
    public init(
        number: SessionNumber,
        version: ProtocolVersion,
        expiryIntervalSeconds: UInt32,
        will: StoredWill? = nil,
        subscriptions: [StoredSubscription] = [],
        claim: UInt64 = 0,
        connectedAt time: Timestamp
    ) {
        self.number = number
        self.version = version
        self.expiryIntervalSeconds = expiryIntervalSeconds
        self.will = will
        self.subscriptions = subscriptions
        self.claim = claim
        connect(at: time)
    }

    init(
        number: SessionNumber,
        version: ProtocolVersion,
        expiryIntervalSeconds: UInt32,
        endedAt: Timestamp?,
        dueAt: Timestamp?,
        will: StoredWill?,
        subscriptions: [StoredSubscription],
        claim: UInt64
    ) {
        self.number = number
        self.version = version
        self.expiryIntervalSeconds = expiryIntervalSeconds
        self.endedAt = endedAt
        self.dueAt = dueAt
        self.will = will
        self.subscriptions = subscriptions
        self.claim = claim
    }

    /// When it expires; `nil` while it is connected, and for one that never does.
    public var expiresAt: Timestamp? {
        guard let endedAt, expiryIntervalSeconds < .max else { return nil }
        return endedAt.adding(seconds: Int64(expiryIntervalSeconds))
    }

    /// When its will is to be published: at its delay's end, or at the session's (3.1.3.2.2).
    public var willDueAt: Timestamp? {
        guard let endedAt, let will else { return nil }
        let delayed = endedAt.adding(seconds: Int64(will.delaySeconds))
        return expiresAt.map { min($0, delayed) } ?? delayed
    }

    /// Its client is connected at `time`: again, or still. One that is due is told apart from one of an
    /// earlier process by the thread that knows the connections.
    public mutating func connect(at time: Timestamp) {
        endedAt = nil
        guard expiryIntervalSeconds < .max || will != nil else { return dueAt = nil }
        let interval =
            expiryIntervalSeconds == .max ? 0 : Int64(expiryIntervalSeconds) * 1_000
        dueAt = time.adding(milliseconds: max(interval, Self.connectedLookMilliseconds))
    }

    /// Its connection ended at `time`. For a session that an earlier process left connected, that is
    /// when this one started: the client has been without its server, not the other way round.
    public mutating func end(at time: Timestamp) {
        endedAt = time
        reschedule()
    }

    /// Its will has been published, or taken back.
    public mutating func clearWill() {
        will = nil
        if endedAt != nil { reschedule() }
    }

    private mutating func reschedule() {
        dueAt = willDueAt ?? expiresAt
    }
}

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

/// A session's Will Message: kept from CONNECT on, so that it outlives the process, until it is
/// published or a DISCONNECT takes it back ([MQTT-3.1.2-8], [MQTT-3.1.2-10]).
public struct StoredWill: Equatable, Sendable {
    /// Its `expiresAt` is `nil`: the interval begins when it is published.
    public let message: Message
    public let isRetained: Bool

    /// The Message Expiry Interval that it is published with (3.1.3.2.4).
    public let messageExpirySeconds: UInt32?

    /// The Will Delay Interval (3.1.3.2.2): so long after the connection's end, or at the session's if
    /// that is earlier, it is published, unless the client is back before ([MQTT-3.1.3-9]).
    public let delaySeconds: UInt32

    public init(
        _ message: Message,
        isRetained: Bool = false,
        messageExpirySeconds: UInt32? = nil,
        delaySeconds: UInt32 = 0
    ) {
        self.message = message
        self.isRetained = isRetained
        self.messageExpirySeconds = messageExpirySeconds
        self.delaySeconds = delaySeconds
    }
}
