public import Bytes

/// PUBLISH (3.3): a message.
@frozen
public struct Publish: ~Escapable, BitwiseCopyable {
    public let qos: QoS

    /// It may have been sent before.
    public let isDuplicate: Bool
    public let isRetained: Bool

    /// A valid topic name; empty only where `properties.topicAlias` stands for it.
    public let topic: Span<UInt8>

    /// Not 0; 0 only in QoS 0, which has none: see `packetID`.
    @usableFromInline let identifier: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// Any bytes, or none; a Payload Format Indicator has not been checked against them
    /// (3.3.2.3.2).
    public let payload: Span<UInt8>

    /// Nil in QoS 0.
    @inlinable
    public var packetID: UInt16? { identifier == 0 ? nil : identifier }

    /// Decodes a body; `header` is the one `Framing` found before it.
    @inlinable
    @inline(__always)
    @_lifetime(copy body)
    public init(
        decoding body: Span<UInt8>,
        header: FixedHeader,
        version: ProtocolVersion,
        sender: Sender = .client
    ) throws(DecodingError) {
        qos = header.qos
        isDuplicate = header.isDuplicate
        isRetained = header.isRetained
        var reader = ByteReader(body)
        topic = try reader.requireBinary()
        if let violation = TopicName.violationUnlessEmpty(in: topic) {
            throw DecodingError(violation, at: 0)
        }
        identifier = qos == .atMostOnce ? 0 : try reader.requirePacketID()
        switch version {
        case .v3_1_1:
            properties = PropertyView()
            if topic.isEmpty { throw DecodingError(.topicNameEmpty, at: 0) }
        case .v5:
            properties = try PropertyView(reading: &reader, in: .publish)
            if topic.isEmpty && !properties.contains(.topicAlias) {
                throw DecodingError(.topicNameMissing, at: 0)
            }
            if sender == .client && properties.contains(.subscriptionIdentifier) {
                throw DecodingError(.subscriptionIdentifierFromClient, at: 0)
            }
        }
        payload = reader.readRemaining()
    }

    /// Appends the packet. `packetID` is asked for by QoS 1 and 2, and not 0 there.
    @inlinable
    public static func encode(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS = .atMostOnce,
        packetID: UInt16? = nil,
        isRetained: Bool = false,
        isDuplicate: Bool = false,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition((qos == .atMostOnce) == (packetID == nil), "an identifier if above QoS 0")
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(!isDuplicate || qos != .atMostOnce, "QoS 0 is never sent again")
        let flags = (isDuplicate ? 0b1000 : 0) | qos.rawValue << 1 | (isRetained ? 1 : 0)
        let known =
            2 + topic.count + (packetID == nil ? 0 : 2) + (version == .v5 ? 1 : 0) + payload.count

        buffer.reserve(5 + known)
        let packet = buffer.beginPacket(PacketType.publish.firstByte | flags, expecting: known)
        buffer.appendCounted(topic)
        if let packetID { buffer.append(packetID) }
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .publish, properties) }
        buffer.endLength(packet, following: payload.count)
        buffer.append(payload)
    }
}
