public import Bytes

/// SUBACK (3.9): what became of each topic filter of a SUBSCRIBE.
@frozen
public struct Suback: ~Escapable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// Granted QoS or a failure, at least one; in MQTT 3.1.1 the only failure is 0x80.
    public let reasons: ReasonCodes

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .suback) : PropertyView()
        let offset = reader.offset
        reasons = try ReasonCodes(
            reader.readRemaining(), of: .suback, version: version, offset: offset
        )
    }

    /// Appends the packet; in 3.1.1 every failure is 0x80.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reasons: Span<ReasonCode>,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(!reasons.isEmpty, "a SUBACK without reason codes")
        let known = 2 + (version == .v5 ? 1 : 0) + reasons.count
        let packet = buffer.beginPacket(PacketType.suback.firstByte, expecting: known)
        buffer.append(packetID)
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .suback, properties) }
        for index in reasons.indices {
            let reason = reasons[index]
            precondition(reason.isAllowed(in: .suback), "no reason code of a SUBACK")
            buffer.append(version == .v3_1_1 && reason.isFailure ? 0x80 : reason.rawValue)
        }
        buffer.endLength(packet)
    }
}
