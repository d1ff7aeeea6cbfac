public import Bytes

/// PUBLISH (3.3): a message.
///
/// Six words hold where its parts are, and the parts are found from them: a type that can't escape
/// and has more than six is destroyed through its value witness table, a call without effect for
/// each PUBLISH.
@frozen
public struct Publish: ~Escapable, BitwiseCopyable {
    /// All behind the fixed header, valid: the topic and its length come first (3.3.2).
    @usableFromInline let body: Span<UInt8>

    /// Those of the fixed header.
    @usableFromInline let flags: UInt8

    /// Where in the body the properties begin, behind their length, and where they end.
    @usableFromInline let propertiesStart: UInt32
    @usableFromInline let payloadStart: UInt32
    @usableFromInline let present: PropertySet

    @inlinable
    @inline(__always)
    public var qos: QoS { FixedHeader.qos(of: flags) }

    /// It may have been sent before.
    @inlinable
    @inline(__always)
    public var isDuplicate: Bool { flags & FixedHeader.duplicateBit != 0 }

    @inlinable
    @inline(__always)
    public var isRetained: Bool { flags & FixedHeader.retainedBit != 0 }

    @inlinable
    @inline(__always)
    var topicLength: Int { Int(body[0]) << 8 | Int(body[1]) }

    /// A valid topic name; empty only where `properties.topicAlias` stands for it.
    @inlinable
    @inline(__always)
    public var topic: Span<UInt8> {
        @_lifetime(copy self)
        get { body.extracting(2..<2 + topicLength) }
    }

    /// Not 0; nil in QoS 0.
    @inlinable
    @inline(__always)
    public var packetID: UInt16? {
        guard qos != .atMostOnce else { return nil }
        let start = 2 + topicLength
        return UInt16(body[start]) << 8 | UInt16(body[start + 1])
    }

    /// Empty in MQTT 3.1.1.
    @inlinable
    @inline(__always)
    public var properties: PropertyView {
        @_lifetime(copy self)
        get {
            let bytes = body.extracting(Int(propertiesStart)..<Int(payloadStart))
            return PropertyView(unchecked: bytes, present: present)
        }
    }

    /// Any bytes, or none; a Payload Format Indicator has not been checked against them
    /// (3.3.2.3.2).
    @inlinable
    @inline(__always)
    public var payload: Span<UInt8> {
        @_lifetime(copy self)
        get { body.extracting(Int(payloadStart)..<body.count) }
    }

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
        var reader = ByteReader(body)
        let topic = try reader.requireBinary()
        if let violation = TopicName.violationUnlessEmpty(in: topic) {
            throw DecodingError(violation, at: 0)
        }
        if header.qos != .atMostOnce { _ = try reader.requirePacketID() }
        var present: PropertySet = []
        var propertiesLength = 0
        switch version {
        case .v3_1_1:
            if topic.isEmpty { throw DecodingError(.topicNameEmpty, at: 0) }
        case .v5:
            let properties = try PropertyView(reading: &reader, in: .publish)
            if topic.isEmpty && !properties.contains(.topicAlias) {
                throw DecodingError(.topicNameMissing, at: 0)
            }
            if sender == .client && properties.contains(.subscriptionIdentifier) {
                throw DecodingError(.subscriptionIdentifierFromClient, at: 0)
            }
            present = properties.present
            propertiesLength = properties.bytes.count
        }
        self.body = body
        self.present = present
        flags = header.flags
        // No body is longer than a remaining length can say: 28 bits.
        payloadStart = UInt32(truncatingIfNeeded: reader.offset)
        propertiesStart = UInt32(truncatingIfNeeded: reader.offset - propertiesLength)
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
