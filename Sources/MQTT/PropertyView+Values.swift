public import Bytes

/// The values, by their names in table 2-4; nil where a property is absent.
extension PropertyView {
    @inlinable
    public var payloadFormat: PayloadFormat? {
        boolean(.payloadFormatIndicator).map { $0 ? .utf8 : .unspecifiedBytes }
    }

    /// Seconds that the message lives (3.3.2.3.3); absent: it does not expire.
    @inlinable
    public var messageExpiryIntervalSeconds: UInt32? { fourByteInteger(.messageExpiryInterval) }

    @inlinable
    public var contentType: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.contentType) }
    }

    /// A topic name without wildcards [MQTT-3.3.2-14].
    @inlinable
    public var responseTopic: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.responseTopic) }
    }

    @inlinable
    public var correlationData: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.correlationData) }
    }

    /// Of a SUBSCRIBE: 1 to 268,435,455. Of a PUBLISH, the first of `subscriptionIdentifiers`.
    @inlinable
    public var subscriptionIdentifier: UInt32? {
        var iterator = subscriptionIdentifiers
        return contains(.subscriptionIdentifier) ? iterator.next() : nil
    }

    /// Of a PUBLISH: one for each subscription of the receiver that matched, in their order.
    @inlinable
    public var subscriptionIdentifiers: SubscriptionIdentifierIterator {
        @_lifetime(copy self)
        get { SubscriptionIdentifierIterator(bytes) }
    }

    /// Seconds the session outlives the connection (3.1.2.11.2): absent means 0 in a CONNECT,
    /// 0xFFFFFFFF never ends.
    @inlinable
    public var sessionExpiryIntervalSeconds: UInt32? { fourByteInteger(.sessionExpiryInterval) }

    @inlinable
    public var assignedClientIdentifier: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.assignedClientIdentifier) }
    }

    /// The keep alive to use in place of the one asked for [MQTT-3.2.2-21].
    @inlinable
    public var serverKeepAliveSeconds: UInt16? { twoByteInteger(.serverKeepAlive) }

    @inlinable
    public var authenticationMethod: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.authenticationMethod) }
    }

    @inlinable
    public var authenticationData: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.authenticationData) }
    }

    /// Absent means true (3.1.2.11.7).
    @inlinable
    public var requestProblemInformation: Bool? { boolean(.requestProblemInformation) }

    /// Seconds (3.1.3.2.2); absent means 0.
    @inlinable
    public var willDelayIntervalSeconds: UInt32? { fourByteInteger(.willDelayInterval) }

    /// Absent means false (3.1.2.11.6).
    @inlinable
    public var requestResponseInformation: Bool? { boolean(.requestResponseInformation) }

    @inlinable
    public var responseInformation: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.responseInformation) }
    }

    @inlinable
    public var serverReference: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.serverReference) }
    }

    @inlinable
    public var reasonString: Span<UInt8>? {
        @_lifetime(copy self)
        get { counted(.reasonString) }
    }

    /// QoS 1 and 2 messages in flight, at least 1 (3.1.2.11.3); absent means 65,535.
    @inlinable
    public var receiveMaximum: UInt16? { twoByteInteger(.receiveMaximum) }

    /// Absent means 0: no topic aliases (3.1.2.11.5).
    @inlinable
    public var topicAliasMaximum: UInt16? { twoByteInteger(.topicAliasMaximum) }

    /// At least 1 [MQTT-3.3.2-8].
    @inlinable
    public var topicAlias: UInt16? { twoByteInteger(.topicAlias) }

    /// QoS 0 or 1 (3.2.2.3.4); absent means QoS 2.
    @inlinable
    public var maximumQoS: QoS? { boolean(.maximumQoS).map { $0 ? .atLeastOnce : .atMostOnce } }

    /// Absent means true (3.2.2.3.5).
    @inlinable
    public var retainAvailable: Bool? { boolean(.retainAvailable) }

    /// Names and values in the order they were sent.
    @inlinable
    public var userProperties: UserPropertyIterator {
        @_lifetime(copy self)
        get { UserPropertyIterator(bytes) }
    }

    /// Bytes of a whole packet, at least 1 (3.1.2.11.4); absent means no limit but the protocol's.
    @inlinable
    public var maximumPacketSize: UInt32? { fourByteInteger(.maximumPacketSize) }

    /// Absent means true (3.2.2.3.11).
    @inlinable
    public var wildcardSubscriptionAvailable: Bool? { boolean(.wildcardSubscriptionAvailable) }

    /// Absent means true (3.2.2.3.12).
    @inlinable
    public var subscriptionIdentifierAvailable: Bool? { boolean(.subscriptionIdentifierAvailable) }

    /// Absent means true (3.2.2.3.13).
    @inlinable
    public var sharedSubscriptionAvailable: Bool? { boolean(.sharedSubscriptionAvailable) }

    @inlinable
    func boolean(_ id: PropertyID) -> Bool? {
        guard contains(id) else { return nil }
        var reader = value(of: id)
        return reader.readUInt8() == 1
    }

    @inlinable
    func twoByteInteger(_ id: PropertyID) -> UInt16? {
        guard contains(id) else { return nil }
        var reader = value(of: id)
        return reader.readUInt16()
    }

    @inlinable
    func fourByteInteger(_ id: PropertyID) -> UInt32? {
        guard contains(id) else { return nil }
        var reader = value(of: id)
        return reader.readUInt32()
    }

    /// A string or binary data.
    @inlinable
    @_lifetime(copy self)
    func counted(_ id: PropertyID) -> Span<UInt8>? {
        guard contains(id) else { return nil }
        var reader = value(of: id)
        guard let count = reader.readUInt16() else { return nil }
        return reader.readBytes(Int(count))
    }

    /// The bytes from the value of the first property with that identifier on.
    @inlinable
    @_lifetime(copy self)
    func value(of id: PropertyID) -> ByteReader {
        var walker = PropertyWalker(bytes)
        let start = walker.next(id).map { $0.start + 1 } ?? bytes.count
        return ByteReader(bytes.extracting(start..<bytes.count))
    }
}

