/// The message a server publishes when a connection ends without a DISCONNECT (3.1.2.5).
@frozen
public struct Will: ~Escapable {
    /// A topic name without wildcards.
    public let topic: Span<UInt8>
    public let payload: Span<UInt8>
    public let qos: QoS
    public let isRetained: Bool

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy topic, copy payload)
    public init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS = .atMostOnce,
        isRetained: Bool = false
    ) {
        self.init(
            topic: topic, payload: payload, qos: qos, isRetained: isRetained,
            properties: PropertyView()
        )
    }

    @inlinable
    @_lifetime(copy topic, copy payload, copy properties)
    public init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS,
        isRetained: Bool,
        properties: PropertyView
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.properties = properties
    }
}
