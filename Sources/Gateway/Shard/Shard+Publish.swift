import Bytes
import Ledger
import Metering
import MQTT
import Reactor

// PUBLISH from a client: may it, does its allowance cover it, who gets it, and what is answered.
extension Shard {
    mutating func servePublish(_ slot: UInt32, _ publish: borrowing Publish) {
        counters.add(.publishesReceived)
        if connections[slot: slot].session.version == .v5 {
            guard publish.properties.topicAlias == nil else {
                return end(slot, .topicAliasInvalid)
            }
            guard !publish.isRetained else { return end(slot, .retainNotSupported) }
        }
        guard publish.qos == .exactlyOnce, let packetID = publish.packetID else {
            let refusal = accept(slot, publish)
            if publish.qos == .atLeastOnce, let packetID = publish.packetID {
                acknowledge(slot, packetID, refusal)
            }
            return
        }
        if connections[slot: slot].session.hasReceived(packetID) {
            // The same message again ([MQTT-4.3.3-10]).
            return Pubrec.encode(
                packetID: packetID,
                version: connections[slot: slot].session.version,
                into: &connections[slot: slot].output
            )
        }
        guard connections[slot: slot].session.receivedQoS2.count < commons.limits.receiveMaximum
        else { return end(slot, .receiveMaximumExceeded) }
        let refusal = accept(slot, publish)
        receivedExactlyOnce(slot, packetID, refusal)
    }

    /// Takes a message, or says why not; whatever that is, the connection stays.
    ///
    /// In line, because a call would copy the whole view of the packet.
    @inline(__always)
    private mutating func accept(_ slot: UInt32, _ publish: borrowing Publish) -> Reason? {
        guard mayPublish(slot, publish.topic) else {
            counters.add(.publishesForbidden)
            return .topicNotAllowed
        }
        if isQuotaQuestion(slot, publish.topic) {
            answerQuotaQuestion(slot)
            return nil
        }
        if let refusal = charge(slot, payloadBytes: publish.payload.count) { return refusal }
        if !subscriptions.isEmpty || connections[slot: slot].session.productSlot == nil {
            route(OutboundMessage(publish), from: slot)
        }
        return nil
    }

    func mayPublish(_ slot: UInt32, _ topic: Span<UInt8>) -> Bool {
        if connections[slot: slot].session.productSlot != nil {
            let prefix = connections[slot: slot].session.topicPrefix.span
            return DeviceRights.allowsPublish(topic, prefix: prefix)
        }
        guard case .application(let application) = connections[slot: slot].session.client else {
            return false
        }
        return application.rights.allowsPublish(topic)
    }

    /// Whether a topic that a device may publish to is a question to the gateway.
    private func isQuotaQuestion(_ slot: UInt32, _ topic: Span<UInt8>) -> Bool {
        guard connections[slot: slot].session.productSlot != nil else { return false }
        let prefix = connections[slot: slot].session.topicPrefix.count
        return topic.extracting(prefix..<topic.count).hasPrefix("sys/")
    }

    // MARK: Answers

    private mutating func acknowledge(_ slot: UInt32, _ packetID: UInt16, _ refusal: Reason?) {
        let version = connections[slot: slot].session.version
        guard let refusal, version == .v5 else {
            // MQTT 3.1.1 has no way to refuse: acknowledged, and dropped (rule C4).
            return Puback.encode(
                packetID: packetID,
                version: version,
                into: &connections[slot: slot].output
            )
        }
        let text = problemText(slot, refusal)
        Puback.encode(
            packetID: packetID,
            reason: refusal.reasonCode,
            version: version,
            into: &connections[slot: slot].output
        ) { properties in
            if let text { properties.reasonString(text.utf8Span.span) }
        }
    }

