import Bytes
import Ledger
import MessageLog
import Metering
import MQTT
import Reactor
import Sessions

// PUBLISH from a client: may it, does its allowance cover it, who gets it, and what is answered.
extension Broker {
    @inline(__always)
    mutating func servePublish(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) {
        if publish.properties.contains(.topicAlias) {
            serveAliased(slot, publish, in: &context)
        } else {
            servePublish(slot, publish, topic: publish.topic, in: &context)
        }
    }

    /// One with a topic alias, which it defines or stands for its topic.
    private mutating func serveAliased(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) {
        guard let alias = publish.properties.topicAlias,
            context.wire[slot].settings.allows(alias: alias)
        else { return context.wire.end(slot, .topicAliasInvalid) }
        if !publish.topic.isEmpty {
            context.wire[slot].inboundAliases.set(alias, to: publish.topic)
            return servePublish(slot, publish, topic: publish.topic, in: &context)
        }
        guard let topic = context.wire[slot].inboundAliases.topic(of: alias) else {
            // Nothing is known by that alias yet (3.3.4).
            return context.wire.end(slot, .protocolError)
        }
        servePublish(slot, publish, topic: topic.span, in: &context)
    }

    @inline(__always)
    private mutating func servePublish(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        topic: Span<UInt8>, in context: inout ShardContext
    ) {
        if context.quota.hasOwnTopics { return serveOwn(slot, publish, topic, in: &context) }
        serveNamed(slot, publish, topic: topic, in: &context)
    }

    mutating func serveNamed(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        topic: Span<UInt8>, in context: inout ShardContext
    ) {
        guard publish.qos != .exactlyOnce else {
            return serveExactlyOnce(slot, publish, topic, in: &context)
        }
        if publish.qos == .atLeastOnce, stopsAtReceiveMaximum(slot, in: &context) { return }
        let verdict: PublishVerdict
        var confirmations = 0
        if let unrouted = verdictUnrouted(slot, publish, topic, in: &context) {
            if unrouted == .held { return }
            verdict = unrouted == .writing ? .taken : unrouted
            confirmations = unrouted == .writing ? 1 : 0
        } else {
            (verdict, confirmations) = routeOnce(slot, publish, topic, in: &context)
        }
        notePublish(slot, publish, topic, verdict, in: &context)
        guard publish.qos == .atLeastOnce, let packetID = publish.packetID else { return }
        acknowledge(
            slot,
            UnansweredPublishes.Entry(
                packetID: packetID,
                isExactlyOnce: false,
                since: context.now.monotonic,
                verdict: verdict,
                outstanding: confirmations
            ), in: &context
        )
    }

    /// Routes a message of QoS 0 or 1: what has become of it, and how many writes its acknowledgement
    /// waits for.
    @inline(never)
    private mutating func routeOnce(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        in context: inout ShardContext
    ) -> (PublishVerdict, confirmations: Int) {
        let answer = answer(slot, publish.packetID, isCommitted: false, in: &context)
        let message = OutboundMessage(publish, topic: topic, at: context.now.books)
        let publication = route(
            message, isDuplicate: publish.isDuplicate, from: slot, for: answer, in: &context)
        return (publication.verdict, publication.confirmations)
    }

    private mutating func serveExactlyOnce(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        _ topic: Span<UInt8>, in context: inout ShardContext
    ) {
        guard let packetID = publish.packetID else { return }
        if context.wire[slot].settings.unanswered.contains(packetID) {
            // The same message again while its answer is still to come: it gets the same.
            return context.wire[slot].settings.unanswered.repeatAnswer(
                packetID, at: context.now.monotonic,
                limit: Int(context.wire[slot].settings.receiveQuota))
        }
        if sessions[slot: session(of: slot, in: &context)].received.contains(packetID) {
            return receivedAgain(slot, packetID, in: &context)
        }
        if stopsAtReceiveMaximum(slot, in: &context) { return }
        guard mayLeaveUnreleased(slot, in: &context) else {
            return context.wire.end(slot, .receiveMaximumExceeded)
        }
        let publication: Publication
        if let unrouted = verdictUnrouted(slot, publish, topic, in: &context) {
            if unrouted == .held { return }
            publication = Publication(writing: unrouted)
        } else {
            let isStored = sessions[slot: session(of: slot, in: &context)].stored != nil
            let answer = answer(slot, packetID, isCommitted: isStored, in: &context)
            let message = OutboundMessage(publish, topic: topic, at: context.now.books)
            publication = route(
                message, isDuplicate: publish.isDuplicate, from: slot, for: answer, in: &context)
        }
        notePublish(slot, publish, topic, publication.verdict, in: &context)
        var entry = UnansweredPublishes.Entry(
            packetID: packetID,
            isExactlyOnce: true,
            since: context.now.monotonic,
            verdict: publication.verdict,
            outstanding: publication.confirmations
        )
        // One that is refused for its device may have gone to others.
        let isKept = !publication.commit.isEmpty || !publication.verdict.reasonCode.isFailure
        if isKept, publication.verdict != .relayed {
            let commit = publication.commit
            entry.isReceived = true
            entry.outstanding += keepIdentifier(slot, packetID, with: commit, in: &context) ? 1 : 0
        }
        acknowledge(slot, entry, in: &context)
    }

