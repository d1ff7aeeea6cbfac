import MQTT

/// One topic filter of a client.
struct ClientSubscription {
    let filter: [UInt8]
    let qos: QoS
    let noLocal: Bool
}