    private mutating func receivedExactlyOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ refusal: Reason?
    ) {
        let version = connections[slot: slot].session.version
        guard let refusal, version == .v5 else {
            connections[slot: slot].session.receivedQoS2.append(packetID)
            return Pubrec.encode(
                packetID: packetID,
                version: version,
                into: &connections[slot: slot].output
            )
        }
        // A PUBREC with a failure ends the exchange ([MQTT-4.3.3-9]).
        let text = problemText(slot, refusal)
        Pubrec.encode(
            packetID: packetID,
            reason: refusal.reasonCode,
            version: version,
            into: &connections[slot: slot].output
        ) { properties in
            if let text { properties.reasonString(text.utf8Span.span) }
        }
    }

    mutating func servePubrel(_ slot: UInt32, _ packetID: UInt16) {
        let version = connections[slot: slot].session.version
        let received = connections[slot: slot].session.receivedQoS2.firstIndex(of: packetID)
        if let index = received {
            connections[slot: slot].session.receivedQoS2.remove(at: index)
            Pubcomp.encode(
                packetID: packetID,
                version: version,
                into: &connections[slot: slot].output
            )
        } else {
            Pubcomp.encode(
                packetID: packetID,
                reason: .packetIdentifierNotFound,
                version: version,
                into: &connections[slot: slot].output
            )
        }
    }

    /// A Reason String, when the client takes one.
    func problemText(_ slot: UInt32, _ reason: Reason) -> String? {
        let text = reason.text
        return connections[slot: slot].session.takesReasonString(text) ? text : nil
    }

    // MARK: Routing

    /// Hands a client's message to whoever subscribed, on this shard and on others.
    mutating func route(_ message: borrowing OutboundMessage, from slot: UInt32) {
        var shared: Message?
        if !subscriptions.isEmpty {
            deliverToApplications(message, from: slot, sharing: &shared)
        }
        if case .application = connections[slot: slot].session.client {
            deliverToDevice(message, sharing: &shared)
        }
    }

    private mutating func deliverToApplications(
        _ message: borrowing OutboundMessage,
        from slot: UInt32,
        sharing shared: inout Message?
    ) {
        var found: [Subscriber] = []
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        found.removeAll(keepingCapacity: true)
        subscriptions.collect(message.topic, into: &found)
        guard !found.isEmpty else { return }
        let publisher = connections.token(ofSlot: slot)
        found.mergeOverlaps { subscriber in
            !(subscriber.noLocal && subscriber.shard == index && subscriber.token == publisher)
        }
        // Those of one shard stand together.
        var start = 0
        while start < found.count {
            let shard = found[start].shard
            let end = found[start...].firstIndex { $0.shard != shard } ?? found.count
            if shard == index {
                for subscriber in found[start..<end] {
                    let qos = min(message.qos, subscriber.qos)
                    deliver(subscriber.token, message, qos: qos, sharing: &shared)
                }
            } else {
                let deliveries = found[start..<end].map { subscriber in
                    Delivery(token: subscriber.token, qos: min(message.qos, subscriber.qos))
                }
                outgoing[shard].append(.deliver(Self.shared(message, &shared), to: deliveries))
            }
            start = end
        }
    }

    /// A message to a device goes to its home shard, where its connection and its counter are.
    private mutating func deliverToDevice(
        _ message: borrowing OutboundMessage,
        sharing shared: inout Message?
    ) {
        guard let address = DeviceTopic(message.topic), address.branch == .down else { return }
        let home = commons.homes.shard(of: address.identity)
        if home == index {
            deliverToDevice(address.identity, message, sharing: &shared)
        } else {
            outgoing[home].append(
                .deliverToDevice(Self.shared(message, &shared), address.identity)
            )
        }
    }

    /// One copy of the message for all who need it to outlive the packet.
    static func shared(_ message: borrowing OutboundMessage, _ shared: inout Message?) -> Message {
        if let shared { return shared }
        let made = Message(message)
        shared = made
        return made
    }
}

extension [Subscriber] {
    /// One entry for each client, with the highest QoS that it asked for ([MQTT-3.3.4-2]), of those
    /// that `isWanted`; shard by shard.
    mutating func mergeOverlaps(where isWanted: (Subscriber) -> Bool) {
        removeAll { !isWanted($0) }
        guard count > 1 else { return }
        sort { $0.precedes($1) }
        var last = 0
        for index in 1..<count where !self[index].isSameClient(as: self[last]) {
            last += 1
            self[last] = self[index]
        }
        removeSubrange((last + 1)...)
    }
}

extension Subscriber {
    fileprivate func isSameClient(as other: Subscriber) -> Bool {
        shard == other.shard && token == other.token
    }

    /// By shard, then by client, and the highest QoS of a client first.
    fileprivate func precedes(_ other: Subscriber) -> Bool {
        if shard != other.shard { return shard < other.shard }
        if token != other.token { return token.rawValue < other.token.rawValue }
        return qos > other.qos
    }
}
