import Bytes
import Ledger
import Metering
import MessageLog
import MQTT
import Reactor
import Sessions
import Storage

// Messages to clients of this shard.
extension Broker {
    /// Hands a message to a device of this shard that has subscribed to its topic; counted against the
    /// device's allowance, and dropped when that is used up (rules C2, C3, C10).
    mutating func deliverToDevice(
        _ identity: DeviceIdentity,
        _ message: borrowing OutboundMessage,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let found: Token?
        do throws(StoreError) {
            found = try session(of: identity, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            return .decided(.notStored)
        }
        guard let token = found, sessions.contains(token) else { return .decided(.notConnected) }
        guard let terms = terms(for: token.slot, message),
            hears(token.slot, message.topic, in: &context)
        else { return .decided(.noSubscription) }
        let outcome = deliver(token, message, terms, for: sender, sharing: &shared, in: &context)
        if message.isRetained { noteHandedOut(token, message, outcome, in: &context) }
        return outcome
    }

    /// A device has been handed a message that is, or is being, retained: it is not counted again at the
    /// next SUBSCRIBE (rule C2).
    mutating func noteHandedOut(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        _ outcome: DeliveryOutcome, in context: inout ShardContext
    ) {
        guard sessions.contains(token), sessions[slot: token.slot].productSlot != nil else {
            return
        }
        switch outcome {
        case .decided(.delivered), .decided(.queued), .pending, .gathered: break
        case .decided: return
        }
        context.quota.handedOut.insert(
            context.quota.handedOut.fingerprint(message.topic, message.payload))
    }

    /// What a session's own subscriptions make of a message; `nil` when none matches.
    private func terms(
        for session: UInt32,
        _ message: borrowing OutboundMessage
    ) -> DeliveryTerms? {
        var granted: QoS?
        var keepsFlag = false
        var identifiers: [UInt32] = []
        for subscription in sessions[slot: session].subscriptions
        where TopicFilter.matches(filter: subscription.filter.span, topic: message.topic) {
            granted = max(granted ?? .atMostOnce, subscription.options.qos)
            keepsFlag = keepsFlag || subscription.options.retainAsPublished
            if let identifier = subscription.identifier { identifiers.append(identifier) }
        }
        guard let granted else { return nil }
        return DeliveryTerms(
            qos: min(message.qos, granted),
            isRetained: message.isRetained && keepsFlag,
            isBeingRetained: message.isRetained,
            subscriptionIdentifiers: identifiers
        )
    }

    /// Tells the sender of a message what became of it, as far as that is known (rule C10).
    mutating func report(
        _ outcome: DeliveryOutcome, to sender: DownlinkSender, in context: inout ShardContext
    ) {
        switch outcome {
        case .decided(let outcome): tell(sender, outcome, in: &context)
        case .pending: break
        case .gathered(let place, let message):
            switch sender {
            case .gathering(let shard, let connection, let packetID):
                context.outgoing[shard].append(
                    .gathered(connection, packetID: packetID, .write(place, message)))
            case .gatheringOutcome(let shard, let connection, let packetID):
                answerGather(
                    shard, connection, packetID, .write(place, message), .queued, in: &context)
            case .nobody, .client, .confirmation, .child, .question, .node:
                preconditionFailure("only a commit's writes are gathered")
            }
        }
    }

    /// Tells the sender of a message what became of it (rule C10).
    mutating func tell(
        _ sender: DownlinkSender, _ outcome: DownlinkOutcome, in context: inout ShardContext
    ) {
        switch sender {
        case .nobody: break
        case .client(let shard, let token, let packetID):
            context.outgoing[shard].append(.decided(token, packetID: packetID, outcome))
        case .confirmation(let shard, let token, let packetID):
            let confirmed = outcome == .notStored ? WriteOutcome.notStored : .stored
            if shard == context.index {
                self.confirmed(token, packetID, 1, confirmed, in: &context)
            } else {
                context.outgoing[shard].append(
                    .confirmed(token, packetID: packetID, count: 1, confirmed))
            }
        case .gathering(let shard, let token, let packetID):
            guard shard != context.index else { break }
            let answer = outcome == .notStored ? Gathered.lost : .nothing
            context.outgoing[shard].append(.gathered(token, packetID: packetID, answer))
        case .gatheringOutcome(let shard, let token, let packetID):
            let answer = outcome == .notStored ? Gathered.lost : .nothing
            answerGather(shard, token, packetID, answer, outcome, in: &context)
        case .child(let link, let packetID): decided(link, child: packetID, outcome, in: &context)
        case .question(let answer): answer(outcome)
        case .node(let served): tell(served, outcome, in: &context)
        }
    }

    /// The same of another node: what it asked of several sessions, or of a device.
    private func tell(
        _ served: UInt32, _ outcome: DownlinkOutcome, in context: inout ShardContext
    ) {
        let now = context.now.books
        if context.peers.wantsOutcome(served) {
            context.peers.answer(served, .outcome(outcome), at: now)
        } else {
            context.peers.finish(served, isWritten: outcome != .notStored, at: now)
        }
    }

    /// Delivers a message to the client whose session `token` names, unless that has ended or can't take
    /// it.
    mutating func deliver(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender = .nobody,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        guard sessions.contains(token) else { return .decided(.notConnected) }
        let session = token.slot
        if context.limitsDeliveries, !mayReceive(session, message.topic) {
            // Of a share, another member may.
            return .decided(terms.sharedFilter == nil ? .noSubscription : .notConnected)
        }
        if terms.isBeingRetained, !retainedRequests.isEmpty { noteOvertaken(token, message.topic) }
        if message.isExpired(at: context.now.books) {
            context.counters.add(.deliveriesDropped)
            return .decided(.expired)
        }
        guard let slot = openConnection(of: session, in: &context) else {
            return keepForAbsent(token, message, terms, for: sender, sharing: &shared, in: &context)
        }
        guard takes(slot, message, terms, in: &context) else {
            context.counters.add(.deliveriesDropped)
            return .decided(.tooLarge)
        }
        if sessions[slot: session].holdsDeliveries,
            let stock = context.quota.stock(of: context.wire[slot].settings)
        {
            // Behind those that wait for top-up units already.
            let kept = Self.shared(message, &shared)
            return hold(HeldDelivery(token, kept, terms, sender), at: stock, in: &context)
        }
        let isBehind = isBehind(slot, in: &context)
        if terms.qos == .atMostOnce, isBehind {
            context.counters.add(.deliveriesDropped)
            return .decided(.queueFull)
        }
        if terms.qos > .atMostOnce, isBehind || !mayPass(session, terms) {
            return enqueue(token, slot, message, terms, for: sender, sharing: &shared, in: &context)
        }
        return send(token, slot, message, terms, for: sender, sharing: &shared, in: &context)
    }

    /// Whether a message may be handed to a session's client: what is denied to it does not come by a wider
    /// filter either.
    func mayReceive(_ session: UInt32, _ topic: Span<UInt8>) -> Bool {
        guard case .application(let application) = sessions[slot: session].client else {
            return true
        }
        return application.rights.allowsDelivery(topic)
    }

    /// Whether a QoS 1 or 2 message can be sent at once and need not be kept: it is its turn, and
    /// nobody will want it again.
    private mutating func mayPass(_ session: UInt32, _ terms: DeliveryTerms) -> Bool {
        terms.sharedFilter == nil && !sessions[slot: session].queue.keepsSent
            && sessions[slot: session].queue.isOpen()
    }

    /// Whether a client reads more slowly than it is sent to.
    func isBehind(_ slot: UInt32, in context: inout ShardContext) -> Bool {
        context.wire[slot].waitingBytes > context.commons.limits.queueBytes
    }

    /// Whether the client takes a PUBLISH of that size ([MQTT-3.1.2-24]).
    func takes(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        more: Int = 0, in context: inout ShardContext
    ) -> Bool {
        guard context.wire[slot].settings.maximumPacketSize < .max else {
            return true
        }
        let expiryBytes = message.expiresAt == nil ? 0 : 5
        return context.wire[slot].settings.takesPublish(
            topic: message.topic.count - untoldBytes(message.topic, to: slot, in: &context),
            payload: message.payload.count,
            properties: message.travellingBytes + expiryBytes + terms.identifierBytes + more,
            qos: terms.qos
        )
    }

    // MARK: At once

    /// Sends a message, if the client's allowance covers it; pending while it waits for top-up units.
    private mutating func send(
        _ token: Token,
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let verdict =
            terms.isCounted
            ? charge(slot, payloadBytes: message.payload.count, in: &context) : .counted
        switch verdict {
        case .counted: break
        case .refused:
            context.counters.add(.deliveriesOverQuota)
            return .decided(.quotaExceeded)
        case .waits(let stock):
            let kept = Self.shared(message, &shared)
            return hold(HeldDelivery(token, kept, terms, sender), at: stock, in: &context)
        }
        var packetID: UInt16?
        if terms.qos > .atMostOnce {
            packetID = sessions[slot: token.slot].queue.begin(
                isExactlyOnce: terms.qos == .exactlyOnce)
            let sequence = sessions[slot: token.slot].queue.nextSequence - 1
            noteInLine(token.slot, sequence, for: sender, in: &context)
        }
        if isFanningOut, mayShareEncoding(slot, terms, in: &context) {
            append(slot, message, terms, packetID: packetID, in: &context)
        } else {
            encode(slot, message, terms, packetID: packetID, in: &context)
        }
        context.wire.flushLater(slot)
        return .decided(.delivered)
    }

    /// Whether a PUBLISH for the client is the same as for others, but for the packet identifier.
    private func mayShareEncoding(
        _ slot: UInt32, _ terms: DeliveryTerms, in context: inout ShardContext
    ) -> Bool {
        terms.subscriptionIdentifiers.isEmpty
            && context.wire[slot].settings.outboundAliasMaximum == 0
    }

    /// The same as `encode` in a delivery to many: what is encoded once is copied.
    private mutating func append(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        packetID: UInt16?, in context: inout ShardContext
    ) {
        context.counters.add(.publishesDelivered)
        if context.quota.storesMessages { store(slot, message, terms, in: &context) }
        let version = context.wire[slot].settings.version
        fanOut.append(
            topic: message.topic,
            payload: message.payload,
            properties: message.properties,
            expirySeconds: version == .v5 ? message.remainingSeconds(at: context.now.books) : nil,
            form: PublishForm(version: version, qos: terms.qos, isRetained: terms.isRetained),
            packetID: packetID,
            to: &context.wire[slot].output
        )
    }

    /// Stores a message that is sent to a device for the first time.
    private func store(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms, in context: inout ShardContext
    ) {
        context.store(
            .down, slot, topic: message.topic, payload: message.payload, qos: terms.qos,
            isRetained: terms.isRetained, isDuplicate: false)
    }

    /// Writes a PUBLISH for the client: what is left of its Message Expiry Interval ([MQTT-3.3.2-6]),
    /// the identifiers of the subscriptions ([MQTT-3.3.4-3], [MQTT-3.3.4-4]), and a topic alias if the
    /// client takes one ([MQTT-3.1.2-26], [MQTT-3.1.2-27]).
    mutating func encode(
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        packetID: UInt16?,
        isDuplicate: Bool = false, in context: inout ShardContext
    ) {
        context.counters.add(.publishesDelivered)
        if context.quota.storesMessages, !isDuplicate { store(slot, message, terms, in: &context) }
        let version = context.wire[slot].settings.version
        let remaining = version == .v5 ? message.remainingSeconds(at: context.now.books) : nil
        let untold = untoldBytes(message.topic, to: slot, in: &context)
        let name = message.topic.extracting(untold..<message.topic.count)
        var alias = OutboundAliases.Choice.none
        let aliasMaximum = context.wire[slot].settings.outboundAliasMaximum
        if aliasMaximum > 0, takes(slot, message, terms, more: 3, in: &context) {
            alias = context.wire[slot].outboundAliases.choose(
                for: name, limit: aliasMaximum)
        }
        let topic = alias.isKnown ? name.extracting(0..<0) : name
        Publish.encode(
            topic: topic,
            payload: message.payload,
            qos: terms.qos,
            packetID: packetID,
            isRetained: terms.isRetained,
            isDuplicate: isDuplicate,
            version: version,
            into: &context.wire[slot].output
        ) { properties in
            properties.append(
                contentsOf: message.properties, excluding: OutboundMessage.excludedProperties)
            if let remaining { properties.messageExpiryInterval(seconds: remaining) }
            for identifier in terms.subscriptionIdentifiers {
                properties.subscriptionIdentifier(identifier)
            }
            if let number = alias.number { properties.topicAlias(number) }
        }
    }

    // MARK: Of the gateway

    /// The gateway's own notices and answers on the device's `sys` topics: not counted, QoS 0, and
    /// only to a device that has subscribed. Whether it has got it.
    @discardableResult
    mutating func notify(
        _ slot: UInt32, _ name: String, _ payload: String, in context: inout ShardContext
    ) -> Bool {
        guard wantsNotices(slot, name, in: &context) else { return false }
        let topic = context.wire[slot].settings.topicPrefix + Array("sys/\(name)".utf8)
        return publishUncounted(slot, topic, payload, in: &context)
    }

    /// Whether a device has subscribed to one of its `sys` topics.
    func wantsNotices(_ slot: UInt32, _ name: String, in context: inout ShardContext) -> Bool {
        guard case .device = context.wire[slot].settings.client,
            let session = context.wire[slot].session
        else { return false }
        let topic = context.wire[slot].settings.topicPrefix + Array("sys/\(name)".utf8)
        return sessions[slot: session.slot].subscriptions.contains { subscription in
            TopicFilter.matches(filter: subscription.filter.span, topic: topic.span)
        }
    }

    /// A PUBLISH that nobody subscribed to or is charged for; left out for a client that does not
    /// take as much. Whether it was sent.
    @discardableResult
    mutating func publishUncounted(
        _ slot: UInt32, _ topic: [UInt8], _ payload: String, in context: inout ShardContext
    ) -> Bool {
        let payload = Array(payload.utf8)
        let isTaken = context.wire[slot].settings.takesPublish(
            topic: topic.count,
            payload: payload.count,
            properties: 0,
            qos: .atMostOnce
        )
        guard isTaken else {
            context.counters.add(.deliveriesDropped)
            return false
        }
        Publish.encode(
            topic: topic.span,
            payload: payload.span,
            version: context.wire[slot].settings.version,
            into: &context.wire[slot].output
        )
        context.wire.flushLater(slot)
        return true
    }
}
