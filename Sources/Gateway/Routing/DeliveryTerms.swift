import MQTT

/// What a receiver's subscriptions make of a message.
struct DeliveryTerms: Sendable {
    /// The lower of the message's and what was granted (3.8.4).
    let qos: QoS

    /// The RETAIN flag of the PUBLISH to the receiver ([MQTT-3.3.1-12], [MQTT-3.3.1-13]).
    let isRetained: Bool

    /// Of the subscriptions that match ([MQTT-3.3.4-3]).
    let subscriptionIdentifiers: [UInt32]

    /// The shared subscription that it comes by; `nil`: by one of the receiver's own.
    let sharedFilter: [UInt8]?

    init(
        qos: QoS,
        isRetained: Bool = false,
        subscriptionIdentifiers: [UInt32] = [],
        sharedFilter: [UInt8]? = nil
    ) {
        self.qos = qos
        self.isRetained = isRetained
        self.subscriptionIdentifiers = subscriptionIdentifiers
        self.sharedFilter = sharedFilter
    }

    /// The bytes of the identifiers, as properties of a PUBLISH.
    var identifierBytes: Int {
        subscriptionIdentifiers.reduce(0) { $0 + 1 + VariableByteInteger.size(of: Int($1)) }
    }
}
