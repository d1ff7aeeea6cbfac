import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions

// PUBLISH from a client: may it, does its allowance cover it, who gets it, and what is answered.
extension Shard {
    mutating func servePublish(_ slot: UInt32, _ publish: borrowing Publish) {
        guard publish.properties.contains(.topicAlias),
            let alias = publish.properties.topicAlias
        else { return servePublish(slot, publish, topic: publish.topic) }
        guard connections[slot: slot].agreement.inboundAliases.allows(alias) else {
            return end(slot, .topicAliasInvalid)
        }
        if !publish.topic.isEmpty {
            connections[slot: slot].agreement.inboundAliases.set(alias, to: publish.topic)
            return servePublish(slot, publish, topic: publish.topic)
        }
        guard let topic = connections[slot: slot].agreement.inboundAliases.topic(of: alias) else {
            // Nothing is known by that alias yet (3.3.4).
            return end(slot, .protocolError)
        }
        servePublish(slot, publish, topic: topic.span)
    }

    private mutating func servePublish(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        topic: Span<UInt8>
    ) {
        let message = OutboundMessage(publish, topic: topic, at: clock.wall)
        guard publish.qos == .exactlyOnce, let packetID = publish.packetID else {
            if publish.qos == .atLeastOnce, !mayLeaveUnanswered(slot) {
                return end(slot, .receiveMaximumExceeded)
            }
            let verdict = accept(slot, message, packetID: publish.packetID)
            if verdict == .held { return }
            counters.add(.publishesReceived)
            if publish.qos == .atLeastOnce, let packetID = publish.packetID {
                acknowledge(slot, packetID, verdict)
            }
            return
        }
        serveExactlyOnce(slot, packetID, message)
    }