    /// Counts a PUBLISH whose verdict is there, and shows it in the traces of the client.
    @inline(__always)
    private func notePublish(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        _ topic: Span<UInt8>,
        _ verdict: PublishVerdict, in context: inout ShardContext
    ) {
        // Counted where a child's connection serves it.
        if verdict != .relayed { context.counters.add(.publishesReceived) }
        if context.quota.storesMessages, !verdict.reasonCode.isFailure {
            context.store(
                .up, slot, topic: topic, payload: publish.payload, qos: publish.qos,
                isRetained: publish.isRetained, isDuplicate: publish.isDuplicate)
        }
        if context.wire[slot].isTraced {
            context.wire.tracePublish(slot, publish, topic, verdict)
        }
    }

    /// What a PUBLISH is to be answered by. `isCommitted`: its packet identifier goes to disk.
    private func answer(
        _ slot: UInt32,
        _ packetID: UInt16?,
        isCommitted: Bool, in context: inout ShardContext
    ) -> PublishAnswer {
        guard let packetID, let token = context.wire.token(of: slot) else {
            return .nothing
        }
        return isCommitted
            ? .commit(token, packetID: packetID) : .acknowledgement(token, packetID: packetID)
    }

    /// The packet identifier of a QoS 2 message that is taken: of a stored session it is on disk before
    /// PUBREC, in one commit with the message. Whether that is waited for.
    mutating func keepIdentifier(
        _ slot: UInt32, _ packetID: UInt16, with commit: Publication.Commit,
        in context: inout ShardContext
    ) -> Bool {
        let session = session(of: slot, in: &context)
        _ = sessions[slot: session].received.insert(packetID)
        guard sessions[slot: session].stored != nil,
            let connection = context.wire.token(of: slot),
            let token = sessions.token(ofSlot: session)
        else { return false }
        beginGather(commit, connection, token, packetID, in: &context)
        return true
    }

    /// The same QoS 2 message again ([MQTT-4.3.3-10]): what was said of it before, when that is on disk.
    private mutating func receivedAgain(
        _ slot: UInt32, _ packetID: UInt16, in context: inout ShardContext
    ) {
        var entry = UnansweredPublishes.Entry(
            packetID: packetID, isExactlyOnce: true, since: context.now.monotonic,
            verdict: .taken, isReceived: true)
        let session = session(of: slot, in: &context)
        guard sessions[slot: session].stored != nil,
            let connection = context.wire.token(of: slot)
        else { return acknowledge(slot, entry, in: &context) }
        let gather = gathers.firstIndex {
            $0.session == sessions.token(ofSlot: session) && $0.packetID == packetID
        }
        if let gather {
            gathers[gather].repeatedOn = connection
            entry.outstanding = 1
        } else if !sessionWrites.isSettled {
            let sender = DownlinkSender.confirmation(
                shard: context.index, connection, packetID: packetID)
            sessionWrites.append(nil, then: .confirm(sender))
            entry.outstanding = 1
        }
        acknowledge(slot, entry, in: &context)
    }

