/// The options byte of a subscription (3.8.3.1); MQTT 3.1.1 has only the QoS.
@frozen
public struct SubscriptionOptions: Sendable, Equatable {
    /// The most the subscriber takes.
    public var qos: QoS

    /// Messages of the subscriber's own connection are not sent back [MQTT-3.8.3-3].
    public var noLocal: Bool

    /// Messages keep the RETAIN flag they were published with.
    public var retainAsPublished: Bool

    public var retainHandling: RetainHandling

    @inlinable
    public init(
        qos: QoS,
        noLocal: Bool = false,
        retainAsPublished: Bool = false,
        retainHandling: RetainHandling = .sendAtSubscribe
    ) {
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
    }

    /// - Throws: `DecodingError` at offset 0.
    @inlinable
    public init(rawValue: UInt8, version: ProtocolVersion) throws(DecodingError) {
        let reserved: UInt8 = version == .v5 ? 0b1100_0000 : 0b1111_1100
        if rawValue & reserved != 0 { throw DecodingError(.subscriptionOptionsReserved, at: 0) }
        guard let qos = QoS(rawValue: rawValue & 0b11) else {
            throw DecodingError(.subscriptionQoSReserved, at: 0)
        }
        guard let retainHandling = RetainHandling(rawValue: rawValue >> 4 & 0b11) else {
            throw DecodingError(.retainHandlingReserved, at: 0)
        }
        self.init(
            qos: qos,
            noLocal: rawValue & 0b0100 != 0,
            retainAsPublished: rawValue & 0b1000 != 0,
            retainHandling: retainHandling
        )
    }

    /// The byte as MQTT 5.0 writes it.
    @inlinable
    public var rawValue: UInt8 {
        qos.rawValue | (noLocal ? 0b0100 : 0) | (retainAsPublished ? 0b1000 : 0)
            | retainHandling.rawValue << 4
    }
}
