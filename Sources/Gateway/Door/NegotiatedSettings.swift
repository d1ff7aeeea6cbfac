import Bytes
import Ledger
import Metering
import MQTT
import Sessions
import Time

/// What a client's CONNECT agreed on, and what has become of it since: of one connection, whereas the
/// `Session` may see many.
///
/// Every connection has it in its slot, so the fields are as small as MQTT allows, and in an order that
/// leaves no gaps (`SizeTests`).
struct NegotiatedSettings {
    /// The largest packet that the client may send, in bytes ([MQTT-3.2.2-15]).
    var packetBytes = 0

    var client = Client.unknown

    /// `d/{PK}/{DK}/` of a device: the client's own array. Here too, because every message asks for it.
    var topicPrefix: [UInt8] = []

    /// The end of the device's entitlement.
    var expiresAt = Timestamp(milliseconds: .max)

    /// PUBLISHes that can't be acknowledged yet.
    var unanswered = UnansweredPublishes()

    /// Seconds between packets that the client promises; 0: no promise.
    var keepAliveSeconds: UInt16 = 0

    /// The largest packet the client takes, in bytes ([MQTT-3.1.2-24]); `UInt32.max`: any.
    var maximumPacketSize = UInt32.max

    /// How long the client wants its session to outlive the connection, in seconds (3.1.2.11.2);
    /// `UInt32.max`: for ever.
    var askedExpirySeconds: UInt32 = 0

    /// How long it does.
    var expirySeconds: UInt32 = 0

    /// The most QoS 1 and 2 messages that may be under way to the client ([MQTT-3.3.4-9]).
    var receiveMaximum: UInt16 = .max

    /// The most QoS 1 and 2 messages that the client may have under way ([MQTT-3.3.4-7]).
    var receiveQuota: UInt16 = .max

    /// The highest topic alias that the client was told it may use; 0: none.
    var inboundAliasMaximum: UInt16 = 0

    /// The most topic aliases that are used towards the client.
    var outboundAliasMaximum: UInt16 = 0

    /// The device's product in the shard's catalogue; `nil` for a client that is not metered.
    var productSlot: ProductCatalogue.Slot?

    var version = ProtocolVersion.v3_1_1

    /// What is seldom asked, in one byte.
    private struct Traits: OptionSet {
        let rawValue: UInt8

        static let keepAliveIsOurs = Traits(rawValue: 1)
        static let isNamedByUs = Traits(rawValue: 2)
        static let isMQTT31 = Traits(rawValue: 4)

        mutating func set(_ trait: Traits, _ isSet: Bool) {
            if isSet { formUnion(trait) } else { subtract(trait) }
        }
    }

    private var traits: Traits = []

    /// It speaks MQTT 3.1, which is 3.1.1 but for CONNECT, CONNACK and SUBACK.
    var isMQTT31: Bool {
        get { traits.contains(.isMQTT31) }
        set { traits.set(.isMQTT31, newValue) }
    }

    /// The version, for people.
    var protocolName: String { isMQTT31 ? "3.1" : version.name }

    /// The keep-alive is the gateway's choice, and the client has to be told ([MQTT-3.1.2-21]).
    var isKeepAliveOurs: Bool {
        get { traits.contains(.keepAliveIsOurs) }
        set { traits.set(.keepAliveIsOurs, newValue) }
    }

    /// The client left it to the gateway to name it, and has to be told ([MQTT-3.2.2-16]).
    var isNamedByUs: Bool {
        get { traits.contains(.isNamedByUs) }
        set { traits.set(.isNamedByUs, newValue) }
    }

    /// The device's counter, from its first message on.
    var meterSlot: Meter.Slot?

    /// Clean Start, or Clean Session of 3.1.1: an earlier session is discarded ([MQTT-3.1.2-4]).
    var isCleanStart = true

    /// Whether Reason Strings are sent. Without, those of CONNACK and DISCONNECT are left out too,
    /// which [MQTT-3.1.2-29] allows.
    var wantsProblemInformation = true

    /// Takes over what a CONNECT asks for, within the limits.
    mutating func agree(
        to connect: borrowing Connect,
        limits: ShardLimits,
        listener: ListenerTraits
    ) {
        version = connect.version
        isMQTT31 = connect.isMQTT31
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
        maximumPacketSize = connect.properties.maximumPacketSize ?? .max
        wantsProblemInformation = connect.properties.requestProblemInformation ?? true
        let receiveMaximum = connect.properties.receiveMaximum ?? .max
        self.receiveMaximum = min(receiveMaximum, UInt16(limits.receiveMaximum))
        packetBytes = listener.packetBytes
        receiveQuota = UInt16(listener.receiveMaximum)
        inboundAliasMaximum = version == .v5 ? UInt16(listener.topicAliasMaximum) : 0
        let taken = connect.properties.topicAliasMaximum ?? 0
        outboundAliasMaximum = min(taken, UInt16(listener.topicAliasMaximum))
    }

    /// The same of what the device is limited to: told in CONNACK, and so for one connection.
    mutating func agree(to limits: TrafficLimits) {
        if let bytes = limits.packetBytes { packetBytes = min(packetBytes, Int(bytes)) }
        if let messages = limits.inflightMessages {
            receiveQuota = min(receiveQuota, UInt16(clamping: messages))
        }
    }

    /// Whether the client may use that topic alias ([MQTT-3.3.2-9]).
    func allows(alias: UInt16) -> Bool { alias > 0 && alias <= inboundAliasMaximum }

    /// Whether the client takes a PUBLISH whose parts have so many bytes ([MQTT-3.1.2-25]).
    func takesPublish(topic: Int, payload: Int, properties: Int, qos: QoS) -> Bool {
        // Only MQTT 5 knows a limit, and only there a message has properties.
        guard maximumPacketSize < .max else { return true }
        let rest =
            2 + topic + (qos > .atMostOnce ? 2 : 0)
            + VariableByteInteger.size(of: properties) + properties + payload
        return 1 + VariableByteInteger.size(of: rest) + rest <= Int(maximumPacketSize)
    }

    /// Whether a CONNACK is within what the client takes ([MQTT-3.1.2-24]), whatever it has to say: no
    /// property of it can be left out. A refusal fits into five bytes.
    func takesConnack(assigning identifierBytes: Int) -> Bool {
        // Header 2, flags and code 2, property length 1, Receive Maximum 3, Maximum Packet Size 5; then Session
        // Expiry Interval, Topic Alias Maximum, Server Keep Alive, Assigned Client Identifier.
        let bytes =
            13 + (expirySeconds != askedExpirySeconds ? 5 : 0)
            + (inboundAliasMaximum > 0 ? 3 : 0) + (isKeepAliveOurs ? 3 : 0)
            + (isNamedByUs ? 3 + identifierBytes : 0)
        // Of 127 bytes and more the lengths have two bytes.
        return bytes + (bytes >= 127 ? 2 : 0) <= Int(maximumPacketSize)
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
            && text.utf8.count + Self.reasonStringOverhead <= Int(maximumPacketSize)
    }

    /// The bytes around the Reason String of a PUBACK or PUBREC, the largest packet to have one:
    /// fixed header 2, packet identifier 2, reason code 1, property length 1, identifier and length
    /// of the property 3.
    private static var reasonStringOverhead: Int { 9 }
}
