public import Bytes

/// AUTH (3.15): a step of an extended authentication, of MQTT 5.0 only.
@frozen
public struct Auth: ~Escapable, BitwiseCopyable {
    public let reason: ReasonCode
    public let properties: PropertyView

    /// Decodes a body. One of no bytes means success, without an authentication method (3.15.2.1).
    @inlinable
    @_lifetime(copy body)
    public init(
        decoding body: Span<UInt8>,
        version: ProtocolVersion,
        sender: Sender = .client
    ) throws(DecodingError) {
        guard version == .v5 else { throw DecodingError(.packetTypeNotInVersion, at: 0) }
        var reader = ByteReader(body)
        if reader.isAtEnd {
            reason = .success
            properties = PropertyView()
        } else {
            reason = try reader.requireReasonCode(in: .auth)
            properties = try PropertyView(reading: &reader, in: .auth)
            if !properties.contains(.authenticationMethod) {
                throw DecodingError(.authenticationMethodMissing, at: 1)
            }
        }
        if !reason.isAllowed(in: .auth, from: sender) {
            throw DecodingError(.reasonCodeNotAllowed, at: 0)
        }
        try reader.requireEnd()
    }

    /// Appends the packet; `properties` writes the authentication method, unless a server says
    /// nothing but success.
    @inlinable
    public static func encode(
        reason: ReasonCode,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(reason.isAllowed(in: .auth), "no reason code of an AUTH")
        let packet = buffer.beginPacket(PacketType.auth.firstByte, expecting: 0)
        buffer.appendOptional(reason, in: .auth, properties)
        buffer.endLength(packet)
    }
}
