public import MQTT
public import Time

public final class Message: Sendable {
    public let topic: [UInt8]
    public let payload: [UInt8]
    public let qos: QoS
    public let properties: [UInt8]
    public let expiresAt: Timestamp?

    public init(
        topic: [UInt8],
        payload: [UInt8],
        qos: QoS,
        properties: [UInt8] = [],
        expiresAt: Timestamp? = nil
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.properties = properties
        self.expiresAt = expiresAt
    }

    public var byteCount: Int { topic.count + payload.count + properties.count }
}
