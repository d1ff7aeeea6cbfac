import Bytes
import MQTT
import Sessions
import Time

/// A message to be handed on, borrowed from the packet it came in or from a `Message`.
struct OutboundMessage: ~Escapable {
    let topic: Span<UInt8>
    let payload: Span<UInt8>
    let qos: QoS

    /// The RETAIN flag that it was published with.
    let isRetained: Bool

    /// Those of a PUBLISH: what travels with the message, and what is of one hop only.
    let properties: PropertyView

    /// When its Message Expiry Interval has passed; `nil`: never.
    let expiresAt: Timestamp?

    /// A PUBLISH that came at `time`; `topic` is its own, or the one that its alias stands for.
    @inline(__always)
    @_lifetime(copy publish, copy topic)
    init(_ publish: borrowing Publish, topic: Span<UInt8>, at time: Timestamp) {
        self.topic = topic
        payload = publish.payload
        qos = publish.qos
        isRetained = publish.isRetained
        properties = publish.properties
        expiresAt =
            publish.properties.isEmpty
            ? nil
            : publish.properties.messageExpiryIntervalSeconds.map {
                time.adding(seconds: Int64($0))
            }
    }

    @_lifetime(copy topic, copy payload, copy properties)
    fileprivate init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS,
        isRetained: Bool,
        properties: PropertyView,
        expiresAt: Timestamp?
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.properties = properties
        self.expiresAt = expiresAt
    }

    /// Properties that do not travel with a message, or not as they are: each hop has its own.
    static var excludedProperties: PropertySet {
        PropertySet.ofOneHop.union(PropertySet(.messageExpiryInterval))
    }

    /// The bytes of the properties that travel with the message as they are.
    var travellingBytes: Int {
        guard !properties.present.isDisjoint(with: Self.excludedProperties) else {
            return properties.bytes.count
        }
        // An identifier, and four or two bytes.
        return properties.bytes.count - (properties.contains(.messageExpiryInterval) ? 5 : 0)
            - (properties.contains(.topicAlias) ? 3 : 0)
    }

    /// What is left of the Message Expiry Interval, in seconds; `nil` without one ([MQTT-3.3.2-6]).
    func remainingSeconds(at time: Timestamp) -> UInt32? {
        guard let expiresAt else { return nil }
        // Rounded up, but for a millisecond: another shard's clock may have been read that much later.
        return UInt32(clamping: max(1, (expiresAt.milliseconds(since: time) + 998) / 1_000))
    }

    /// Whether it must not be handed on any more ([MQTT-3.3.2-5]).
    func isExpired(at time: Timestamp) -> Bool { expiresAt.map { $0 <= time } ?? false }
}

extension Message {
    /// A copy that outlives the packet.
    convenience init(_ outbound: borrowing OutboundMessage) {
        self.init(
            topic: outbound.topic.bytesArray,
            payload: outbound.payload.bytesArray,
            qos: outbound.qos,
            properties: Self.travelling(outbound.properties),
            expiresAt: outbound.expiresAt
        )
    }

    /// A will: its properties travel with it, but for the delay, and its expiry interval, which begins
    /// when it is published.
    /// `name`: what its topic is called here, if that is something else.
    convenience init(_ will: borrowing Will, name: [UInt8]? = nil) {
        self.init(
            topic: name ?? will.topic.bytesArray,
            payload: will.payload.bytesArray,
            qos: will.qos,
            properties: Self.travelling(will.properties)
        )
    }

    /// The properties that travel with a message, as in PUBLISH.
    private static func travelling(_ properties: PropertyView) -> [UInt8] {
        guard !properties.present.isDisjoint(with: OutboundMessage.excludedProperties) else {
            return properties.bytes.bytesArray
        }
        var buffer = ByteBuffer()
        PropertyWriter.write(into: &buffer, in: .publish) { writer in
            writer.append(
                contentsOf: properties, excluding: OutboundMessage.excludedProperties)
        }
        let length = VariableByteInteger.decode(buffer.span)
        if case .value(_, let size) = length { buffer.removeFirst(size) }
        return buffer.span.bytesArray
    }

    /// Lends the message as what is handed on. `isRetained`: what it was published with.
    func withOutbound<Result>(
        isRetained: Bool,
        _ body: (borrowing OutboundMessage) -> Result
    ) -> Result {
        let topic = topic
        let payload = payload
        let properties = properties
        do throws(DecodingError) {
            let view = try PropertyView(validating: properties.span, in: .publish)
            return body(
                OutboundMessage(
                    topic: topic.span,
                    payload: payload.span,
                    qos: qos,
                    isRetained: isRetained,
                    properties: view,
                    expiresAt: expiresAt
                )
            )
        } catch {
            preconditionFailure("properties were valid when the message was made: \(error)")
        }
    }

    /// The same message with an end so many seconds after `time`: a will that is published.
    func expiring(afterSeconds seconds: UInt32?, from time: Timestamp) -> Message {
        guard let seconds else { return self }
        return Message(
            topic: topic,
            payload: payload,
            qos: qos,
            properties: properties,
            expiresAt: time.adding(seconds: Int64(seconds))
        )
    }
}
