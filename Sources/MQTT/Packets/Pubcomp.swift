public import Bytes

/// PUBCOMP (3.7). QoS 2, part 3: the exchange is complete.
@frozen
public struct Pubcomp: ~Escapable {
    /// Not 0.
    public let packetID: UInt16

    /// Success in MQTT 3.1.1.
    public let reason: ReasonCode

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        let fields = try Acknowledgement(decoding: body, of: .pubcomp, version: version)
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
            .pubcomp, packetID: packetID, reason: reason, version: version, into: &buffer
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
            .pubcomp, in: .pubcomp, packetID: packetID, reason: reason, version: version,
            into: &buffer, properties: properties
        )
    }
}
