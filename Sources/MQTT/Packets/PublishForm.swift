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