    private mutating func serveExactlyOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ message: borrowing OutboundMessage
    ) {
        // The same message again while its answer is still to come.
        if connections[slot: slot].agreement.unanswered.contains(packetID) { return }
        if sessions[slot: session(of: slot)].received.contains(packetID) {
            // The same message again ([MQTT-4.3.3-10]).
            return Pubrec.encode(
                packetID: packetID,
                version: connections[slot: slot].agreement.version,
                into: &connections[slot: slot].output
            )
        }
        guard mayLeaveUnanswered(slot),
            sessions[slot: session(of: slot)].received.count
                < connections[slot: slot].agreement.receiveQuota
        else { return end(slot, .receiveMaximumExceeded) }
        let verdict = accept(slot, message, packetID: packetID)
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
        _ message: borrowing OutboundMessage,
        packetID: UInt16?
    ) -> PublishVerdict {
        guard mayPublish(slot, message.topic) else {
            counters.add(.publishesForbidden)
            return .refused(.topicNotAllowed)
        }
        if isQuotaQuestion(slot, message.topic) {
            answerQuotaQuestion(slot)
            return .taken
        }
        guard message.properties.isEmpty || message.isPayloadAsIndicated else {
            return .refused(.payloadFormatInvalid)
        }
        switch charge(slot, payloadBytes: message.payload.count) {
        case .counted: break
        case .refused:
            counters.add(.publishesOverQuota)
            return .refused(.quotaExceeded)
        case .waits(let stock):
            park(slot, at: stock)
            return .held
        }
        if subscriptions.isEmpty, connections[slot: slot].agreement.productSlot != nil {
            return .unheard
        }
        return route(message, from: slot, packetID: packetID)
    }

    func mayPublish(_ slot: UInt32, _ topic: Span<UInt8>) -> Bool {
        if connections[slot: slot].agreement.productSlot != nil {
            let prefix = connections[slot: slot].agreement.topicPrefix.span
            return DeviceRights.allowsPublish(topic, prefix: prefix)
        }
        guard case .application(let application) = connections[slot: slot].agreement.client else {
            return false
        }
        return application.rights.allowsPublish(topic)
    }

    /// Whether a topic that a device may publish to is a question to the gateway.
    private func isQuotaQuestion(_ slot: UInt32, _ topic: Span<UInt8>) -> Bool {
        guard connections[slot: slot].agreement.productSlot != nil else { return false }
        let prefix = connections[slot: slot].agreement.topicPrefix.count
        return topic.extracting(prefix..<topic.count).hasPrefix("sys/")
    }

    // MARK: Answers

    /// Whether one more PUBLISH of QoS 1 or 2 may wait for its acknowledgement ([MQTT-3.3.4-9]).
    private func mayLeaveUnanswered(_ slot: UInt32) -> Bool {
        connections[slot: slot].agreement.unanswered.isEmpty
            || connections[slot: slot].agreement.unanswered.count
                + sessions[slot: session(of: slot)].received.count
                < connections[slot: slot].agreement.receiveQuota
    }

    /// Answers a PUBLISH, when its turn has come and its fate is known.
    private mutating func acknowledge(
        _ slot: UInt32,
        _ packetID: UInt16,
        isExactlyOnce: Bool = false,
        _ verdict: PublishVerdict
    ) {
        guard verdict.isDecided, connections[slot: slot].agreement.unanswered.isEmpty else {
            return connections[slot: slot].agreement.unanswered.append(
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
        connections[slot: slot].agreement.unanswered.decide(packetID, fate)
        while let next = connections[slot: slot].agreement.unanswered.next() {
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
        let version = connections[slot: slot].agreement.version
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
        let version = connections[slot: slot].agreement.version
        let isRefused = version == .v5 && verdict.reasonCode.isFailure
        // A PUBREC with a failure ends the exchange ([MQTT-4.3.3-9]).
        if !isRefused { _ = sessions[slot: session(of: slot)].received.insert(packetID) }
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
        let version = connections[slot: slot].agreement.version
        if sessions[slot: session(of: slot)].received.remove(packetID) {
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
        guard let text, connections[slot: slot].agreement.takesReasonString(text) else {
            return nil
        }
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
        let publisher = connections[slot: slot].session
        guard case .application = connections[slot: slot].agreement.client else {
            let isHeard =
                !subscriptions.isEmpty
                && deliverToApplications(message, from: publisher, sharing: &shared)
            return isHeard ? .taken : .unheard
        }
        let sender = sender(slot, packetID)
        return routeFromApplication(message, from: publisher, for: sender, sharing: &shared)
    }

    /// Hands a message of an application, or of anybody on a listener without authentication, to who
    /// subscribed, and to the device that its topic names.
    mutating func routeFromApplication(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> PublishVerdict {
        var isHeard = false
        if !subscriptions.isEmpty {
            isHeard = deliverToApplications(message, from: publisher, sharing: &shared)
        }
        guard let address = DeviceTopic(message.topic), address.branch == .down else {
            return isHeard ? .taken : .unheard
        }
        let fate = sendDown(message, to: address.identity, for: sender, sharing: &shared)
        if let fate { return PublishVerdict(fate, isHeard: isHeard) }
        guard case .client = sender else { return .taken }
        return .undecided(isHeard: isHeard)
    }

    /// Who is told of the fate of a message that the client publishes.
    private func sender(_ slot: UInt32, _ packetID: UInt16?) -> DownlinkSender {
        guard let packetID, connections[slot: slot].agreement.version == .v5,
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
                    let terms = terms(of: receiver, in: found, message)
                    deliver(receiver.token, message, terms, sharing: &shared)
                }
            } else {
                var deliveries: [Delivery] = []
                deliveries.reserveCapacity(end - start)
                for receiver in receivers[start..<end] {
                    let terms = terms(of: receiver, in: found, message)
                    deliveries.append(Delivery(token: receiver.token, terms: terms))
                }
                outgoing[shard].append(.deliver(Self.shared(message, &shared), to: deliveries))
            }
            start = end
        }
        return !receivers.isEmpty
    }

    /// What a receiver's subscriptions make of a message.
    private func terms(
        of receiver: Receiver,
        in matches: borrowing Matches,
        _ message: borrowing OutboundMessage
    ) -> DeliveryTerms {
        DeliveryTerms(
            qos: min(message.qos, receiver.qos),
            isRetained: message.isRetained && receiver.retainAsPublished,
            subscriptionIdentifiers:
                receiver.hasIdentifiers ? Array(matches.identifiers(of: receiver)) : [],
            sharedFilter: subscriptions.share(of: receiver)
        )
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
            .deliverToDevice(
                Self.shared(message, &shared), isRetained: message.isRetained, device, for: sender)
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

extension OutboundMessage {
    /// Whether the payload is the UTF-8 that its Payload Format Indicator says (3.3.2.3.2).
    fileprivate var isPayloadAsIndicated: Bool {
        guard properties.payloadFormat == .utf8 else { return true }
        return UTF8Rules.isWellFormed(payload)
    }
}
