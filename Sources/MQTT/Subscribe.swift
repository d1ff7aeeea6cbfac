public import Bytes

/// SUBSCRIBE (3.8): topic filters and what is wanted of each.
@frozen
public struct Subscribe: ~Escapable, BitwiseCopyable {
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

/// One topic filter of a SUBSCRIBE with its options.
@frozen
public struct Subscription: ~Escapable, BitwiseCopyable {
    public let filter: TopicFilter
    public let options: SubscriptionOptions

    @inlinable
    @_lifetime(copy filter)
    init(filter: TopicFilter, options: SubscriptionOptions) {
        self.filter = filter
        self.options = options
    }
}

/// The subscriptions of a SUBSCRIBE in the order they were sent.
@frozen
public struct SubscriptionIterator: ~Escapable, BitwiseCopyable {
    @usableFromInline var reader: ByteReader

    @inlinable
    @_lifetime(copy payload)
    init(_ payload: Span<UInt8>) { reader = ByteReader(payload) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> Subscription? {
        // The payload was checked when the packet was decoded.
        guard let count = reader.readUInt16(), let text = reader.readBytes(Int(count)),
            let byte = reader.readUInt8(),
            let options = try? SubscriptionOptions(rawValue: byte, version: .v5)
        else { return nil }
        return Subscription(filter: TopicFilter(unchecked: text), options: options)
    }
}

/// Writes the subscriptions of a SUBSCRIBE; it holds the packet's buffer meanwhile.
@frozen
public struct SubscriptionWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline let version: ProtocolVersion
    @usableFromInline var count = 0

    @inlinable
    init(_ buffer: consuming ByteBuffer, version: ProtocolVersion) {
        self.buffer = buffer
        self.version = version
    }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    /// Appends a topic filter with its options, of which MQTT 3.1.1 has only the QoS.
    @inlinable
    public mutating func append(_ filter: Span<UInt8>, _ options: SubscriptionOptions) {
        buffer.appendCounted(filter)
        buffer.append(version == .v5 ? options.rawValue : options.qos.rawValue)
        count += 1
    }

    @inlinable
    public mutating func append(_ filter: Span<UInt8>, qos: QoS) {
        append(filter, SubscriptionOptions(qos: qos))
    }
}

/// The options byte of a subscription (3.8.3.1); MQTT 3.1.1 has only the QoS.
@frozen
public struct SubscriptionOptions: Sendable, Equatable {
    /// The most the subscriber takes.
    public var qos: QoS

    /// Messages of the subscriber's own connection are not sent back [MQTT-3.8.3-3].
    public var noLocal: Bool

    /// Messages keep the RETAIN flag they were published with.
    public var retainAsPublished: Bool

    public var retainHandling: RetainHandling

    @inlinable
    public init(
        qos: QoS,
        noLocal: Bool = false,
        retainAsPublished: Bool = false,
        retainHandling: RetainHandling = .sendAtSubscribe
    ) {
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
    }

    /// - Throws: `DecodingError` at offset 0.
    @inlinable
    public init(rawValue: UInt8, version: ProtocolVersion) throws(DecodingError) {
        let reserved: UInt8 = version == .v5 ? 0b1100_0000 : 0b1111_1100
        if rawValue & reserved != 0 { throw DecodingError(.subscriptionOptionsReserved, at: 0) }
        guard let qos = QoS(rawValue: rawValue & 0b11) else {
            throw DecodingError(.subscriptionQoSReserved, at: 0)
        }
        guard let retainHandling = RetainHandling(rawValue: rawValue >> 4 & 0b11) else {
            throw DecodingError(.retainHandlingReserved, at: 0)
        }
        self.init(
            qos: qos,
            noLocal: rawValue & 0b0100 != 0,
            retainAsPublished: rawValue & 0b1000 != 0,
            retainHandling: retainHandling
        )
    }

    /// The byte as MQTT 5.0 writes it.
    @inlinable
    public var rawValue: UInt8 {
        qos.rawValue | (noLocal ? 0b0100 : 0) | (retainAsPublished ? 0b1000 : 0)
            | retainHandling.rawValue << 4
    }
}

/// When retained messages are sent for a subscription (3.8.3.1).
public enum RetainHandling: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case sendAtSubscribe = 0
    case sendIfNew = 1
    case doNotSend = 2

    /// Whether a SUBSCRIBE gets the retained messages that match: `[MQTT-3.3.1-9]`, `[MQTT-3.3.1-10]`,
    /// `[MQTT-3.3.1-11]`; MQTT 3.1.1 always sends ([MQTT-3.8.4-3] there). A shared subscription never
    /// gets them (4.8.2).
    ///
    /// - Parameter isNew: the session had no subscription to exactly this filter before.
    @inlinable
    public func sendsRetained(isNew: Bool, isShared: Bool) -> Bool {
        if isShared { return false }
        return switch self {
        case .sendAtSubscribe: true
        case .sendIfNew: isNew
        case .doNotSend: false
        }
    }
}
