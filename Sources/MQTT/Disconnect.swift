public import Bytes

/// DISCONNECT (3.14): why the connection ends. In MQTT 3.1.1 only a client sends it, and says
/// nothing.
@frozen
public struct Disconnect: ~Escapable, BitwiseCopyable {
    public let reason: ReasonCode

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    public init(
        decoding body: Span<UInt8>,
        version: ProtocolVersion,
        sender: Sender = .client
    ) throws(DecodingError) {
        var reader = ByteReader(body)
        guard version == .v5, !reader.isAtEnd else {
            reason = .normalDisconnection
            properties = PropertyView()
            try reader.requireEnd()
            return
        }
        reason = try reader.requireReasonCode(in: .disconnect)
        if !reason.isAllowed(in: .disconnect, from: sender) {
            throw DecodingError(.reasonCodeNotAllowed, at: 0)
        }
        properties =
            reader.isAtEnd ? PropertyView() : try PropertyView(reading: &reader, in: .disconnect)
        if sender == .server && properties.contains(.sessionExpiryInterval) {
            throw DecodingError(.sessionExpiryFromServer, at: 1)
        }
        try reader.requireEnd()
    }

    /// Appends the packet; in 3.1.1 there is no place for `reason` and `properties`.
    @inlinable
    public static func encode(
        reason: ReasonCode = .normalDisconnection,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(reason.isAllowed(in: .disconnect), "no reason code of a DISCONNECT")
        let packet = buffer.beginPacket(PacketType.disconnect.firstByte, expecting: 0)
        if version == .v5 { buffer.appendOptional(reason, in: .disconnect, properties) }
        buffer.endLength(packet)
    }
}
