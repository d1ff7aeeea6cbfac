import Bytes
import MQTT
import Sessions

/// A message to be handed on, borrowed from the packet it came in or from a `Message`.
struct OutboundMessage: ~Escapable {
    let topic: Span<UInt8>
    let payload: Span<UInt8>
    let qos: QoS

    /// The properties that travel with the message; no topic alias among them.
    let properties: PropertyView

    @_lifetime(copy publish)
    init(_ publish: borrowing Publish) {
        topic = publish.topic
        payload = publish.payload
        qos = publish.qos
        properties = publish.properties
    }

    @_lifetime(copy topic, copy payload, copy properties)
    fileprivate init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS,
        properties: PropertyView
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.properties = properties
    }
}

extension Message {
    /// A copy that outlives the packet.
    convenience init(_ outbound: borrowing OutboundMessage) {
        self.init(
            topic: outbound.topic.bytesArray,
            payload: outbound.payload.bytesArray,
            qos: outbound.qos,
            properties: outbound.properties.bytes.bytesArray
        )
    }

    /// A will: its properties travel with it, but for the delay.
    convenience init(_ will: borrowing Will) {
        var buffer = ByteBuffer()
        PropertyWriter.write(into: &buffer, in: .publish) { properties in
            properties.append(contentsOf: will.properties, excluding: .ofOneHop)
        }
        let length = VariableByteInteger.decode(buffer.span)
        if case .value(_, let size) = length { buffer.removeFirst(size) }
        self.init(
            topic: will.topic.bytesArray,
            payload: will.payload.bytesArray,
            qos: will.qos,
            properties: buffer.span.bytesArray
        )
    }

    /// Lends the message as what is handed on.
    func withOutbound(_ body: (borrowing OutboundMessage) -> Void) {
        let topic = topic
        let payload = payload
        let properties = properties
        do throws(DecodingError) {
            let view = try PropertyView(validating: properties.span, in: .publish)
            body(
                OutboundMessage(
                    topic: topic.span,
                    payload: payload.span,
                    qos: qos,
                    properties: view
                )
            )
        } catch {
            preconditionFailure("properties were valid when the message was made: \(error)")
        }
    }
}
