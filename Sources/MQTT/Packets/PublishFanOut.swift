public import Bytes

/// One message for many receivers: each form of its PUBLISH packet is encoded when the first receiver
/// needs it, and copied to the others. Keeps its memory from one message to the next.
///
/// A receiver that gets subscription identifiers, or a topic alias, has a packet of its own: not from
/// here.
@frozen
public struct PublishFanOut: ~Copyable, Sendable {
    @usableFromInline var templates: [32 of PublishTemplate]

    /// One bit for each form that is encoded.
    @usableFromInline var encoded: UInt32 = 0

    @inlinable
    public init() {
        templates = InlineArray { _ in PublishTemplate() }
    }

    /// Goes on to another message.
    @inlinable
    public mutating func begin() { encoded = 0 }

    /// Appends the packet for one receiver. What is given of the message must be the same for all
    /// receivers since `begin`.
    ///
    /// - Parameters:
    ///   - properties: those that travel with the message; an expiry interval, a topic alias or
    ///     subscription identifiers among them are left out.
    ///   - expirySeconds: what is left of the message's life ([MQTT-3.3.2-6]), if that ends.
    ///   - packetID: asked for by QoS 1 and 2, and not 0 there.
    @inlinable
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

    @usableFromInline
    mutating func encode(
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
