import Bytes
public import MQTT

/// A packet that the gateway sent, as a value of its own.
public enum TestPacket: Hashable, Sendable {
    /// CONNACK. `code` is the byte on the wire: a reason code of MQTT 5, a return code of 3.1.1.
    public struct Connack: Hashable, Sendable {
        public let code: UInt8
        public let isSessionPresent: Bool
        public let reasonString: String?
        public let assignedClientID: String?
        public let serverKeepAliveSeconds: UInt16?
        public let receiveMaximum: UInt16?
        public let maximumPacketSize: UInt32?
        public let sessionExpirySeconds: UInt32?
        public let topicAliasMaximum: UInt16?

        /// Which of these are announced as not available: `retain`, `wildcard`, `identifier`, `shared`.
        public let unavailable: [String]
    }

    /// PUBLISH.
    public struct Message: Hashable, Sendable {
        public let topic: String
        public let payload: [UInt8]
        public let qos: QoS
        public let packetID: UInt16?
        public let isDuplicate: Bool
        public let isRetained: Bool

        /// Of the subscriptions that it comes by.
        public let subscriptionIdentifiers: [UInt32]
        public let expirySeconds: UInt32?
        public let topicAlias: UInt16?

        /// Names and values, in their order.
        public let userProperties: [String]

        /// Which of these it has: `content-type`, `correlation`, `response`, `user`.
        public let properties: [String]

        /// The payload, when that is text.
        public var text: String { String(decoding: payload, as: UTF8.self) }
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP; of 3.1.1 the code is 0.
    public struct Acknowledgement: Hashable, Sendable {
        public let type: PacketType
        public let packetID: UInt16
        public let code: UInt8
        public let reasonString: String?

        /// The same with success.
        var heard: Acknowledgement {
            Acknowledgement(type: type, packetID: packetID, code: 0, reasonString: nil)
        }
    }

    case connack(Connack)
    case publish(Message)
    case acknowledgement(Acknowledgement)

    /// SUBACK or UNSUBACK: the codes on the wire.
    case subscription(PacketType, packetID: UInt16, codes: [UInt8])
    case pingresp
    case disconnect(code: UInt8, reasonString: String?)

    /// A type that only clients send.
    case other(PacketType)

    init(
        _ header: FixedHeader,
        body: Span<UInt8>,
        version: ProtocolVersion
    ) throws(DecodingError) {
        switch header.type {
        case .connack:
            let packet = try MQTT.Connack(decoding: body, version: version)
            let properties = packet.properties
            self = .connack(
                Connack(
                    code: body[1],
                    isSessionPresent: packet.isSessionPresent,
                    reasonString: properties.reasonString?.text,
                    assignedClientID: properties.assignedClientIdentifier?.text,
                    serverKeepAliveSeconds: properties.serverKeepAliveSeconds,
                    receiveMaximum: properties.receiveMaximum,
                    maximumPacketSize: properties.maximumPacketSize,
                    sessionExpirySeconds: properties.sessionExpiryIntervalSeconds,
                    topicAliasMaximum: properties.topicAliasMaximum,
                    unavailable: Self.unavailable(properties)
                )
            )
        case .publish:
            let packet = try Publish(
                decoding: body, header: header, version: version, sender: .server)
            self = .publish(
                Message(
                    topic: packet.topic.text ?? "",
                    payload: packet.payload.bytesArray,
                    qos: packet.qos,
                    packetID: packet.packetID,
                    isDuplicate: packet.isDuplicate,
                    isRetained: packet.isRetained,
                    subscriptionIdentifiers: Self.identifiers(packet.properties),
                    expirySeconds: packet.properties.messageExpiryIntervalSeconds,
                    topicAlias: packet.properties.topicAlias,
                    userProperties: Self.userProperties(packet.properties),
                    properties: Self.names(of: packet.properties)
                )
            )
        case .puback: self.init(try Puback(decoding: body, version: version))
        case .pubrec: self.init(try Pubrec(decoding: body, version: version))
        case .pubrel: self.init(try Pubrel(decoding: body, version: version))
        case .pubcomp: self.init(try Pubcomp(decoding: body, version: version))
        case .suback:
            let packet = try Suback(decoding: body, version: version)
            let codes = (0..<packet.reasons.count).map { packet.reasons[$0].rawValue }
            self = .subscription(.suback, packetID: packet.packetID, codes: codes)
        case .unsuback:
            let packet = try Unsuback(decoding: body, version: version)
            let codes = (0..<packet.reasons.count).map { packet.reasons[$0].rawValue }
            self = .subscription(.unsuback, packetID: packet.packetID, codes: codes)
        case .pingresp: self = .pingresp
        case .disconnect:
            let packet = try Disconnect(decoding: body, version: version, sender: .server)
            self = .disconnect(
                code: packet.reason.rawValue,
                reasonString: packet.properties.reasonString?.text
            )
        case .connect, .subscribe, .unsubscribe, .pingreq, .auth: self = .other(header.type)
        }
    }

    private static func unavailable(_ properties: PropertyView) -> [String] {
        let all = [
            ("retain", properties.retainAvailable),
            ("wildcard", properties.wildcardSubscriptionAvailable),
            ("identifier", properties.subscriptionIdentifierAvailable),
            ("shared", properties.sharedSubscriptionAvailable),
        ]
        return all.filter { $0.1 == false }.map(\.0)
    }

    private static func identifiers(_ properties: PropertyView) -> [UInt32] {
        var found: [UInt32] = []
        var iterator = properties.subscriptionIdentifiers
        while let identifier = iterator.next() { found.append(identifier) }
        return found
    }

    private static func userProperties(_ properties: PropertyView) -> [String] {
        var found: [String] = []
        var iterator = properties.userProperties
        while let property = iterator.next() {
            found.append("\(property.name.text ?? "")=\(property.value.text ?? "")")
        }
        return found
    }

    private static func names(of properties: PropertyView) -> [String] {
        let all: [(PropertyID, String)] = [
            (.contentType, "content-type"), (.correlationData, "correlation"),
            (.responseTopic, "response"), (.userProperty, "user"),
        ]
        var names: [String] = []
        for (id, name) in all where properties.contains(id) { names.append(name) }
        return names
    }

    private init<Kind>(_ packet: MQTT.Acknowledgement<Kind>) {
        self = .acknowledgement(
            Acknowledgement(
                type: Kind.type, packetID: packet.packetID, code: packet.reason.rawValue,
                reasonString: packet.properties.reasonString?.text)
        )
    }
}

extension TestPacket {
    /// The bytes of a PUBLISH of MQTT 5 at QoS 1 without a payload.
    public static func publish(_ topic: String, packetID: UInt16) -> [UInt8] {
        let topic = Array(topic.utf8)
        var packet = ByteBuffer()
        Publish.encode(
            topic: topic.span,
            payload: Span(),
            qos: .atLeastOnce,
            packetID: packetID,
            version: .v5,
            into: &packet
        )
        return packet.span.bytesArray
    }
}
