public import Bytes

/// PUBREC (3.5). QoS 2, part 1: the message was received, or refused.
@frozen
public struct Pubrec: ~Escapable {
    /// Not 0.
    public let packetID: UInt16

    /// Success in MQTT 3.1.1.
    public let reason: ReasonCode

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        let fields = try Acknowledgement(decoding: body, of: .pubrec, version: version)
        packetID = fields.packetID
        reason = fields.reason
        properties = fields.properties
    }

    /// Appends the packet without properties; in 3.1.1 there is no place for `reason`.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reason: ReasonCode = .success,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer
    ) {
        Acknowledgement.encode(
            .pubrec, packetID: packetID, reason: reason, version: version, into: &buffer
        )
    }

    /// Appends the packet; in 3.1.1 there is no place for `reason` and `properties`.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reason: ReasonCode = .success,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void
    ) {
        Acknowledgement.encode(
            .pubrec, in: .pubrec, packetID: packetID, reason: reason, version: version,
            into: &buffer, properties: properties
        )
    }
}
