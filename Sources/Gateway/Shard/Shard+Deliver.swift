import Bytes
import Ledger
import Metering
import MQTT
import Reactor

// Messages to clients of this shard.
extension Shard {
    /// Hands a message to a device that is connected here and has subscribed to its topic; counted
    /// against the device's allowance, and dropped when that is used up (rules C2, C3, C10).
    mutating func deliverToDevice(
        _ identity: DeviceIdentity,
        _ message: borrowing OutboundMessage,
        sharing shared: inout Message?
    ) -> DownlinkFate {
        guard let token = clients[.device(identity)], connections.contains(token) else {
            return .notConnected
        }
        var granted: QoS?
        for subscription in connections[slot: token.slot].session.subscriptions
        where TopicFilter.matches(filter: subscription.filter.span, topic: message.topic) {
            granted = max(granted ?? .atMostOnce, subscription.qos)
        }
        guard let granted else { return .noSubscription }
        return deliver(token, message, qos: min(message.qos, granted), sharing: &shared)
    }

    /// Tells whoever sent a message to a device what became of it (rule C10).
    mutating func tell(_ sender: DownlinkSender, _ fate: DownlinkFate) {
        switch sender {
        case .nobody: break
        case .client(let shard, let token, let packetID):
            outgoing[shard].append(.decided(token, packetID: packetID, fate))
        case .question(let answer): answer(fate)
        }
    }

    /// Hands a message to the client that `token` names, unless it has gone or cannot take it.
    @discardableResult
    mutating func deliver(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        sharing shared: inout Message?
    ) -> DownlinkFate {
        guard connections.contains(token), connections[slot: token.slot].phase == .open else {
            return .notConnected
        }
        let slot = token.slot
        let size = message.topic.count + message.payload.count + message.properties.bytes.count
        let isTaken = connections[slot: slot].session.takesPublish(
            topic: message.topic.count,
            payload: message.payload.count,
            properties: message.properties.bytes.count,
            qos: qos
        )
        guard isTaken else {
            counters.add(.deliveriesDropped)
            return .tooLarge
        }
        // It reads more slowly than it is sent to.
        let isBehind = connections[slot: slot].waitingBytes + size > commons.limits.queueBytes
        if isBehind || qos > .atMostOnce && !connections[slot: slot].session.window.isOpen {
            return keep(slot, message, qos: qos, sharing: &shared)
        }
        guard send(slot, message, qos: qos) else { return .quotaExceeded }
        flushLater(slot)
        return .delivered
    }

    /// Has a message wait for an acknowledgement that makes room for it. Dropped, when none is to
    /// come, the line is full, or the allowance will not cover it when its turn comes.
    private mutating func keep(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        sharing shared: inout Message?
    ) -> DownlinkFate {
        guard qos > .atMostOnce, connections[slot: slot].session.window.unacknowledgedCount > 0
        else {
            counters.add(.deliveriesDropped)
            return .queueFull
        }
        let units = commons.messageUnit.units(payloadBytes: message.payload.count)
        let waiting = connections[slot: slot].session.window.waitingUnits
        guard isCovered(slot, units: waiting + units) else {
            counters.add(.deliveriesOverQuota)
            return .quotaExceeded
        }
        let kept = Self.shared(message, &shared)
        let isKept = connections[slot: slot].session.window.enqueue(
            kept,
            units: units,
            at: tick,
            limits: commons.queueLimits
        )
        guard isKept else {
            counters.add(.deliveriesDropped)
            return .queueFull
        }
        return .queued
    }

    /// Encodes a message for the client, if its allowance covers it; false when it does not. One that
    /// has waited lasts for so much less ([MQTT-3.3.2-6]).
    @discardableResult
    private mutating func send(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        waitedSeconds: UInt32 = 0
    ) -> Bool {
        guard chargeDelivery(slot, message) else {
            counters.add(.deliveriesOverQuota)
            return false
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
            guard waitedSeconds > 0,
                let lifetime = message.properties.messageExpiryIntervalSeconds
            else { return properties.append(contentsOf: message.properties) }
            properties.append(
                contentsOf: message.properties,
                excluding: PropertySet(.messageExpiryInterval)
            )
            properties.messageExpiryInterval(seconds: lifetime - min(lifetime, waitedSeconds))
        }
        return true
    }

    /// PUBACK: the window has room for the next message in line.
    mutating func acknowledged(_ slot: UInt32, _ packetID: UInt16) {
        guard connections[slot: slot].session.window.acknowledge(packetID) else { return }
        while let next = connections[slot: slot].session.window.next() {
            let ticks = tick - min(tick, next.since)
            let seconds = UInt32(clamping: Int64(clamping: ticks) * Self.tickMilliseconds / 1_000)
            next.message.withOutbound { message in
                // [MQTT-3.3.2-5]: a message that has waited for longer than it lasts is deleted.
                if let lifetime = message.properties.messageExpiryIntervalSeconds,
                    lifetime <= seconds
                {
                    return counters.add(.deliveriesDropped)
                }
                send(slot, message, qos: .atLeastOnce, waitedSeconds: seconds)
            }
        }
    }

    /// The gateway's own notices and answers on the device's `sys` topics: not counted, QoS 0, and
    /// only to a device that has subscribed.
    mutating func notify(_ slot: UInt32, _ name: String, _ payload: String) {
        guard case .device = connections[slot: slot].session.client else { return }
        let topic = connections[slot: slot].session.topicPrefix + Array("sys/\(name)".utf8)
        let wants = connections[slot: slot].session.subscriptions.contains { subscription in
            TopicFilter.matches(filter: subscription.filter.span, topic: topic.span)
        }
        guard wants else { return }
        publishUncounted(slot, topic, payload)
    }

    /// A PUBLISH that nobody subscribed to or is charged for; left out for a client that does not
    /// take as much.
    mutating func publishUncounted(_ slot: UInt32, _ topic: [UInt8], _ payload: String) {
        let payload = Array(payload.utf8)
        let isTaken = connections[slot: slot].session.takesPublish(
            topic: topic.count,
            payload: payload.count,
            properties: 0,
            qos: .atMostOnce
        )
        guard isTaken else { return counters.add(.deliveriesDropped) }
        Publish.encode(
            topic: topic.span,
            payload: payload.span,
            version: connections[slot: slot].session.version,
            into: &connections[slot: slot].output
        )
        flushLater(slot)
    }
}
