import Bytes
import MQTT
import Reactor

// From bytes to packets to the verbs of each packet.
extension Shard {
    /// Serves the whole packets at the front of `bytes`, one after the other, until one is
    /// incomplete or the connection takes no more. Answers how many bytes that used.
    mutating func servePackets(_ slot: UInt32, _ bytes: Span<UInt8>) -> Int {
        var used = 0
        do throws(DecodingError) {
            while used < bytes.count, context.wire.connections[slot: slot].isReading {
                let rest = bytes.extracting(used..<bytes.count)
                let limit =
                    context.wire.connections[slot: slot].phase == .open
                    ? context.wire.connections[slot: slot].settings.packetBytes
                    : context.commons.limits.connectPacketBytes
                guard
                    case .packet(let header, let headerLength, let length) =
                        try Framing.next(in: rest, maximumPacketSize: limit)
                else { break }
                let body = rest.extracting(headerLength..<length)
                try serve(slot, header, body)
                if context.wire.connections[slot: slot].holdsPacket { break }
                context.counters.add(.packetsReceived)
                used += length
            }
        } catch {
            refuse(slot, error)
        }
        return used
    }

    private mutating func serve(
        _ slot: UInt32,
        _ header: FixedHeader,
        _ body: Span<UInt8>
    ) throws(DecodingError) {
        guard context.wire.connections[slot: slot].phase == .open else {
            guard header.type == .connect else { return end(slot, .notMQTT) }
            return serveConnect(slot, body)
        }
        let version = context.wire.connections[slot: slot].settings.version
        guard header.type == .publish else { return try serve(slot, header, body, version) }
        // What is traced of a PUBLISH is traced with what becomes of it.
        let publish = try Publish(decoding: body, header: header, version: version)
        broker.servePublish(slot, publish, in: &context)
    }

    /// A packet of a client that is connected, other than PUBLISH.
    private mutating func serve(
        _ slot: UInt32,
        _ header: FixedHeader,
        _ body: Span<UInt8>,
        _ version: ProtocolVersion
    ) throws(DecodingError) {
        if context.wire.connections[slot: slot].isTraced {
            context.wire.traceIncoming(slot, header)
        }
        switch header.type {
        case .puback:
            broker.acknowledged(
                slot, try Puback(decoding: body, version: version).packetID, in: &context)
        case .pubrec:
            let pubrec = try Pubrec(decoding: body, version: version)
            broker.received(slot, pubrec.packetID, pubrec.reason, in: &context)
        case .pubcomp:
            broker.completed(
                slot, try Pubcomp(decoding: body, version: version).packetID, in: &context)
        case .pubrel:
            broker.servePubrel(
                slot, try Pubrel(decoding: body, version: version).packetID, in: &context)
        case .subscribe:
            broker.serveSubscribe(
                slot, try Subscribe(decoding: body, version: version), in: &context)
        case .unsubscribe:
            broker.serveUnsubscribe(
                slot, try Unsubscribe(decoding: body, version: version), in: &context)
        case .pingreq:
            Pingresp.encode(into: &context.wire.connections[slot: slot].output)
        case .disconnect:
            serveDisconnect(slot, try Disconnect(decoding: body, version: version))
        case .auth where version == .v5:
            // No method was agreed on in CONNECT, so there is nothing to continue ([MQTT-4.12.0-7]).
            end(slot, .protocolError)
        case .connect, .connack, .publish, .suback, .unsuback, .pingresp, .auth:
            // A second CONNECT ([MQTT-3.1.0-2]), or a server's packet.
            end(slot, .protocolError)
        }
    }

    /// A packet that breaks the rules ends its connection, with the reason that the standard gives.
    private mutating func refuse(_ slot: UInt32, _ error: DecodingError) {
        let reason = Reason(error.reason)
        if context.wire.connections[slot: slot].phase == .open {
            end(slot, reason)
        } else {
            refuseConnect(slot, reason, version: nil)
        }
    }

    private mutating func serveDisconnect(_ slot: UInt32, _ disconnect: borrowing Disconnect) {
        if let asked = disconnect.properties.sessionExpiryIntervalSeconds,
            !broker.changeExpiry(slot, to: asked, in: &context)
        {
            return end(slot, .protocolError)
        }
        // Only a goodbye without a reason discards the will ([MQTT-3.14.4-3], 3.14.2.1).
        if disconnect.reason == .normalDisconnection {
            context.wire.connections[slot: slot].will = nil
        }
        end(slot, .disconnected)
    }
}
