import Bytes
import Ledger
import Metering
import MQTT
import Reactor

// Messages to clients of this shard.
extension Shard {
    /// Hands a message to a device that is connected here and has subscribed to its topic; counted
    /// against the device's allowance, and dropped when that is used up (rules C2, C3).
    mutating func deliverToDevice(
        _ identity: DeviceIdentity,
        _ message: borrowing OutboundMessage,
        sharing shared: inout Message?
    ) {
        guard let token = clients[.device(identity)], connections.contains(token) else { return }
        var granted: QoS?
        for subscription in connections[slot: token.slot].session.subscriptions
        where TopicFilter.matches(filter: subscription.filter.span, topic: message.topic) {
            granted = max(granted ?? .atMostOnce, subscription.qos)
        }
        guard let granted else { return }
        deliver(token, message, qos: min(message.qos, granted), sharing: &shared)
    }

    /// Hands a message to the client that `token` names, unless it has gone or cannot take it.
    mutating func deliver(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        sharing shared: inout Message?
    ) {
        guard connections.contains(token), connections[slot: token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        let size = message.topic.count + message.payload.count + message.properties.bytes.count
        guard size + Self.publishOverhead <= connections[slot: slot].session.maximumPacketSize,
            qos > .atMostOnce
                || connections[slot: slot].waitingBytes + size <= commons.limits.queueBytes
        else {
            // [MQTT-3.1.2-25]: too large for the client; or it reads slower than it is sent to.
            return counters.add(.deliveriesDropped)
        }
        if qos > .atMostOnce, !connections[slot: slot].session.window.isOpen {
            let kept = shared ?? Message(message)
            shared = kept
            if !connections[slot: slot].session.window.enqueue(kept, limits: commons.queueLimits) {
                counters.add(.deliveriesDropped)
            }
            return
        }
        send(slot, message, qos: qos)
        flushLater(slot)
    }

    /// The most bytes of a PUBLISH besides topic, properties and payload: fixed header, three lengths
    /// and the packet identifier.
    private static var publishOverhead: Int { 5 + 2 + 4 + 2 }

    /// Encodes a message for the client, if its allowance covers it.
    private mutating func send(_ slot: UInt32, _ message: borrowing OutboundMessage, qos: QoS) {
        guard chargeDelivery(slot, message) else {
            return counters.add(.deliveriesOverQuota)
        }
        counters.add(.publishesDelivered)
        let version = connections[slot: slot].session.version
        let packetID = qos > .atMostOnce ? connections[slot: slot].session.window.begin() : nil
        Publish.encode(
            topic: message.topic,
            payload: message.payload,
            qos: qos > .atMostOnce ? .atLeastOnce : .atMostOnce,
            packetID: packetID,
            version: version,
            into: &connections[slot: slot].output
        ) { properties in
            properties.append(contentsOf: message.properties)
        }
    }

    /// PUBACK: the window has room for the next message in line.
    mutating func acknowledged(_ slot: UInt32, _ packetID: UInt16) {
        guard connections[slot: slot].session.window.acknowledge(packetID) else { return }
        while let next = connections[slot: slot].session.window.next() {
            next.withOutbound { send(slot, $0, qos: .atLeastOnce) }
        }
    }

    /// The gateway's own notices and answers on the device's `sys` topics: not counted, QoS 0, and
    /// only to a device that has subscribed.
    mutating func notify(_ slot: UInt32, _ name: String, _ payload: String) {
        let topic = connections[slot: slot].session.topicPrefix + Array("sys/\(name)".utf8)
        let wants = connections[slot: slot].session.subscriptions.contains { subscription in
            TopicFilter.matches(filter: subscription.filter.span, topic: topic.span)
        }
        guard wants else { return }
        publishUncounted(slot, topic, payload)
    }

    /// A PUBLISH that nobody subscribed to or is charged for.
    mutating func publishUncounted(_ slot: UInt32, _ topic: [UInt8], _ payload: String) {
        let payload = Array(payload.utf8)
        Publish.encode(
            topic: topic.span,
            payload: payload.span,
            version: connections[slot: slot].session.version,
            into: &connections[slot: slot].output
        )
        flushLater(slot)
    }
}
