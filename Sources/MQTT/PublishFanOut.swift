public import Bytes

/// One message for many receivers: each form of its PUBLISH packet is encoded when the first receiver
/// needs it, and copied to the others. Keeps its memory from one message to the next.
///
/// A receiver that gets subscription identifiers, or a topic alias, has a packet of its own: not from
/// here.
public struct PublishFanOut: ~Copyable, Sendable {
    private var templates: [32 of PublishTemplate]

    /// One bit for each form that is encoded.
    private var encoded: UInt32 = 0

    public init() {
        templates = InlineArray { _ in PublishTemplate() }
    }

    /// Goes on to another message.
    public mutating func begin() { encoded = 0 }

    /// Appends the packet for one receiver. What is given of the message must be the same for all
    /// receivers since `begin`.
    ///
    /// - Parameters:
    ///   - properties: those that travel with the message; an expiry interval, a topic alias or
    ///     subscription identifiers among them are left out.
    ///   - expirySeconds: what is left of the message's life ([MQTT-3.3.2-6]), if that ends.
    ///   - packetID: asked for by QoS 1 and 2, and not 0 there.
    public mutating func append(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        properties: PropertyView,
        expirySeconds: UInt32?,
        form: PublishForm,
        packetID: UInt16?,
        to output: inout ByteBuffer
    ) {
        let number = form.number
        if encoded & (1 << UInt32(number)) == 0 {
            encode(topic, payload, properties, expirySeconds, form)
        }
        templates[number].append(to: &output, packetID: packetID)
    }

    private mutating func encode(
        _ topic: Span<UInt8>,
        _ payload: Span<UInt8>,
        _ properties: PropertyView,
        _ expirySeconds: UInt32?,
        _ form: PublishForm
    ) {
        let excluded = PropertySet.ofOneHop.union(PropertySet(.messageExpiryInterval))
        templates[form.number].encode(topic: topic, payload: payload, form: form) { writer in
            writer.append(contentsOf: properties, excluding: excluded)
            if let expirySeconds { writer.messageExpiryInterval(seconds: expirySeconds) }
        }
        encoded |= 1 << UInt32(form.number)
    }
}

/// What makes two receivers' PUBLISH packets of one message differ, beside their packet identifiers
/// and subscription identifiers.
@frozen
public struct PublishForm: Sendable, Hashable {
    public let version: ProtocolVersion
    public let qos: QoS
    public let isRetained: Bool

    /// It may have been sent before; never in QoS 0 ([MQTT-3.3.1-2]).
    public let isDuplicate: Bool

    @inlinable
    public init(
        version: ProtocolVersion,
        qos: QoS,
        isRetained: Bool = false,
        isDuplicate: Bool = false
    ) {
        precondition(!isDuplicate || qos != .atMostOnce, "QoS 0 is never sent again")
        self.version = version
        self.qos = qos
        self.isRetained = isRetained
        self.isDuplicate = isDuplicate
    }

    /// How many forms have a number of their own: 0 to one less.
    @inlinable
    static var count: Int { 32 }

    @inlinable
    var number: Int {
        Int(qos.rawValue) | (isRetained ? 4 : 0) | (isDuplicate ? 8 : 0)
            | (version == .v5 ? 16 : 0)
    }
}

/// A PUBLISH packet that is encoded once and sent to many: only the packet identifier, which has its
/// place, differs from receiver to receiver.
@frozen
public struct PublishTemplate: ~Copyable, Sendable {
    @usableFromInline var packet = ByteBuffer()

    /// Where the packet identifier goes; -1 in QoS 0.
    @usableFromInline var identifierOffset = -1

    @inlinable
    public init() {}

    /// Nothing has been encoded.
    @inlinable
    public var isEmpty: Bool { packet.isEmpty }

    /// Bytes of the whole packet.
    @inlinable
    public var count: Int { packet.count }

    /// Forgets the packet, and keeps its memory.
    @inlinable
    public mutating func removeAll() { packet.removeAll() }

    /// Encodes the packet, in place of an earlier one.
    public mutating func encode(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        form: PublishForm,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        packet.removeAll()
        let hasIdentifier = form.qos != .atMostOnce
        Publish.encode(
            topic: topic,
            payload: payload,
            qos: form.qos,
            packetID: hasIdentifier ? .max : nil,
            isRetained: form.isRetained,
            isDuplicate: form.isDuplicate,
            version: form.version,
            into: &packet,
            properties: properties
        )
        guard hasIdentifier else { return identifierOffset = -1 }
        var lengthEnd = 1
        while packet[lengthEnd] >= 0x80 { lengthEnd += 1 }
        identifierOffset = lengthEnd + 1 + 2 + topic.count
    }

    /// Appends the packet. `packetID` is asked for by QoS 1 and 2, and not 0 there.
    @inlinable
    public func append(to output: inout ByteBuffer, packetID: UInt16?) {
        precondition(!isEmpty, "a template before it was encoded")
        precondition((identifierOffset < 0) == (packetID == nil), "an identifier if above QoS 0")
        let start = output.count
        output.append(packet.span)
        guard let packetID else { return }
        precondition(packetID != 0, "a packet identifier of 0")
        output[start + identifierOffset] = UInt8(truncatingIfNeeded: packetID >> 8)
        output[start + identifierOffset + 1] = UInt8(truncatingIfNeeded: packetID)
    }
}
