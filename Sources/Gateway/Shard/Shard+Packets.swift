import Bytes
import MQTT
import Reactor

// From bytes to packets to the verbs of each packet.
extension Shard {
    /// Serves the whole packets at the front of `bytes`, one after the other, until one is
    /// incomplete or the connection takes no more. Answers how many bytes that used.
    mutating func servePackets(_ slot: UInt32, _ bytes: Span<UInt8>) -> Int {
        var used = 0
        while servePackets(slot, bytes, from: &used) == .repetition {
            let rest = bytes.extracting(used..<bytes.count)
            guard let length = serveRepetition(slot, rest) else { break }
            used += length
        }
        return used
    }

    /// What ends serving packets.
    private enum Pause {
        case end

        /// The packet in front is marked as sent before, which MQTT 3.1 does alone.
        case repetition
    }

    @inline(__always)
    private mutating func servePackets(
        _ slot: UInt32, _ bytes: Span<UInt8>, from used: inout Int
    ) -> Pause {
        do throws(DecodingError) {
            let connectBytes = context.commons.limits.connectPacketBytes
            while used < bytes.count,
                let expected = context.wire[slot].expectedPacket
            {
                let rest = bytes.extracting(used..<bytes.count)
                let limit = expected.isConnect ? connectBytes : expected.maximumBytes
                guard
                    case .packet(let header, let headerLength, let length) =
                        try Framing.next(in: rest, maximumPacketSize: limit)
                else { break }
                let body = rest.extracting(headerLength..<length)
                if header.type == .publish, !expected.isConnect {
                    // What is traced of a PUBLISH is traced with what becomes of it.
                    let publish = try Publish(
                        decoding: body, header: header, version: expected.version)
                    broker.servePublish(slot, publish, in: &context)
                } else {
                    try serve(slot, header, body, as: expected)
                }
                if context.wire[slot].holdsPacket { break }
                context.counters.add(.packetsReceived)
                used += length
            }
        } catch {
            if error.violation == .invalidFlags, context.wire[slot].settings.isMQTT31 {
                return .repetition
            }
            refuse(slot, error)
        }
        return .end
    }

    /// Serves one packet of MQTT 3.1 whose flags later versions forbid, and answers its length; `nil` when there is no
    /// more to be served now.
    @inline(never)
    private mutating func serveRepetition(_ slot: UInt32, _ bytes: Span<UInt8>) -> Int? {
        guard let expected = context.wire[slot].expectedPacket else { return nil }
        do throws(DecodingError) {
            switch try Framing.nextRepetition(
                in: bytes, maximumPacketSize: expected.maximumBytes)
            {
            case .packet(let header, let headerLength, let length):
                try serve(slot, header, bytes.extracting(headerLength..<length), as: expected)
                if context.wire[slot].holdsPacket { return nil }
                context.counters.add(.packetsReceived)
                return length
            case .incomplete: return nil
            case nil: throw DecodingError(.invalidFlags, at: 0)
            }
        } catch {
            refuse(slot, error)
            return nil
        }
    }

    /// The first packet, or one of a client that is connected, other than PUBLISH.
    @inline(never)
    private mutating func serve(
        _ slot: UInt32,
        _ header: FixedHeader,
        _ body: Span<UInt8>,
        as expected: ExpectedPacket
    ) throws(DecodingError) {
        if context.wire[slot].phase == .departing {
            if header.type == .disconnect { end(slot, .disconnected) }
            return
        }
        if expected.isConnect {
            guard header.type == .connect else { return end(slot, .notMQTT) }
            return serveConnect(slot, body)
        }
        let version = expected.version
        if context.wire[slot].isTraced {
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
            Pingresp.encode(into: &context.wire[slot].output)
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
        switch context.wire[slot].phase {
        case .open, .departing: end(slot, reason)
        case .announcing, .sorting, .handshaking, .awaitingConnect, .admitting, .closing:
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
            context.wire[slot].will = nil
        }
        end(slot, .disconnected)
    }
}
