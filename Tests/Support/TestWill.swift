public import MQTT

/// The will of a test's client.
public struct TestWill: Hashable, Sendable {
    public var topic: String
    public var payload: String
    public var qos: QoS
    public var isRetained: Bool

    /// MQTT 5 only.
    public var delaySeconds: UInt32

    public init(
        topic: String,
        payload: String,
        qos: QoS = .atMostOnce,
        isRetained: Bool = false,
        delaySeconds: UInt32 = 0
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.delaySeconds = delaySeconds
    }

    /// As on the wire, without their length.
    var properties: [UInt8] {
        guard delaySeconds > 0 else { return [] }
        return [0x18] + (0..<4).map { UInt8(truncatingIfNeeded: delaySeconds >> (24 - 8 * $0)) }
    }
}
