public import Bytes

/// SUBSCRIBE (3.8): topic filters and what is wanted of each.
@frozen
public struct Subscribe: ~Escapable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// How many subscriptions there are: at least one.
    public let count: Int

    @usableFromInline let payload: Span<UInt8>

    /// Decodes a body; all its subscriptions have been checked when it returns.
    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .subscribe) : PropertyView()
        let start = reader.offset
        var count = 0
        while !reader.isAtEnd {
            try Self.check(&reader, version: version)
            count += 1
        }
        if count == 0 { throw DecodingError(.subscriptionsMissing, at: start) }
        self.count = count
        payload = body.extracting(start..<body.count)
    }

    /// The subscriptions in the order they were sent.
    @inlinable
    public var subscriptions: SubscriptionIterator {
        @_lifetime(copy self)
        get { SubscriptionIterator(payload) }
    }

    @inlinable
    @_lifetime(reader: copy reader)
    static func check(
        _ reader: inout ByteReader,
        version: ProtocolVersion
    ) throws(DecodingError) {
        let filter = try reader.requireTopicFilter()
        let offset = reader.offset
        let byte = try reader.requireUInt8()
        do throws(DecodingError) {
            let options = try SubscriptionOptions(rawValue: byte, version: version)
            if options.noLocal && filter.isShared {
                throw DecodingError(.noLocalOnSharedSubscription, at: 0)
            }
        } catch {
            throw DecodingError(error.violation, at: offset)
        }
    }

    /// Appends the packet; `subscriptions` writes at least one.
    @inlinable
    public static func encode(
        packetID: UInt16,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        subscriptions: (inout SubscriptionWriter) -> Void,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        let packet = buffer.beginPacket(PacketType.subscribe.firstByte, expecting: 0)
        buffer.append(packetID)
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .subscribe, properties) }
        var writer = SubscriptionWriter(buffer, version: version)
        subscriptions(&writer)
        precondition(writer.count > 0, "a SUBSCRIBE without a topic filter")
        buffer = writer.finish()
        buffer.endLength(packet)
    }
}
