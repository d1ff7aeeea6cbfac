import Bytes
import MQTT
import Reactor
import Sessions
import Synchronization
import Time

/// What MQTT calls a session: what the gateway keeps of a client beyond one packet, and, when the
/// client has asked for that, beyond one connection ([MQTT-3.1.2-23]) and beyond the process. It lives
/// in a slot of its shard's table; its token is what the topic tree knows of a subscriber.
///
/// Of an idle device that wants nothing kept the slot is all there is: messages, a will and what the store
/// has to know are outside of it (`Kept`).
struct Session: ~Copyable, Sendable {
    /// What only some sessions have: those that outlive their connections, and those that were sent
    /// messages of QoS 1 or 2.
    struct Kept: ~Copyable, Sendable {
        var queue: DeliveryQueue
        var received = ReceivedIdentifiers()
        var stored: StoredKey?
        var leftAt = Timestamp(milliseconds: 0)
        var endsAt = Timestamp(milliseconds: .max)
        var touchedTick: UInt64 = 0
        var sentBelow: UInt64 = 0
        var will: (will: StoredWill, dueAt: Timestamp)?
        var inheritedFrom: UInt8?

        /// What waits in the store, of a session that has let go of its queue.
        var unloaded: (messages: Int, bytes: Int) = (0, 0)
    }

    /// What the store knows it by.
    struct StoredKey: Sendable {
        let name: SessionName
        let number: SessionNumber

        /// As of its record.
        var claim: UInt64
    }

    var kept = OnDemand<Kept>()
    var client: Client
    var subscriptions: [StoredSubscription] = []

    /// How long it outlives its connection, in seconds; 0: it ends with it, `UInt32.max`: never.
    var expirySeconds: UInt32

    /// The connection that serves it; `nil` while the client is away.
    var connection: Token?
    var version: ProtocolVersion

    /// What its queue begins with.
    private let keepsSent: Bool

    /// The device's product in the shard's catalogue, with the device's own limit.
    var productSlot: ProductCatalogue.Slot?

    /// Whether `queue` and `received` are what the store has; else they are still there only.
    var isLoaded = true
    private let receiveMaximum: UInt16

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
        keepsSent = settings.expirySeconds > 0
        receiveMaximum = settings.receiveMaximum
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
        version = record.version
        expirySeconds = record.expiryIntervalSeconds
        keepsSent = true
        receiveMaximum = .max
        subscriptions = record.subscriptions
        isLoaded = false
        stored = StoredKey(name: name, number: record.number, claim: record.claim)
        leftAt = record.endedAt ?? start
        if record.expiryIntervalSeconds < .max {
            endsAt = leftAt.adding(seconds: Int64(record.expiryIntervalSeconds))
        }
        if let will = record.will {
            let delayed = leftAt.adding(seconds: Int64(will.delaySeconds))
            self.will = (will, delayed < endsAt ? delayed : endsAt)
        }
    }

    /// Takes up what the store has of messages.
    mutating func restore(_ stored: StoredSession) {
        queue = DeliveryQueue(restoring: stored, limit: .max)
        received = stored.received
        sentBelow = stored.sentBelow
        isLoaded = true
    }

    /// Lets go of what it knows of messages: the store has all of it.
    mutating func unload() {
        let waiting = waiting
        queue = DeliveryQueue(keepsSent: true, limit: .max)
        received = ReceivedIdentifiers()
        isLoaded = false
        kept.value.unloaded = waiting
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

// What only some sessions have: read, it is what a new session begins with; a change brings it into being.
extension Session {
    private mutating func keep() {
        kept.make(Kept(queue: DeliveryQueue(keepsSent: keepsSent, limit: receiveMaximum)))
    }

    /// QoS 1 and 2 messages to the client.
    var queue: DeliveryQueue {
        _read {
            if kept.isMade {
                yield kept.value.queue
            } else {
                yield DeliveryQueue(keepsSent: keepsSent, limit: receiveMaximum)
            }
        }
        _modify {
            keep()
            yield &kept.value.queue
        }
    }

    /// Messages that are kept for the client, and their bytes, also those that only the store has. Of a session that was not
    /// looked at since the start that is not known: none.
    var waiting: (messages: Int, bytes: Int) {
        guard kept.isMade else { return (0, 0) }
        if !isLoaded { return kept.value.unloaded }
        return (kept.value.queue.keptCount, kept.value.queue.keptBytes)
    }

    /// Packet identifiers of QoS 2 messages that were taken and await their PUBREL: a redelivery of
    /// one is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
    var received: ReceivedIdentifiers {
        _read {
            if kept.isMade { yield kept.value.received } else { yield ReceivedIdentifiers() }
        }
        _modify {
            keep()
            yield &kept.value.received
        }
    }

    /// Where it is in the store; `nil` for one that is in memory only.
    var stored: StoredKey? {
        _read {
            if kept.isMade { yield kept.value.stored } else { yield nil }
        }
        _modify {
            keep()
            yield &kept.value.stored
        }
    }

    /// When the client has gone, and when the session ends for that; while it is away.
    var leftAt: Timestamp {
        get { kept.isMade ? kept.value.leftAt : Timestamp(milliseconds: 0) }
        set {
            keep()
            kept.value.leftAt = newValue
        }
    }

    var endsAt: Timestamp {
        get { kept.isMade ? kept.value.endsAt : Timestamp(milliseconds: .max) }
        set {
            keep()
            kept.value.endsAt = newValue
        }
    }

    /// The will of the connection before, until it is due ([MQTT-3.1.2-8]), and when that is.
    var will: (will: StoredWill, dueAt: Timestamp)? {
        get { kept.isMade ? kept.value.will : nil }
        set {
            guard kept.isMade || newValue != nil else { return }
            keep()
            kept.value.will = newValue
        }
    }

    /// The node that it was taken over from in the life of this process, as that numbers it.
    var inheritedFrom: UInt8? {
        get { kept.isMade ? kept.value.inheritedFrom : nil }
        set {
            keep()
            kept.value.inheritedFrom = newValue
        }
    }

    /// When something was last put into its queue, in ticks of the shard's timer wheel.
    var touchedTick: UInt64 {
        get { kept.isMade ? kept.value.touchedTick : 0 }
        set {
            keep()
            kept.value.touchedTick = newValue
        }
    }

    /// All messages of the queue below this sequence have been sent.
    var sentBelow: UInt64 {
        get { kept.isMade ? kept.value.sentBelow : 0 }
        set {
            keep()
            kept.value.sentBelow = newValue
        }
    }
}
