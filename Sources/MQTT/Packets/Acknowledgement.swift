public import Bytes

/// What PUBACK, PUBREC, PUBREL and PUBCOMP have in common: in MQTT 5.0 the reason code and the
/// properties can be left out from the end, if there is nothing to say (3.4.2).
@frozen
@usableFromInline
struct Acknowledgement: ~Escapable {
    @usableFromInline let packetID: UInt16
    @usableFromInline let reason: ReasonCode
    @usableFromInline let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    init(
        decoding body: Span<UInt8>,
        of type: PacketType,
        version: ProtocolVersion
    ) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        guard version == .v5, !reader.isAtEnd else {
            reason = .success
            properties = PropertyView()
            try reader.requireEnd()
            return
        }
        reason = try reader.requireReasonCode(in: type)
        if reader.isAtEnd {
            properties = PropertyView()
        } else {
            guard let place = PropertyPlace(rawValue: type.rawValue) else {
                preconditionFailure("acknowledgements have properties")
            }
            properties = try PropertyView(reading: &reader, in: place)
        }
        try reader.requireEnd()
    }

    @inlinable
    static func encode(
        _ type: PacketType,
        packetID: UInt16,
        reason: ReasonCode,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        let first = UInt32(type.firstByte) << 24
        if reason == .success || version == .v3_1_1 {
            buffer.append(first | 2 << 16 | UInt32(packetID))
            return
        }
        precondition(reason.isAllowed(in: type), "no reason code of this packet")
        buffer.append(first | 3 << 16 | UInt32(packetID))
        buffer.append(reason.rawValue)
    }

    @inlinable
    static func encode(
        _ type: PacketType,
        in place: PropertyPlace,
        packetID: UInt16,
        reason: ReasonCode,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(reason.isAllowed(in: type), "no reason code of this packet")
        let packet = buffer.beginPacket(type.firstByte, expecting: 2)
        buffer.append(packetID)
        if version == .v5 { buffer.appendOptional(reason, in: place, properties) }
        buffer.endLength(packet)
    }
}