    /// What becomes of a message that is not handed on: it may not be published, is not paid for, is a
    /// question to the gateway, or a device's without a subscriber. `nil`: it is to be routed.
    ///
    /// In line, as most messages come to a verdict here.
    @inline(__always)
    private mutating func verdictUnrouted(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        _ topic: Span<UInt8>, in context: inout ShardContext
    ) -> PublishVerdict? {
        if context.limitsPublishes,
            let verdict = verdictOfRate(slot, publish, topic, in: &context)
        {
            return verdict
        }
        switch use(of: topic, by: slot, in: &context) {
        case .message: break
        case .quotaQuestion:
            answerQuotaQuestion(slot, in: &context)
            return .taken
        case .stateQuestion: return serveState(slot, publish, topic, isReport: false, in: &context)
        case .stateReport: return serveState(slot, publish, topic, isReport: true, in: &context)
        case .firmware(let use): return serveFirmware(slot, publish, use, in: &context)
        case .children(let use): return serveChildren(slot, publish, use, in: &context)
        case .notAllowed:
            if !context.children.isEmpty, let verdict = relay(slot, publish, topic, in: &context) {
                return verdict
            }
            context.counters.add(.publishesForbidden)
            return .refused(.topicNotAllowed)
        }
        guard topic.hasNoMoreLevels(than: context.commons.limits.topicLevels) else {
            return .refused(.topicNameInvalid)
        }
        guard publish.properties.isEmpty || publish.isPayloadAsIndicated else {
            return .refused(.payloadFormatInvalid)
        }
        if !pace.isIdle, mustWait(slot, topic, publish.qos, in: &context) {
            if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
            holdPublisher(slot, in: &context)
            return .held
        }
        switch charge(slot, publish, topic, in: &context) {
        case .counted: break
        case .refused:
            context.counters.add(.publishesOverQuota)
            return .refused(.quotaExceeded)
        case .waits(let stock):
            if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
            park(slot, at: stock, in: &context)
            return .held
        }
        if context.quota.hasUplinks {
            if isTooLargeForStream(slot, payloadBytes: publish.payload.count, in: &context) {
                context.wire.end(slot, .packetTooLarge)
                return .held
            }
            return nil
        }
        let isUnheard =
            subscriptions.isEmpty && !publish.isRetained
            && context.wire[slot].settings.productSlot != nil
        return isUnheard ? .noSubscribers : nil
    }

    /// Counts a client's message. Of QoS 1, the same one that comes again with DUP is not counted again
    /// (rule C2), although it is handed on again ([MQTT-4.3.2-5]).
    @inline(__always)
    mutating func charge(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        _ topic: Span<UInt8>, in context: inout ShardContext
    ) -> ChargeVerdict {
        if context.quota.hasUncounted, isUncounted(topic, from: slot, in: &context) {
            return .counted
        }
        guard publish.qos == .atLeastOnce, let packetID = publish.packetID,
            context.wire[slot].settings.productSlot != nil
        else { return charge(slot, payloadBytes: publish.payload.count, in: &context) }
        let print = context.quota.published.fingerprint(topic, publish.payload, packetID: packetID)
        if publish.isDuplicate, context.quota.published.takeRepetition(print) { return .counted }
        let verdict = charge(slot, payloadBytes: publish.payload.count, in: &context)
        if case .counted = verdict { context.quota.published.insert(print) }
        return verdict
    }

    /// What a PUBLISH of the client's to `topic` is.
    @inline(__always)
    func use(of topic: Span<UInt8>, by slot: UInt32, in context: inout ShardContext)
        -> PublishTopicUse
    {
        if context.wire[slot].settings.productSlot != nil {
            let prefix = context.wire[slot].settings.topicPrefix.span
            return DeviceRights.use(of: topic, prefix: prefix)
        }
        guard
            case .application(let application) = context.wire[slot].settings
                .client
        else {
            return .notAllowed
        }
        return application.rights.allowsPublish(topic) ? .message : .notAllowed
    }

    // MARK: Answers

    /// Whether a PUBLISH of QoS 1 or 2 is not served, as too many before it wait for their acknowledgements
    /// ([MQTT-3.3.4-9]): a client of MQTT 5, which knows how many may, is ended; one of 3.1.1 can't be told, and is
    /// not read until there are fewer.
    @inline(__always)
    private mutating func stopsAtReceiveMaximum(
        _ slot: UInt32, in context: inout ShardContext
    ) -> Bool {
        !context.wire[slot].settings.unanswered.isEmpty
            && stopsAboveReceiveMaximum(slot, in: &context)
    }

    /// Answers a PUBLISH, when its turn has come and its outcome is known.
    @inline(__always)
    private mutating func acknowledge(
        _ slot: UInt32, _ entry: UnansweredPublishes.Entry, in context: inout ShardContext
    ) {
        guard entry.isDecided,
            context.wire[slot].settings.unanswered.isEmpty
        else { return context.wire[slot].settings.unanswered.append(entry) }
        answer(slot, entry, in: &context)
    }

    /// A message that a client has published has met its outcome on its device's home shard.
    mutating func decided(
        _ token: Token, _ packetID: UInt16, _ outcome: DownlinkOutcome,
        in context: inout ShardContext
    ) {
        guard context.wire.contains(token), context.wire[token.slot].phase == .open else {
            return
        }
        context.wire[token.slot].settings.unanswered.decide(packetID, outcome)
        answerDue(token, in: &context)
    }

