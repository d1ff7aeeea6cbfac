import Bytes
import MQTT
import Reactor
import Sessions
import Time

/// What MQTT calls a session: what the gateway keeps of a client beyond one packet, and, when the
/// client has asked for that, beyond one connection ([MQTT-3.1.2-23]). It lives in a slot of its
/// shard's table; its token is what the topic tree knows of a subscriber.
struct Session: ~Copyable, Sendable {
    let client: Client

    /// The device's product in the shard's catalogue.
    let productSlot: ProductCatalogue.Slot?

    /// The connection that serves it; `nil` while the client is away.
    var connection: Token?

    /// How long it outlives its connection, in seconds; 0: it ends with it, `UInt32.max`: never.
    var expirySeconds: UInt32

    /// When it ends, while the client is away.
    var endsAt = Timestamp(milliseconds: .max)

    /// The will of the connection before, until it is due ([MQTT-3.1.2-8]), and when that is.
    var will: (will: StoredWill, dueAt: Timestamp)?

    var subscriptions: [StoredSubscription] = []

    /// QoS 1 and 2 messages to the client.
    var queue: DeliveryQueue

    /// Packet identifiers of QoS 2 messages that were taken and await their PUBREL: a redelivery of
    /// one is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
    var received = ReceivedIdentifiers()

    /// Messages to it wait for top-up units, and later ones behind them.
    var holdsDeliveries = false

    /// What is next in line is covered by no allowance and no pack, and will be tried again.
    var waitsForQuota = false

    init(
        client: Client,
        productSlot: ProductCatalogue.Slot?,
        connection: Token,
        expirySeconds: UInt32,
        receiveMaximum: UInt16
    ) {
        self.client = client
        self.productSlot = productSlot
        self.connection = connection
        self.expirySeconds = expirySeconds
        queue = DeliveryQueue(keepsSent: expirySeconds > 0, limit: receiveMaximum)
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
