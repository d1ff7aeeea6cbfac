import Bytes
import Ledger
import MQTT
import Metering
import Sessions
import Time

/// What a client's CONNECT agreed on, and what has become of it since.
struct Session {
    var version = ProtocolVersion.v3_1_1

    /// Seconds between packets that the client promises; 0: no promise.
    var keepAliveSeconds: UInt16 = 0

    /// The keep-alive is the gateway's choice, and the client has to be told ([MQTT-3.1.2-21]).
    var isKeepAliveOurs = false

    /// The client left it to the gateway to name it, and has to be told ([MQTT-3.2.2-16]).
    var isNamedByUs = false

    /// The client asked for a session that outlives its connection.
    var wantsPersistence = false

    /// The largest packet the client takes, in bytes ([MQTT-3.1.2-24]); `Int.max`: any.
    var maximumPacketSize = Int.max

    /// Whether Reason Strings are sent. Without, those of CONNACK and DISCONNECT are left out too,
    /// which [MQTT-3.1.2-29] allows.
    var wantsProblemInformation = true

    /// Published when the client goes without a DISCONNECT ([MQTT-3.1.2-8]).
    var will: Message?
    var window = OutboundWindow(limit: .max)
    var subscriptions: [ClientSubscription] = []

    /// PUBLISHes that can't be acknowledged yet.
    var unanswered = UnansweredPublishes()

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
        // A 3.1.1 client can't be told of a shorter one than it asked for, so it isn't held to it.
        let isHeld = version == .v5 || asked == 0
        let granted = min(
            max(asked == 0 ? .max : asked, limits.keepAliveMinimumSeconds),
            isHeld ? limits.keepAliveMaximumSeconds : Int(UInt16.max)
        )
        keepAliveSeconds = UInt16(granted)
        isKeepAliveOurs = granted != asked
        isNamedByUs = connect.clientID.isEmpty
        wantsPersistence = (connect.properties.sessionExpiryIntervalSeconds ?? 0) > 0
        maximumPacketSize = connect.properties.maximumPacketSize.map { Int($0) } ?? .max
        wantsProblemInformation = connect.properties.requestProblemInformation ?? true
        let receiveMaximum = connect.properties.receiveMaximum ?? .max
        window = OutboundWindow(limit: min(receiveMaximum, UInt16(limits.receiveMaximum)))
    }

    /// Whether the client takes a PUBLISH whose parts have so many bytes ([MQTT-3.1.2-25]).
    func takesPublish(topic: Int, payload: Int, properties: Int, qos: QoS) -> Bool {
        // Only MQTT 5 knows a limit, and only there a message has properties.
        guard maximumPacketSize < .max else { return true }
        let rest =
            2 + topic + (qos > .atMostOnce ? 2 : 0)
            + VariableByteInteger.size(of: properties) + properties + payload
        return 1 + VariableByteInteger.size(of: rest) + rest <= maximumPacketSize
    }

    /// Whether a packet may carry `text` as its Reason String: asked for ([MQTT-3.1.2-29]), and no
    /// reason for the packet to be too large ([MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.14.2-3]).
    func takesReasonString(_ text: String) -> Bool {
        wantsProblemInformation
            && text.utf8.count + Self.reasonStringOverhead <= maximumPacketSize
    }

    /// The bytes around the Reason String of a PUBACK or PUBREC, the largest packet to have one:
    /// fixed header 2, packet identifier 2, reason code 1, property length 1, identifier and length
    /// of the property 3.
    private static var reasonStringOverhead: Int { 9 }

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

    /// What it is called: an application's own client identifier, `{PK}.{DK}` of a device.
    var identifier: String? {
        switch self {
        case .unknown: nil
        case .device(let identity): "\(identity)"
        case .application(let application): application.clientID
        }
    }
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
