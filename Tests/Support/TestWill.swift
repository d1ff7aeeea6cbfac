public import MQTT

/// The will of a test's client.
public struct TestWill: Hashable, Sendable {
    public var topic: String
    public var payload: String
    public var qos: QoS

    public init(topic: String, payload: String, qos: QoS = .atMostOnce) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
    }
}
