import Bytes
import MQTT

/// Decodes one packet with the decoder of its type and writes what it found as a packet again.
enum Recoder {
    /// Nil while the packet is not whole.
    static func recode(
        _ packet: [UInt8],
        version: ProtocolVersion,
        sender: Sender,
        maximumPacketSize: Int = 1 << 20
    ) throws(DecodingError) -> [UInt8]? {
        let step = try Framing.next(in: packet.span, maximumPacketSize: maximumPacketSize)
        guard case .packet(let header, let headerLength, let totalLength) = step else { return nil }
        let body = packet.span.extracting(headerLength..<totalLength)
        var buffer = ByteBuffer()
        switch header.type {
        case .connect: try recode(Connect(decoding: body), &buffer)
        case .connack:
            let connack = try Connack(decoding: body, version: version)
            Connack.encode(
                isSessionPresent: connack.isSessionPresent, reason: connack.reason,
                version: version, into: &buffer
            ) { $0.append(contentsOf: connack.properties) }
        case .publish:
            let publish = try Publish(
                decoding: body, header: header, version: version, sender: sender)
            Publish.encode(
                topic: publish.topic, payload: publish.payload, qos: publish.qos,
                packetID: publish.packetID, isRetained: publish.isRetained,
                isDuplicate: publish.isDuplicate, version: version, into: &buffer
            ) { $0.append(contentsOf: publish.properties) }
        case .puback, .pubrec, .pubrel, .pubcomp:
            try recodeAcknowledgement(header.type, body, version, &buffer)
        case .subscribe: try recode(Subscribe(decoding: body, version: version), version, &buffer)
        case .suback:
            let suback = try Suback(decoding: body, version: version)
            let reasons = (0..<suback.reasons.count).map { suback.reasons[$0] }
            Suback.encode(
                packetID: suback.packetID, reasons: reasons.span, version: version, into: &buffer
            ) { $0.append(contentsOf: suback.properties) }
        case .unsubscribe:
            try recode(Unsubscribe(decoding: body, version: version), version, &buffer)
        case .unsuback:
            let unsuback = try Unsuback(decoding: body, version: version)
            var reasons = (0..<unsuback.reasons.count).map { unsuback.reasons[$0] }
            if reasons.isEmpty { reasons = [.success] }
            Unsuback.encode(
                packetID: unsuback.packetID, reasons: reasons.span, version: version, into: &buffer
            ) { $0.append(contentsOf: unsuback.properties) }
        case .pingreq: Pingreq.encode(into: &buffer)
        case .pingresp: Pingresp.encode(into: &buffer)
        case .disconnect:
            let disconnect = try Disconnect(decoding: body, version: version, sender: sender)
            Disconnect.encode(reason: disconnect.reason, version: version, into: &buffer) {
                $0.append(contentsOf: disconnect.properties)
            }
        case .auth:
            let auth = try Auth(decoding: body, version: version, sender: sender)
            Auth.encode(reason: auth.reason, into: &buffer) {
                $0.append(contentsOf: auth.properties)
            }
        }
        return array(buffer.span)
    }

    /// Whether the standard lets one packet of this type be written in more than one way: with or
    /// without a reason code of 0 and properties of length 0 (3.4.2.1, 3.14.2.1, 3.15.2.1).
    static func hasShorterForms(_ packet: [UInt8]) -> Bool {
        [4, 5, 6, 7, 14].contains(packet[0] >> 4)
    }

    private static func recode(_ connect: Connect, _ buffer: inout ByteBuffer) {
        Connect.encode(
            clientID: connect.clientID, isCleanStart: connect.isCleanStart,
            keepAliveSeconds: connect.keepAliveSeconds, will: connect.will,
            userName: connect.userName, password: connect.password, version: connect.version,
            into: &buffer
        ) { $0.append(contentsOf: connect.properties) }
    }

    private static func recode(
        _ subscribe: Subscribe, _ version: ProtocolVersion, _ buffer: inout ByteBuffer
    ) {
        Subscribe.encode(packetID: subscribe.packetID, version: version, into: &buffer) { writer in
            var iterator = subscribe.subscriptions
            while let subscription = iterator.next() {
                writer.append(subscription.filter.text, subscription.options)
            }
        } properties: {
            $0.append(contentsOf: subscribe.properties)
        }
    }

    private static func recode(
        _ unsubscribe: Unsubscribe, _ version: ProtocolVersion, _ buffer: inout ByteBuffer
    ) {
        Unsubscribe.encode(packetID: unsubscribe.packetID, version: version, into: &buffer) {
            writer in
            var iterator = unsubscribe.filters
            while let filter = iterator.next() { writer.append(filter.text) }
        } properties: {
            $0.append(contentsOf: unsubscribe.properties)
        }
    }

    private static func recodeAcknowledgement(
        _ type: PacketType, _ body: Span<UInt8>, _ version: ProtocolVersion,
        _ buffer: inout ByteBuffer
    ) throws(DecodingError) {
        switch type {
        case .puback:
            let packet = try Puback(decoding: body, version: version)
            Puback.encode(
                packetID: packet.packetID, reason: packet.reason, version: version, into: &buffer
            ) { $0.append(contentsOf: packet.properties) }
        case .pubrec:
            let packet = try Pubrec(decoding: body, version: version)
            Pubrec.encode(
                packetID: packet.packetID, reason: packet.reason, version: version, into: &buffer
            ) { $0.append(contentsOf: packet.properties) }
        case .pubrel:
            let packet = try Pubrel(decoding: body, version: version)
            Pubrel.encode(
                packetID: packet.packetID, reason: packet.reason, version: version, into: &buffer
            ) { $0.append(contentsOf: packet.properties) }
        default:
            let packet = try Pubcomp(decoding: body, version: version)
            Pubcomp.encode(
                packetID: packet.packetID, reason: packet.reason, version: version, into: &buffer
            ) { $0.append(contentsOf: packet.properties) }
        }
    }
}
