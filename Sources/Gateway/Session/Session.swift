import Bytes
import Ledger
import MQTT
import Metering
import Time

/// What a client's CONNECT agreed on, and what has become of it since.
struct Session {
    var version = ProtocolVersion.v3_1_1

    /// Seconds between packets that the client promises; 0: no promise.
    var keepAliveSeconds: UInt16 = 0

    /// The keep-alive is the gateway's choice, and the client has to be told ([MQTT-3.1.2-21]).
    var isKeepAliveOurs = false

    /// The client asked for a session that outlives its connection.
    var wantsPersistence = false

    /// The largest packet the client takes, in bytes ([MQTT-3.1.2-24]).
    var maximumPacketSize = Int.max

    /// Whether Reason Strings may be sent on packets other than CONNACK and DISCONNECT
    /// ([MQTT-3.1.2-29]).
    var wantsProblemInformation = true

    /// Published when the client goes without a DISCONNECT ([MQTT-3.1.2-8]).
    var will: Message?
    var window = OutboundWindow(limit: .max)
    var subscriptions: [ClientSubscription] = []

    /// Packet identifiers of QoS 2 messages that were taken and await their PUBREL: a redelivery of
    /// one is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
    var receivedQoS2: [UInt16] = []

    var client = Client.unknown

    // Of a device only; here, and not in `client`, because every message asks for them.

    /// `d/{PK}/{DK}/`: every topic of the device's own begins so.
    var topicPrefix: [UInt8] = []

    /// The device's product in the shard's catalogue; `nil` for a client that is not metered.
    var productSlot: ProductCatalogue.Slot?

    /// The device's counter, from its first message on.
    var meterSlot: Meter.Slot?

    /// The end of the device's entitlement.
    var expiresAt = Timestamp(milliseconds: .max)

    /// Takes over what a CONNECT asks for, within the limits.
    mutating func agree(to connect: borrowing Connect, limits: ShardLimits) {
        version = connect.version
        let asked = Int(connect.keepAliveSeconds)
        let granted = min(
            max(asked == 0 ? .max : asked, limits.keepAliveMinimumSeconds),
            limits.keepAliveMaximumSeconds
        )
        keepAliveSeconds = UInt16(granted)
        isKeepAliveOurs = granted != asked
        wantsPersistence = (connect.properties.sessionExpiryIntervalSeconds ?? 0) > 0
        maximumPacketSize = connect.properties.maximumPacketSize.map { Int($0) } ?? .max
        wantsProblemInformation = connect.properties.requestProblemInformation ?? true
        let receiveMaximum = connect.properties.receiveMaximum ?? .max
        window = OutboundWindow(limit: min(receiveMaximum, UInt16(limits.receiveMaximum)))
    }

    /// Whether the client has a subscription to exactly this filter.
    func isSubscribed(to filter: Span<UInt8>) -> Bool {
        for subscription in subscriptions where filter.isEqual(to: subscription.filter.span) {
            return true
        }
        return false
    }

    /// A packet identifier of a QoS 2 message that is not yet completed.
    func hasReceived(_ packetID: UInt16) -> Bool { receivedQoS2.contains(packetID) }
}

/// Who is connected, once that has been proved.
enum Client {
    case unknown
    case device(DeviceIdentity)
    case application(ApplicationClient)
}

/// A connected application, or anybody on a listener without authentication.
final class ApplicationClient: Sendable {
    let clientID: String

    /// The key it came with; `nil` on a listener without authentication.
    let key: KeyID?
    let rights: TopicRights

    init(clientID: String, key: KeyID?, rights: TopicRights) {
        self.clientID = clientID
        self.key = key
        self.rights = rights
    }
}

/// One topic filter of a client.
struct ClientSubscription {
    let filter: [UInt8]
    let qos: QoS
    let noLocal: Bool
}