/// What a Payload Format Indicator says of a payload (3.3.2.3.2).
public enum PayloadFormat: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case unspecifiedBytes = 0
    case utf8 = 1
}

/// Subscription identifiers in the order they were sent, each from 1 to 268,435,455.
@frozen
public struct SubscriptionIdentifierIterator: ~Escapable, BitwiseCopyable {
    @usableFromInline var walker: PropertyWalker

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { walker = PropertyWalker(bytes) }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func next() -> UInt32? {
        guard let entry = walker.next(.subscriptionIdentifier) else { return nil }
        let value = walker.reader.bytes.extracting(entry.start + 1..<entry.end)
        guard case .value(let identifier, _) = VariableByteInteger.decode(value) else { return nil }
        return UInt32(identifier)
    }
}

/// A name and a value that the standard gives no meaning (3.1.2.11.8), both valid UTF-8.
@frozen
public struct UserProperty: ~Escapable, BitwiseCopyable {
    public let name: Span<UInt8>
    public let value: Span<UInt8>

    @inlinable
    @_lifetime(copy name, copy value)
    init(name: Span<UInt8>, value: Span<UInt8>) {
        self.name = name
        self.value = value
    }
}

/// User properties in the order they were sent.
@frozen
public struct UserPropertyIterator: ~Escapable, BitwiseCopyable {
    @usableFromInline var walker: PropertyWalker

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { walker = PropertyWalker(bytes) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> UserProperty? {
        guard let entry = walker.next(.userProperty) else { return nil }
        var reader = ByteReader(walker.reader.bytes.extracting(entry.start + 1..<entry.end))
        guard let nameLength = reader.readUInt16(), let name = reader.readBytes(Int(nameLength)),
            let valueLength = reader.readUInt16(), let value = reader.readBytes(Int(valueLength))
        else { return nil }
        return UserProperty(name: name, value: value)
    }
}
