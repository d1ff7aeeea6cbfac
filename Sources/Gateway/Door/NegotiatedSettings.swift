import Bytes
import Ledger
import Metering
import MQTT
import Sessions
import Time

/// What a client's CONNECT agreed on, and what has become of it since: of one connection, whereas the
/// `Session` may see many.
struct NegotiatedSettings {
    var version = ProtocolVersion.v3_1_1

    /// Seconds between packets that the client promises; 0: no promise.
    var keepAliveSeconds: UInt16 = 0

    /// The keep-alive is the gateway's choice, and the client has to be told ([MQTT-3.1.2-21]).
    var isKeepAliveOurs = false

    /// The client left it to the gateway to name it, and has to be told ([MQTT-3.2.2-16]).
    var isNamedByUs = false

    /// Clean Start, or Clean Session of 3.1.1: an earlier session is discarded ([MQTT-3.1.2-4]).
    var isCleanStart = true

    /// How long the client wants its session to outlive the connection, in seconds (3.1.2.11.2);
    /// `UInt32.max`: for ever.
    var askedExpirySeconds: UInt32 = 0

    /// How long it does.
    var expirySeconds: UInt32 = 0

    /// The largest packet the client takes, in bytes ([MQTT-3.1.2-24]); `Int.max`: any.
    var maximumPacketSize = Int.max

    /// The most QoS 1 and 2 messages that may be under way to the client ([MQTT-3.3.4-9]).
    var receiveMaximum: UInt16 = .max

    /// The largest packet that the client may send, in bytes ([MQTT-3.2.2-15]).
    var packetBytes = 0

    /// The most QoS 1 and 2 messages that the client may have under way ([MQTT-3.3.4-7]).
    var receiveQuota: UInt16 = .max

    var inboundAliases = InboundAliases(limit: 0)
    var outboundAliases = OutboundAliases(limit: 0)

    /// Whether Reason Strings are sent. Without, those of CONNACK and DISCONNECT are left out too,
    /// which [MQTT-3.1.2-29] allows.
    var wantsProblemInformation = true

    /// Published when the client goes without a DISCONNECT ([MQTT-3.1.2-8]).
    var will: StoredWill?

    /// PUBLISHes that can't be acknowledged yet.
    var unanswered = UnansweredPublishes()

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
    mutating func agree(
        to connect: borrowing Connect,
        limits: ShardLimits,
        listener: ListenerTraits
    ) {
        version = connect.version
        let asked = Int(connect.keepAliveSeconds)
        // A 3.1.1 client can't be told of a shorter one than it asked for, so it isn't held to it.
        let isHeld = version == .v5 || asked == 0
        let granted = min(
            max(asked == 0 ? .max : asked, limits.keepAliveMinimumSeconds),
            isHeld ? listener.keepAliveMaximumSeconds : Int(UInt16.max)
        )
        keepAliveSeconds = UInt16(granted)
        isKeepAliveOurs = granted != asked
        isNamedByUs = connect.clientID.isEmpty
        isCleanStart = connect.isCleanStart
        askedExpirySeconds =
            switch version {
            case .v5: connect.properties.sessionExpiryIntervalSeconds ?? 0
            case .v3_1_1: isCleanStart ? 0 : .max
            }
        expirySeconds = min(askedExpirySeconds, limits.sessionExpiryMaximumSeconds)
        maximumPacketSize = connect.properties.maximumPacketSize.map { Int($0) } ?? .max
        wantsProblemInformation = connect.properties.requestProblemInformation ?? true
        let receiveMaximum = connect.properties.receiveMaximum ?? .max
        self.receiveMaximum = min(receiveMaximum, UInt16(limits.receiveMaximum))
        packetBytes = listener.packetBytes
        receiveQuota = UInt16(listener.receiveMaximum)
        inboundAliases = InboundAliases(limit: version == .v5 ? listener.topicAliasMaximum : 0)
        let taken = Int(connect.properties.topicAliasMaximum ?? 0)
        outboundAliases = OutboundAliases(limit: min(taken, listener.topicAliasMaximum))
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

    /// Whether a CONNACK is within what the client takes ([MQTT-3.1.2-24]), whatever it has to say: no
    /// property of it can be left out. A refusal fits into five bytes.
    func takesConnack(assigning identifierBytes: Int) -> Bool {
        // Header 2, flags and code 2, property length 1, Receive Maximum 3, Maximum Packet Size 5; then Session
        // Expiry Interval, Topic Alias Maximum, Server Keep Alive, Assigned Client Identifier.
        let bytes =
            13 + (expirySeconds != askedExpirySeconds ? 5 : 0)
            + (inboundAliases.limit > 0 ? 3 : 0) + (isKeepAliveOurs ? 3 : 0)
            + (isNamedByUs ? 3 + identifierBytes : 0)
        // Of 127 bytes and more the lengths have two bytes.
        return bytes + (bytes >= 127 ? 2 : 0) <= maximumPacketSize
    }

    /// Whether a SUBACK or UNSUBACK with so many reason codes is within what the client takes
    /// ([MQTT-3.1.2-24]): none of them can be left out ([MQTT-3.8.4-6], [MQTT-3.11.3-1]).
    func takesAnswer(reasonCodes: Int) -> Bool {
        guard maximumPacketSize < .max else { return true }
        // Packet identifier 2, property length 1.
        let rest = 3 + reasonCodes
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
}

/// Who is connected, once that has been proved.
enum Client {
    case unknown
    case device(DeviceIdentity)
    case application(ApplicationClient)

    /// Whether it is an application that came with that key.
    func isApplication(of key: KeyID) -> Bool {
        if case .application(let application) = self { application.key == key } else { false }
    }

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

/// What two connections of the same client have in common: the later one displaces the earlier.
enum ClientName: Hashable {
    case device(DeviceIdentity)

    /// Client identifiers are the key's own: no key's application can displace another's. Bytes, because
    /// equal strings may differ in them: "å" of one character and of two ([MQTT-3.1.3-2]).
    case application(KeyID?, clientID: [UInt8])

    init(_ client: Client) {
        switch client {
        case .device(let identity): self = .device(identity)
        case .application(let application):
            self = .application(application.key, clientID: Array(application.clientID.utf8))
        case .unknown: preconditionFailure("only an admitted client has a name")
        }
    }
}
