public import Bytes

/// UNSUBSCRIBE (3.10): topic filters that are no longer wanted.
@frozen
public struct Unsubscribe: ~Escapable, BitwiseCopyable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// How many topic filters there are: at least one.
    public let count: Int

    @usableFromInline let payload: Span<UInt8>

    /// Decodes a body; all its topic filters have been checked when it returns.
    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .unsubscribe) : PropertyView()
        let start = reader.offset
        var count = 0
        while !reader.isAtEnd {
            _ = try reader.requireTopicFilter()
            count += 1
        }
        if count == 0 { throw DecodingError(.unsubscriptionsMissing, at: start) }
        self.count = count
        payload = body.extracting(start..<body.count)
    }

    /// The topic filters in the order they were sent.
    @inlinable
    public var filters: TopicFilterIterator {
        @_lifetime(copy self)
        get { TopicFilterIterator(payload) }
    }

    /// Appends the packet; `filters` writes at least one.
    @inlinable
    public static func encode(
        packetID: UInt16,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        filters: (inout TopicFilterWriter) -> Void,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        let packet = buffer.beginPacket(PacketType.unsubscribe.firstByte, expecting: 0)
        buffer.append(packetID)
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .unsubscribe, properties) }
        var writer = TopicFilterWriter(buffer)
        filters(&writer)
        precondition(writer.count > 0, "an UNSUBSCRIBE without a topic filter")
        buffer = writer.finish()
        buffer.endLength(packet)
    }
}

/// The topic filters of an UNSUBSCRIBE in the order they were sent.
@frozen
public struct TopicFilterIterator: ~Escapable, BitwiseCopyable {
    @usableFromInline var reader: ByteReader

    @inlinable
    @_lifetime(copy payload)
    init(_ payload: Span<UInt8>) { reader = ByteReader(payload) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> TopicFilter? {
        // The payload was checked when the packet was decoded.
        guard let count = reader.readUInt16(), let text = reader.readBytes(Int(count)) else {
            return nil
        }
        return TopicFilter(unchecked: text)
    }
}

/// Writes the topic filters of an UNSUBSCRIBE; it holds the packet's buffer meanwhile.
@frozen
public struct TopicFilterWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline var count = 0

    @inlinable
    init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    @inlinable
    public mutating func append(_ filter: Span<UInt8>) {
        buffer.appendCounted(filter)
        count += 1
    }
}
