public import Bytes

/// Writes properties into a packet that is being encoded, behind a length that is filled in at the
/// end. It holds the packet's buffer meanwhile.
///
/// Our own mistakes trap: a property that can't stand there, one given twice, a value out of its
/// range. Strings must be what `UTF8Rules` ask for, of at most 65,535 bytes.
@frozen
public struct PropertyWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline let place: PropertyPlace
    @usableFromInline var present: PropertySet = []

    @inlinable
    init(_ buffer: consuming ByteBuffer, in place: PropertyPlace) {
        self.buffer = buffer
        self.place = place
    }

    /// Appends what `body` writes, its length first (2.2.2); answers whether that is anything.
    @inlinable
    @discardableResult
    public static func write(
        into buffer: inout ByteBuffer,
        in place: PropertyPlace,
        _ body: (inout PropertyWriter) -> Void
    ) -> Bool {
        let mark = buffer.beginLength(expecting: 0)
        var writer = PropertyWriter(buffer, in: place)
        body(&writer)
        let isEmpty = writer.present.isEmpty
        buffer = writer.finish()
        buffer.endLength(mark)
        return !isEmpty
    }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    /// Copies properties, as they were sent and in their order, but those in `excluded`.
    @inlinable
    public mutating func append(
        contentsOf view: PropertyView, excluding excluded: PropertySet = []
    ) {
        if view.present.isDisjoint(with: excluded) && present.isDisjoint(with: view.present) {
            precondition(view.present.isAllowed(in: place), "properties of another packet")
            buffer.append(view.bytes)
            present.formUnion(view.present)
            return
        }
        var walker = PropertyWalker(view.bytes)
        while let entry = walker.next() {
            guard !excluded.contains(entry.id) else { continue }
            note(entry.id)
            buffer.append(view.bytes.extracting(entry.start..<entry.end))
        }
    }

    @inlinable
    mutating func begin(_ id: PropertyID) {
        note(id)
        buffer.append(id.rawValue)
    }

    @inlinable
    mutating func note(_ id: PropertyID) {
        precondition(id.isAllowed(in: place), "a property that can't stand in this packet")
        precondition(
            !present.contains(id) || id.isRepeatable(in: place),
            "a property that can't be repeated"
        )
        present.insert(PropertySet(id))
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: Bool) {
        begin(id)
        buffer.append(value ? 1 : 0 as UInt8)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: UInt16) {
        begin(id)
        buffer.append(value)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: UInt32) {
        begin(id)
        buffer.append(value)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: Span<UInt8>) {
        begin(id)
        buffer.appendCounted(value)
    }
}

/// The values, by their names in table 2-4; `PropertyView` says what each means.
extension PropertyWriter {
    @inlinable
    public mutating func payloadFormat(_ value: PayloadFormat) {
        append(.payloadFormatIndicator, value == .utf8)
    }

    @inlinable
    public mutating func messageExpiryInterval(seconds: UInt32) {
        append(.messageExpiryInterval, seconds)
    }

    @inlinable
    public mutating func contentType(_ text: Span<UInt8>) { append(.contentType, text) }

    @inlinable
    public mutating func responseTopic(_ topic: Span<UInt8>) { append(.responseTopic, topic) }

    @inlinable
    public mutating func correlationData(_ bytes: Span<UInt8>) { append(.correlationData, bytes) }

    /// 1 to 268,435,455; in a PUBLISH it can be given more than once.
    @inlinable
    public mutating func subscriptionIdentifier(_ value: UInt32) {
        precondition(value != 0 && value <= 0x0FFF_FFFF, "subscription identifier out of range")
        begin(.subscriptionIdentifier)
        buffer.appendVariableByteInteger(Int(value))
    }

    @inlinable
    public mutating func sessionExpiryInterval(seconds: UInt32) {
        append(.sessionExpiryInterval, seconds)
    }

    @inlinable
    public mutating func assignedClientIdentifier(_ text: Span<UInt8>) {
        append(.assignedClientIdentifier, text)
    }

    @inlinable
    public mutating func serverKeepAlive(seconds: UInt16) { append(.serverKeepAlive, seconds) }

    @inlinable
    public mutating func authenticationMethod(_ text: Span<UInt8>) {
        append(.authenticationMethod, text)
    }

    @inlinable
    public mutating func authenticationData(_ bytes: Span<UInt8>) {
        append(.authenticationData, bytes)
    }

    @inlinable
    public mutating func requestProblemInformation(_ value: Bool) {
        append(.requestProblemInformation, value)
    }

    @inlinable
    public mutating func willDelayInterval(seconds: UInt32) { append(.willDelayInterval, seconds) }

    @inlinable
    public mutating func requestResponseInformation(_ value: Bool) {
        append(.requestResponseInformation, value)
    }

    @inlinable
    public mutating func responseInformation(_ text: Span<UInt8>) {
        append(.responseInformation, text)
    }

    @inlinable
    public mutating func serverReference(_ text: Span<UInt8>) { append(.serverReference, text) }

    @inlinable
    public mutating func reasonString(_ text: Span<UInt8>) { append(.reasonString, text) }

    /// At least 1.
    @inlinable
    public mutating func receiveMaximum(_ value: UInt16) {
        precondition(value != 0, "a receive maximum of 0")
        append(.receiveMaximum, value)
    }

    @inlinable
    public mutating func topicAliasMaximum(_ value: UInt16) { append(.topicAliasMaximum, value) }

    /// At least 1.
    @inlinable
    public mutating func topicAlias(_ value: UInt16) {
        precondition(value != 0, "a topic alias of 0")
        append(.topicAlias, value)
    }

    /// QoS 0 or 1: a server that takes QoS 2 does not send it (3.2.2.3.4).
    @inlinable
    public mutating func maximumQoS(_ value: QoS) {
        precondition(value != .exactlyOnce, "a maximum QoS of 2 is said by not saying it")
        append(.maximumQoS, value == .atLeastOnce)
    }

    @inlinable
    public mutating func retainAvailable(_ value: Bool) { append(.retainAvailable, value) }

    @inlinable
    public mutating func userProperty(name: Span<UInt8>, value: Span<UInt8>) {
        begin(.userProperty)
        buffer.appendCounted(name)
        buffer.appendCounted(value)
    }

    /// Bytes of a whole packet, at least 1.
    @inlinable
    public mutating func maximumPacketSize(_ bytes: UInt32) {
        precondition(bytes != 0, "a maximum packet size of 0")
        append(.maximumPacketSize, bytes)
    }

    @inlinable
    public mutating func wildcardSubscriptionAvailable(_ value: Bool) {
        append(.wildcardSubscriptionAvailable, value)
    }

    @inlinable
    public mutating func subscriptionIdentifierAvailable(_ value: Bool) {
        append(.subscriptionIdentifierAvailable, value)
    }

    @inlinable
    public mutating func sharedSubscriptionAvailable(_ value: Bool) {
        append(.sharedSubscriptionAvailable, value)
    }
}
