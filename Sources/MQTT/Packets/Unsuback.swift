public import Bytes

/// UNSUBACK (3.11): what became of each topic filter of an UNSUBSCRIBE.
@frozen
public struct Unsuback: ~Escapable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// At least one; none in MQTT 3.1.1, where an UNSUBACK always means success.
    public let reasons: ReasonCodes

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        switch version {
        case .v3_1_1:
            properties = PropertyView()
            reasons = ReasonCodes()
            try reader.requireEnd()
        case .v5:
            properties = try PropertyView(reading: &reader, in: .unsuback)
            let offset = reader.offset
            reasons = try ReasonCodes(
                reader.readRemaining(), of: .unsuback, version: version, offset: offset
            )
        }
    }

    /// Appends the packet; in 3.1.1 there is no place for `reasons`.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reasons: Span<ReasonCode>,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(!reasons.isEmpty, "an UNSUBACK without reason codes")
        let known = version == .v5 ? 3 + reasons.count : 2
        let packet = buffer.beginPacket(PacketType.unsuback.firstByte, expecting: known)
        buffer.append(packetID)
        if version == .v5 {
            PropertyWriter.write(into: &buffer, in: .unsuback, properties)
            for index in reasons.indices {
                let reason = reasons[index]
                precondition(reason.isAllowed(in: .unsuback), "no reason code of an UNSUBACK")
                buffer.append(reason.rawValue)
            }
        }
        buffer.endLength(packet)
    }
}
