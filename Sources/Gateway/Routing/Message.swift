import Bytes
import MQTT

/// An application message that outlives the packet it came in: on its way to another shard, waiting
/// for a receiver's window, or kept as a will. Immutable and counted, so that all of these share one.
final class Message: Sendable {
    let topic: [UInt8]
    let payload: [UInt8]
    let qos: QoS

    /// The properties that go with the message wherever it goes ([MQTT-3.3.2-17] and its siblings),
    /// encoded as in PUBLISH, without the length before them. Empty for MQTT 3.1.1.
    let properties: [UInt8]

    init(topic: [UInt8], payload: [UInt8], qos: QoS, properties: [UInt8] = []) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.properties = properties
    }

    /// What keeping it costs, for the limits on queues.
    var byteCount: Int { topic.count + payload.count + properties.count }
}
