import Bytes
import MQTT
import Reactor
import Sessions
import Synchronization
import Time

/// What MQTT calls a session: what the gateway keeps of a client beyond one packet, and, when the
/// client has asked for that, beyond one connection ([MQTT-3.1.2-23]) and beyond the process. It lives
/// in a slot of its shard's table; its token is what the topic tree knows of a subscriber.
struct Session: ~Copyable, Sendable {
    var client: Client

    /// The device's product in the shard's catalogue.
    let productSlot: ProductCatalogue.Slot?

    /// Where it is in the store; `nil` for one that is in memory only.
    var stored: (name: SessionName, number: SessionNumber)?
    var version: ProtocolVersion

    /// The connection that serves it; `nil` while the client is away.
    var connection: Token?

    /// How long it outlives its connection, in seconds; 0: it ends with it, `UInt32.max`: never.
    var expirySeconds: UInt32

    /// When the client has gone, and when the session ends for that; while it is away.
    var leftAt = Timestamp(milliseconds: 0)
    var endsAt = Timestamp(milliseconds: .max)

    /// The will of the connection before, until it is due ([MQTT-3.1.2-8]), and when that is.
    var will: (will: StoredWill, dueAt: Timestamp)?

    var subscriptions: [StoredSubscription] = []

    /// QoS 1 and 2 messages to the client.
    var queue: DeliveryQueue

    /// Packet identifiers of QoS 2 messages that were taken and await their PUBREL: a redelivery of
    /// one is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
    var received = ReceivedIdentifiers()

    /// Whether `queue` and `received` are what the store has; else they are still there only.
    var isLoaded = true

    /// When something was last put into its queue, in ticks of the shard's timer wheel.
    var touchedTick: UInt64 = 0

    /// All messages of the queue below this sequence have been sent.
    var sentBelow: UInt64 = 0

    /// Messages to it wait for top-up units, and later ones behind them.
    var holdsDeliveries = false

    /// What is next in line is covered by no allowance and no pack, and will be tried again.
    var waitsForQuota = false

    /// Never read. Its address makes the struct address-only, so the compiler can't copy it for a call.
    private let anchor = Atomic<Bool>(false)

    /// One that begins with a connection.
    init(_ settings: NegotiatedSettings, connection: Token) {
        client = settings.client
        productSlot = settings.productSlot
        version = settings.version
        self.connection = connection
        expirySeconds = settings.expirySeconds
        queue = DeliveryQueue(
            keepsSent: settings.expirySeconds > 0, limit: settings.receiveMaximum)
    }

    /// One of a client that is away, as the store has it, without its queue. A client that was connected
    /// when an earlier process ended is away since this one began, at `start`.
    init(
        _ record: SessionRecord,
        _ name: SessionName,
        of client: Client,
        product: ProductCatalogue.Slot?,
        start: Timestamp
    ) {
        self.client = client
        productSlot = product
        stored = (name, record.number)
        version = record.version
        expirySeconds = record.expiryIntervalSeconds
        leftAt = record.endedAt ?? start
        if record.expiryIntervalSeconds < .max {
            endsAt = leftAt.adding(seconds: Int64(record.expiryIntervalSeconds))
        }
        if let will = record.will {
            let delayed = leftAt.adding(seconds: Int64(will.delaySeconds))
            self.will = (will, delayed < endsAt ? delayed : endsAt)
        }
        subscriptions = record.subscriptions
        queue = DeliveryQueue(keepsSent: true, limit: .max)
        isLoaded = false
    }

    /// Takes up what the store has of messages.
    mutating func restore(_ stored: StoredSession) {
        queue = DeliveryQueue(restoring: stored, limit: .max)
        received = stored.received
        sentBelow = stored.sentBelow
        isLoaded = true
    }

    /// Whether it outlives its connection.
    var isPersistent: Bool { expirySeconds > 0 }

    /// When there is something to be done for a client that is away.
    var dueAt: Timestamp {
        if let will, will.dueAt < endsAt { return will.dueAt }
        return endsAt
    }

    /// Whether the client has a subscription to exactly this filter.
    func isSubscribed(to filter: Span<UInt8>) -> Bool {
        for subscription in subscriptions where filter.isEqual(to: subscription.filter.span) {
            return true
        }
        return false
    }
}