    /// So many of the things that a client's PUBLISH waits for are done.
    mutating func confirmed(
        _ token: Token,
        _ packetID: UInt16,
        _ count: Int,
        _ confirmed: WriteOutcome, in context: inout ShardContext
    ) {
        guard context.wire.contains(token), context.wire[token.slot].phase == .open else {
            return
        }
        context.wire[token.slot].settings.unanswered.confirm(
            packetID, count: count, confirmed)
        answerDue(token, in: &context)
    }

    mutating func answerDue(_ token: Token, in context: inout ShardContext) {
        let slot = token.slot
        while context.wire[slot].phase == .open,
            let next = context.wire[slot].settings.unanswered.next()
        {
            answer(slot, next, in: &context)
        }
        // It may be held because there were too many.
        if context.wire[slot].holdsPacket, !pace.publishers.isEmpty { pace.mayGoOn = true }
        context.wire.flushLater(slot)
    }

    @inline(__always)
    private mutating func answer(
        _ slot: UInt32, _ entry: UnansweredPublishes.Entry, in context: inout ShardContext
    ) {
        if case .refused(let reason) = entry.verdict, reason.isOfStores,
            context.wire[slot].settings.version == .v3_1_1
        {
            // It can't be told but by silence: it will send the message again.
            return context.wire.end(slot, reason)
        }
        if entry.since == context.now.monotonic {
            context.answered.acknowledged &+= 1
        } else if !entry.isRepetition {
            context.answered.noteAcknowledged(since: entry.since)
        }
        if entry.isExactlyOnce {
            receivedExactlyOnce(slot, entry, in: &context)
        } else {
            acknowledgeOnce(slot, entry.packetID, entry.verdict, in: &context)
        }
    }

    @inline(__always)
    private mutating func acknowledgeOnce(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ verdict: PublishVerdict, in context: inout ShardContext
    ) {
        let version = context.wire[slot].settings.version
        guard verdict != .taken, version == .v5 else {
            // MQTT 3.1.1 has no way to refuse: acknowledged, and dropped (rule C4).
            return Puback.encode(
                packetID: packetID,
                version: version,
                into: &context.wire[slot].output
            )
        }
        acknowledgeWithReason(slot, packetID, verdict, in: &context)
    }

    /// To a client of MQTT 5.
    private func acknowledgeWithReason(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ verdict: PublishVerdict, in context: inout ShardContext
    ) {
        let text = context.wire.problemText(slot, verdict.text)
        Puback.encode(
            packetID: packetID,
            reason: verdict.reasonCode,
            version: .v5,
            into: &context.wire[slot].output
        ) { properties in
            if let text { properties.reasonString(text.utf8Span.span) }
        }
    }

    private mutating func receivedExactlyOnce(
        _ slot: UInt32, _ entry: UnansweredPublishes.Entry, in context: inout ShardContext
    ) {
        let packetID = entry.packetID
        let verdict = entry.verdict
        let version = context.wire[slot].settings.version
        let isRefused = version == .v5 && verdict.reasonCode.isFailure
        // A PUBREC with a failure ends the exchange ([MQTT-4.3.3-9]).
        let session = session(of: slot, in: &context)
        if isRefused {
            if sessions[slot: session].received.remove(packetID),
                let number = sessions[slot: session].stored?.number
            {
                sessionWrites.append(.complete(number, packetID: packetID))
            }
        } else if !entry.isRepetition {
            // Behind the PUBREC of the first copy, its PUBREL may have come already.
            _ = sessions[slot: session].received.insert(packetID)
        }
        guard verdict != .taken, version == .v5 else {
            return Pubrec.encode(
                packetID: packetID,
                version: version,
                into: &context.wire[slot].output
            )
        }
        let text = context.wire.problemText(slot, verdict.text)
        Pubrec.encode(
            packetID: packetID,
            reason: verdict.reasonCode,
            version: version,
            into: &context.wire[slot].output
        ) { properties in
            if let text { properties.reasonString(text.utf8Span.span) }
        }
    }
}

extension Reason {
    /// Whether a message was not kept where it has to be, and may be the next time.
    fileprivate var isOfStores: Bool { self == .notStored || self == .notUplinked }
}

extension Publish {
    /// Whether the payload is the UTF-8 that its Payload Format Indicator says (3.3.2.3.2).
    fileprivate var isPayloadAsIndicated: Bool {
        guard properties.payloadFormat == .utf8 else { return true }
        return UTF8Rules.isWellFormed(payload)
    }
}
