import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions

// Messages to clients of this shard.
extension Shard {
    /// Hands a message to a device that is connected here and has subscribed to its topic; counted
    /// against the device's allowance, and dropped when that is used up (rules C2, C3, C10). Answers
    /// its fate, or `nil` when `sender` will be told.
    mutating func deliverToDevice(
        _ identity: DeviceIdentity,
        _ message: borrowing OutboundMessage,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> DownlinkFate? {
        guard let token = clients[.device(identity)], connections.contains(token) else {
            return .notConnected
        }
        var granted: QoS?
        for subscription in connections[slot: token.slot].session.subscriptions
        where TopicFilter.matches(filter: subscription.filter.span, topic: message.topic) {
            granted = max(granted ?? .atMostOnce, subscription.qos)
        }
        guard let granted else { return .noSubscription }
        let qos = min(message.qos, granted)
        return deliver(token, message, qos: qos, for: sender, sharing: &shared)
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
    /// `waited`: where and since when, if it has. Answers its fate, or `nil` when `sender` will be told.
    @discardableResult
    mutating func deliver(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        waited: MessageWait? = nil,
        for sender: DownlinkSender = .nobody,
        sharing shared: inout Message?
    ) -> DownlinkFate? {
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
        if connections[slot: slot].holdsDeliveries, let stock = stock(of: slot) {
            // Behind those that wait for top-up units already.
            let kept = Self.shared(message, &shared)
            let wait = waited ?? MessageWait(since: tick)
            return hold(HeldDelivery(token, kept, qos, wait, sender), at: stock)
        }
        // It reads more slowly than it is sent to.
        let isBehind = connections[slot: slot].waitingBytes + size > commons.limits.queueBytes
        if isBehind || qos > .atMostOnce && !hasRoom(slot, waited) {
            return keep(token, message, qos: qos, waited, for: sender, sharing: &shared)
        }
        let fate = send(token, message, qos: qos, waited, for: sender, sharing: &shared)
        if fate == .delivered { flushLater(slot) }
        return fate
    }

    /// Whether the client's window takes the message now: one that was in line already does not stand
    /// behind the others.
    private func hasRoom(_ slot: UInt32, _ waited: MessageWait?) -> Bool {
        waited?.isFromLine == true
            ? connections[slot: slot].session.window.hasRoom
            : connections[slot: slot].session.window.isOpen
    }

    /// Has a message wait for an acknowledgement that makes room for it. Dropped, when none is to
    /// come, the line is full, or neither the allowance nor a pack will cover it when its turn comes;
    /// `nil` while that is being found out.
    private mutating func keep(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        _ waited: MessageWait?,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> DownlinkFate? {
        let slot = token.slot
        guard qos > .atMostOnce, connections[slot: slot].session.window.unacknowledgedCount > 0
        else {
            counters.add(.deliveriesDropped)
            return .queueFull
        }
        let units = commons.messageUnit.units(payloadBytes: message.payload.count)
        let waiting = connections[slot: slot].session.window.waitingUnits
        let kept = Self.shared(message, &shared)
        switch coverage(slot, units: waiting + units) {
        case .counted: break
        case .refused:
            counters.add(.deliveriesOverQuota)
            return .quotaExceeded
        case .waits(let stock):
            let wait = waited ?? MessageWait(since: tick)
            return hold(HeldDelivery(token, kept, qos, wait, sender), at: stock)
        }
        let isKept = connections[slot: slot].session.window.enqueue(
            kept,
            units: units,
            waited ?? MessageWait(since: tick),
            limits: commons.queueLimits
        )
        guard isKept else {
            counters.add(.deliveriesDropped)
            return .queueFull
        }
        return .queued
    }

    /// Encodes a message for the client, if its allowance covers it, and it has not waited for longer
    /// than it lasts ([MQTT-3.3.2-5]). Answers its fate, or `nil` while it waits for top-up units.
    private mutating func send(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        _ waited: MessageWait?,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> DownlinkFate? {
        let slot = token.slot
        let waitedSeconds = waited.map { secondsPassed(since: $0.since) } ?? 0
        if waited != nil, let lifetime = message.properties.messageExpiryIntervalSeconds,
            lifetime <= waitedSeconds
        {
            counters.add(.deliveriesDropped)
            return .expired
        }
        switch charge(slot, payloadBytes: message.payload.count) {
        case .counted: break
        case .refused:
            counters.add(.deliveriesOverQuota)
            return .quotaExceeded
        case .waits(let stock):
            let kept = Self.shared(message, &shared)
            let wait = waited ?? MessageWait(since: tick)
            return hold(HeldDelivery(token, kept, qos, wait, sender), at: stock)
        }
        encode(slot, message, qos: qos, waitedSeconds: waitedSeconds)
        return .delivered
    }

    private func secondsPassed(since: UInt64) -> UInt32 {
        let ticks = tick - min(tick, since)
        return UInt32(clamping: Int64(clamping: ticks) * Self.tickMilliseconds / 1_000)
    }

    /// One that has waited lasts for so much less ([MQTT-3.3.2-6]).
    private mutating func encode(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        qos: QoS,
        waitedSeconds: UInt32
    ) {
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
    }

    /// PUBACK: the window has room for the next message in line.
    mutating func acknowledged(_ slot: UInt32, _ packetID: UInt16) {
        guard connections[slot: slot].session.window.acknowledge(packetID),
            let token = connections.token(ofSlot: slot)
        else { return }
        sendInLine(token)
    }

    /// Sends what is in line, as far as the window has room, and nothing before it waits for units.
    mutating func sendInLine(_ token: Token) {
        let slot = token.slot
        while !connections[slot: slot].holdsDeliveries,
            let next = connections[slot: slot].session.window.next()
        {
            var shared: Message? = next.message
            next.message.withOutbound { message in
                _ = send(
                    token,
                    message,
                    qos: .atLeastOnce,
                    MessageWait(since: next.since, isFromLine: true),
                    for: .nobody,
                    sharing: &shared
                )
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
