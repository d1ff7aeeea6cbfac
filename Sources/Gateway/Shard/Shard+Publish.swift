import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions

// PUBLISH from a client: may it, does its allowance cover it, who gets it, and what is answered.
extension Shard {
    mutating func servePublish(_ slot: UInt32, _ publish: borrowing Publish) {
        if connections[slot: slot].session.version == .v5 {
            guard publish.properties.topicAlias == nil else {
                return end(slot, .topicAliasInvalid)
            }
            guard !publish.isRetained else { return end(slot, .retainNotSupported) }
        }
        guard publish.qos == .exactlyOnce, let packetID = publish.packetID else {
            if publish.qos == .atLeastOnce, !mayLeaveUnanswered(slot) {
                return end(slot, .receiveMaximumExceeded)
            }
            let verdict = accept(slot, publish)
            if verdict == .held { return }
            counters.add(.publishesReceived)
            if publish.qos == .atLeastOnce, let packetID = publish.packetID {
                acknowledge(slot, packetID, verdict)
            }
            return
        }
        serveExactlyOnce(slot, packetID, publish)
    }

    private mutating func serveExactlyOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ publish: borrowing Publish
    ) {
        // The same message again while its answer is still to come.
        if connections[slot: slot].session.unanswered.contains(packetID) { return }
        if connections[slot: slot].session.hasReceived(packetID) {
            // The same message again ([MQTT-4.3.3-10]).
            return Pubrec.encode(
                packetID: packetID,
                version: connections[slot: slot].session.version,
                into: &connections[slot: slot].output
            )
        }
        guard mayLeaveUnanswered(slot),
            connections[slot: slot].session.receivedQoS2.count < commons.limits.receiveMaximum
        else { return end(slot, .receiveMaximumExceeded) }
        let verdict = accept(slot, publish)
        if verdict == .held { return }
        counters.add(.publishesReceived)
        acknowledge(slot, packetID, isExactlyOnce: true, verdict)
    }

    /// Takes a message, or says why not; whatever that is, the connection stays.
    ///
    /// In line, because a call would copy the whole view of the packet.
    @inline(__always)
    private mutating func accept(
        _ slot: UInt32,
        _ publish: borrowing Publish
    ) -> PublishVerdict {
        guard mayPublish(slot, publish.topic) else {
            counters.add(.publishesForbidden)
            return .refused(.topicNotAllowed)
        }
        if isQuotaQuestion(slot, publish.topic) {
            answerQuotaQuestion(slot)
            return .taken
        }
        switch charge(slot, payloadBytes: publish.payload.count) {
        case .counted: break
        case .refused:
            counters.add(.publishesOverQuota)
            return .refused(.quotaExceeded)
        case .waits(let stock):
            park(slot, at: stock)
            return .held
        }
        if subscriptions.isEmpty, connections[slot: slot].session.productSlot != nil {
            return .taken
        }
        return route(OutboundMessage(publish), from: slot, packetID: publish.packetID)
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

    /// Whether one more PUBLISH of QoS 1 or 2 may wait for its acknowledgement ([MQTT-3.3.4-9]).
    private func mayLeaveUnanswered(_ slot: UInt32) -> Bool {
        connections[slot: slot].session.unanswered.isEmpty
            || connections[slot: slot].session.unanswered.count
                + connections[slot: slot].session.receivedQoS2.count
                < commons.limits.receiveMaximum
    }

    /// Answers a PUBLISH, when its turn has come and its fate is known.
    private mutating func acknowledge(
        _ slot: UInt32,
        _ packetID: UInt16,
        isExactlyOnce: Bool = false,
        _ verdict: PublishVerdict
    ) {
        guard verdict.isDecided, connections[slot: slot].session.unanswered.isEmpty else {
            return connections[slot: slot].session.unanswered.append(
                UnansweredPublishes.Entry(
                    packetID: packetID,
                    isExactlyOnce: isExactlyOnce,
                    verdict: verdict
                )
            )
        }
        if isExactlyOnce {
            receivedExactlyOnce(slot, packetID, verdict)
        } else {
            acknowledgeOnce(slot, packetID, verdict)
        }
    }

    /// A message that a client has published has met its fate on its device's home shard.
    mutating func decided(_ token: Token, _ packetID: UInt16, _ fate: DownlinkFate) {
        guard connections.contains(token), connections[slot: token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        connections[slot: slot].session.unanswered.decide(packetID, fate)
        while let next = connections[slot: slot].session.unanswered.next() {
            if next.isExactlyOnce {
                receivedExactlyOnce(slot, next.packetID, next.verdict)
            } else {
                acknowledgeOnce(slot, next.packetID, next.verdict)
            }
        }
        flushLater(slot)
    }

    private mutating func acknowledgeOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ verdict: PublishVerdict
    ) {
        let version = connections[slot: slot].session.version
        guard verdict != .taken, version == .v5 else {
            // MQTT 3.1.1 has no way to refuse: acknowledged, and dropped (rule C4).
            return Puback.encode(
                packetID: packetID,
                version: version,
                into: &connections[slot: slot].output
            )
        }
        let text = problemText(slot, verdict.text)
        Puback.encode(
            packetID: packetID,
            reason: verdict.reasonCode,
            version: version,
            into: &connections[slot: slot].output
        ) { properties in
            if let text { properties.reasonString(text.utf8Span.span) }
        }
    }

    private mutating func receivedExactlyOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ verdict: PublishVerdict
    ) {
        let version = connections[slot: slot].session.version
        let isRefused = version == .v5 && verdict.reasonCode.isFailure
        // A PUBREC with a failure ends the exchange ([MQTT-4.3.3-9]).
        if !isRefused { connections[slot: slot].session.receivedQoS2.append(packetID) }
        guard verdict != .taken, version == .v5 else {
            return Pubrec.encode(
                packetID: packetID,
                version: version,
                into: &connections[slot: slot].output
            )
        }
        let text = problemText(slot, verdict.text)
        Pubrec.encode(
            packetID: packetID,
            reason: verdict.reasonCode,
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
    func problemText(_ slot: UInt32, _ text: String?) -> String? {
        guard let text, connections[slot: slot].session.takesReasonString(text) else { return nil }
        return text
    }

    // MARK: Routing

    /// Hands a client's message to whoever subscribed, on this shard and on others. `packetID` is that
    /// of the PUBLISH whose acknowledgement tells the message's fate, if there is one.
    @discardableResult
    mutating func route(
        _ message: borrowing OutboundMessage,
        from slot: UInt32,
        packetID: UInt16? = nil
    ) -> PublishVerdict {
        var shared: Message?
        var isHeard = false
        if !subscriptions.isEmpty {
            let publisher = connections.token(ofSlot: slot)
            isHeard = deliverToApplications(message, from: publisher, sharing: &shared)
        }
        guard case .application = connections[slot: slot].session.client,
            let address = DeviceTopic(message.topic), address.branch == .down
        else { return .taken }
        let sender = sender(slot, packetID)
        let fate = sendDown(message, to: address.identity, for: sender, sharing: &shared)
        if let fate { return PublishVerdict(fate, isHeard: isHeard) }
        guard case .client = sender else { return .taken }
        return .undecided(isHeard: isHeard)
    }

    /// Who is told of the fate of a message that the client publishes.
    private func sender(_ slot: UInt32, _ packetID: UInt16?) -> DownlinkSender {
        guard let packetID, connections[slot: slot].session.version == .v5,
            let token = connections.token(ofSlot: slot)
        else { return .nobody }
        return .client(shard: index, token, packetID: packetID)
    }

    /// Hands a message to the applications that subscribed to its topic; whether there was one.
    @discardableResult
    mutating func deliverToApplications(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        sharing shared: inout Message?
    ) -> Bool {
        var found = Matches()
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        let publisher = publisher.map { SessionAddress(shard: index, token: $0) }
        subscriptions.collect(message.topic, from: publisher, into: &found)
        let receivers = found.receivers
        // Those of one shard stand together.
        var start = 0
        while start < receivers.count {
            let shard = receivers[start].shard
            let end = receivers[start...].firstIndex { $0.shard != shard } ?? receivers.count
            if shard == index {
                for receiver in receivers[start..<end] {
                    let qos = min(message.qos, receiver.qos)
                    deliver(receiver.token, message, qos: qos, sharing: &shared)
                }
            } else {
                let deliveries = receivers[start..<end].map { receiver in
                    Delivery(token: receiver.token, qos: min(message.qos, receiver.qos))
                }
                outgoing[shard].append(.deliver(Self.shared(message, &shared), to: deliveries))
            }
            start = end
        }
        return !receivers.isEmpty
    }

    /// A message to a device goes to its home shard, where its connection and its counter are.
    /// Answers its fate, or `nil` when `sender` will be told.
    private mutating func sendDown(
        _ message: borrowing OutboundMessage,
        to device: DeviceIdentity,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> DownlinkFate? {
        let home = commons.homes.shard(of: device)
        if home == index {
            return deliverToDevice(device, message, for: sender, sharing: &shared)
        }
        outgoing[home].append(
            .deliverToDevice(Self.shared(message, &shared), device, for: sender)
        )
        return nil
    }

    /// One copy of the message for all who need it to outlive the packet.
    static func shared(_ message: borrowing OutboundMessage, _ shared: inout Message?) -> Message {
        if let shared { return shared }
        let made = Message(message)
        shared = made
        return made
    }
}
