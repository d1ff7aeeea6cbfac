import Bytes
import Ledger
import MQTT
import Reactor
import Sessions

/// A SUBSCRIBE or UNSUBSCRIBE whose answer waits until every shard knows of it, and the disk.
struct PendingSubscribe {
    /// SUBACK or UNSUBACK.
    let answer: PacketType
    let confirmation: Confirmation
    let reasons: [ReasonCode]
    var outstanding: Int
}

// SUBSCRIBE and UNSUBSCRIBE. A device's filters lie on its own connection, as only its home shard
// gets messages for it; an application's are in the tree of every shard.
extension Broker {
    mutating func serveSubscribe(
        _ slot: UInt32, _ subscribe: borrowing Subscribe, in context: inout ShardContext
    ) {
        guard
            context.wire[slot].settings.takesAnswer(reasonCodes: subscribe.count)
        else { return context.wire.end(slot, .packetTooLarge) }
        let identifier = subscribe.properties.subscriptionIdentifier
        let askedAt = context.commons.retained.lastWrite
        var reasons: [ReasonCode] = []
        var granted: [StoredSubscription] = []
        var retained: [StoredSubscription] = []
        var iterator = subscribe.subscriptions
        while let wanted = iterator.next() {
            let own = ownFilter(wanted.filter.text, of: slot, isAsked: true, in: &context)
            let filter = own ?? wanted.filter.text.bytesArray
            if let refusal = refusal(
                slot, TopicFilter(unchecked: filter.span), isOwn: own != nil, in: &context)
            {
                reasons.append(refusal.reasonCode)
                continue
            }
            let subscription = StoredSubscription(
                filter: filter,
                options: wanted.options,
                identifier: identifier
            )
            let isNew = remember(slot, subscription, in: &context)
            // Named twice: the earlier one has just been replaced.
            granted.removeAll { $0.filter == subscription.filter }
            if subscription.wantsRetained(isNew: isNew) {
                retained.removeAll { $0.filter == subscription.filter }
                retained.append(subscription)
            }
            granted.append(subscription)
            reasons.append(.granted(wanted.options.qos))
        }
        announce(
            slot, granted, retained: retained, at: askedAt, answering: subscribe.packetID, reasons,
            in: &context)
    }

    /// How many filters the client may have: a device's limits may say less than the gateway's.
    private func subscriptionLimit(_ slot: UInt32, in context: inout ShardContext) -> Int {
        let most = context.commons.limits.subscriptions
        guard context.limitsPublishes, context.wire[slot].isLimited,
            let own = context.wire[slot].limiter.limits?.subscriptions
        else { return most }
        return min(most, Int(own))
    }

    private func refusal(
        _ slot: UInt32, _ filter: borrowing TopicFilter, isOwn: Bool,
        in context: inout ShardContext
    ) -> Reason? {
        if filter.levelCount > context.commons.limits.topicLevels { return .topicFilterInvalid }
        let session = session(of: slot, in: &context)
        if sessions[slot: session].subscriptions.count >= subscriptionLimit(slot, in: &context),
            !sessions[slot: session].isSubscribed(to: filter.text)
        {
            return .quotaExceeded
        }
        let isAllowed =
            switch context.wire[slot].settings.client {
            case .device:
                DeviceRights.allowsSubscribe(
                    filter.text,
                    prefix: context.wire[slot].settings.topicPrefix.span
                ) && (isOwn || !isOutOfUse(filter.text, of: slot, in: &context))
            case .application(let application):
                application.rights.allowsSubscribe(filter.filter)
            case .unknown: false
            }
        return isAllowed ? nil : .topicNotAllowed
    }

    /// Keeps a filter with its client; one that is there already is replaced ([MQTT-3.8.4-3]). Whether
    /// there was none.
    private mutating func remember(
        _ slot: UInt32,
        _ subscription: StoredSubscription, in context: inout ShardContext
    ) -> Bool {
        let session = session(of: slot, in: &context)
        let known = sessions[slot: session].subscriptions.firstIndex {
            $0.filter == subscription.filter
        }
        if let known {
            sessions[slot: session].subscriptions[known] = subscription
            if let token = sessions.token(ofSlot: session) { updateRetained(token, subscription) }
        } else {
            sessions[slot: session].subscriptions.append(subscription)
        }
        return known == nil
    }

    /// Brings an application's filters to all shards, and a stored session's to disk, and answers when
    /// they are there. What is retained follows.
    private mutating func announce(
        _ slot: UInt32,
        _ granted: [StoredSubscription],
        retained: [StoredSubscription],
        at askedAt: UInt64,
        answering packetID: UInt16,
        _ reasons: [ReasonCode], in context: inout ShardContext
    ) {
        guard !granted.isEmpty, let token = context.wire.token(of: slot),
            let session = context.wire[slot].session
        else { return suback(slot, packetID, reasons, in: &context) }
        let confirmation = Confirmation(shard: context.index, token: token, packetID: packetID)
        let isStored = sessions[slot: session.slot].stored != nil
        var outstanding = 0
        if case .application = context.wire[slot].settings.client {
            outstanding += spread(
                granted, of: session, isStored: isStored, confirmation, in: &context)
        }
        if isStored {
            store(session.slot, then: .subscribed(confirmation), in: &context)
            outstanding += 1
        }
        guard outstanding > 0 else {
            suback(slot, packetID, reasons, in: &context)
            return handOutRetained(session, retained, at: askedAt, in: &context)
        }
        askForRetained(session, retained, at: askedAt, .announced(confirmation))
        confirmations.append(
            PendingSubscribe(
                answer: .suback,
                confirmation: confirmation,
                reasons: reasons,
                outstanding: outstanding
            )
        )
    }

    /// Puts filters into the trees of all shards, of all nodes; the others confirm the last of them. Answers how many
    /// will.
    mutating func spread(
        _ granted: [StoredSubscription],
        of session: Token,
        isStored: Bool,
        isConnected: Bool = true,
        _ confirmation: Confirmation?, in context: inout ShardContext
    ) -> Int {
        var count = context.outgoing.count - 1
        for (position, subscription) in granted.enumerated() {
            let subscriber = Subscriber(
                subscription, shard: context.index, token: session, isStored: isStored)
            subscriptions.insert(
                subscriber, filter: subscription.filter.span, isConnected: isConnected)
            let isLast = position == granted.count - 1
            if !context.peers.isAlone {
                own.insert(
                    subscriber, filter: subscription.filter.span, isConnected: isConnected)
                let known = announceFilter(
                    subscription.filter, confirming: isLast ? confirmation : nil, in: &context)
                if isLast { count += known }
            }
            for shard in context.outgoing.indices where shard != context.index {
                context.outgoing[shard].append(
                    .subscribe(
                        filter: subscription.filter,
                        subscriber,
                        confirmation: isLast ? confirmation : nil
                    )
                )
            }
        }
        return count
    }

    /// Another shard, or the disk, has the filters of a SUBSCRIBE, or no longer those of an UNSUBSCRIBE.
    mutating func confirmed(_ confirmation: Confirmation, in context: inout ShardContext) {
        guard let known = confirmations.firstIndex(where: { $0.confirmation == confirmation })
        else { return }
        confirmations[known].outstanding -= 1
        guard confirmations[known].outstanding == 0 else { return }
        let pending = confirmations.remove(at: known)
        guard context.wire.contains(confirmation.token) else { return }
        let slot = confirmation.token.slot
        if pending.answer == .suback {
            suback(slot, confirmation.packetID, pending.reasons, in: &context)
        } else {
            unsuback(slot, confirmation.packetID, pending.reasons, in: &context)
        }
        if let session = context.wire[slot].session {
            handOutRetained(session, announced: confirmation, in: &context)
        }
        context.wire.flushLater(slot)
    }

    private mutating func suback(
        _ slot: UInt32, _ packetID: UInt16, _ reasons: [ReasonCode], in context: inout ShardContext
    ) {
        guard context.wire[slot].phase == .open else { return }
        // MQTT 3.1 has no code for a refusal: what is refused is granted QoS 0, and nothing comes by it.
        let told =
            context.wire[slot].settings.isMQTT31
            ? reasons.map { $0.isFailure ? .success : $0 } : reasons
        Suback.encode(
            packetID: packetID,
            reasons: told.span,
            version: context.wire[slot].settings.version,
            into: &context.wire[slot].output
        )
        tellOwedNotice(slot, in: &context)
        tellDesiredIfKnown(slot, in: &context)
        tellOfOffer(slot, in: &context)
    }

    /// Answers when no shard has the filters any more: nothing that they match comes behind the UNSUBACK
    /// ([MQTT-3.10.4-2]).
    mutating func serveUnsubscribe(
        _ slot: UInt32, _ unsubscribe: borrowing Unsubscribe, in context: inout ShardContext
    ) {
        guard
            context.wire[slot].settings.takesAnswer(
                reasonCodes: unsubscribe.count)
        else { return context.wire.end(slot, .packetTooLarge) }
        let session = session(of: slot, in: &context)
        var reasons: [ReasonCode] = []
        var removed: [StoredSubscription] = []
        var iterator = unsubscribe.filters
        while let filter = iterator.next() {
            let text =
                ownFilter(filter.text, of: slot, isAsked: false, in: &context)
                ?? filter.text.bytesArray
            let known = sessions[slot: session].subscriptions.firstIndex { $0.filter == text }
            if let known {
                removed.append(sessions[slot: session].subscriptions.remove(at: known))
                if let token = sessions.token(ofSlot: session) { forgetRetained(token, text) }
                reasons.append(.success)
            } else {
                reasons.append(.noSubscriptionExisted)
            }
        }
        guard !removed.isEmpty, let token = context.wire.token(of: slot) else {
            return unsuback(slot, unsubscribe.packetID, reasons, in: &context)
        }
        let confirmation = Confirmation(
            shard: context.index, token: token, packetID: unsubscribe.packetID)
        var outstanding = 0
        for (position, subscription) in removed.enumerated() {
            let isLast = position == removed.count - 1
            outstanding += withdraw(
                session, subscription, confirmation: isLast ? confirmation : nil,
                elsewhere: confirmation, in: &context)
        }
        if case .application = context.wire[slot].settings.client {
            outstanding += context.outgoing.count - 1
        }
        if sessions[slot: session].stored != nil {
            store(session, then: .subscribed(confirmation), in: &context)
            outstanding += 1
        }
        guard outstanding > 0 else {
            return unsuback(slot, unsubscribe.packetID, reasons, in: &context)
        }
        confirmations.append(
            PendingSubscribe(
                answer: .unsuback,
                confirmation: confirmation,
                reasons: reasons,
                outstanding: outstanding
            )
        )
    }

    private mutating func unsuback(
        _ slot: UInt32, _ packetID: UInt16, _ reasons: [ReasonCode], in context: inout ShardContext
    ) {
        guard context.wire[slot].phase == .open else { return }
        Unsuback.encode(
            packetID: packetID,
            reasons: reasons.span,
            version: context.wire[slot].settings.version,
            into: &context.wire[slot].output
        )
    }

    /// Takes an application's filter out of every shard's tree; the others confirm it if that is asked for. Answers
    /// how many shards of other nodes will.
    @discardableResult
    mutating func withdraw(
        _ session: UInt32,
        _ subscription: StoredSubscription,
        confirmation: Confirmation? = nil,
        elsewhere: Confirmation? = nil, in context: inout ShardContext
    ) -> Int {
        guard case .application = sessions[slot: session].client,
            let token = sessions.token(ofSlot: session)
        else { return 0 }
        let address = SessionAddress(shard: context.index, token: token)
        subscriptions.remove(address, filter: subscription.filter.span)
        for shard in context.outgoing.indices where shard != context.index {
            context.outgoing[shard].append(
                .unsubscribe(
                    filter: subscription.filter, address, confirmation: confirmation))
        }
        return withdrawFilter(
            address, subscription.filter, confirming: elsewhere, in: &context)
    }

    /// Tells all shards whether the client of a session with shared subscriptions is there: those who
    /// are get its messages first.
    mutating func tellConnected(
        _ session: UInt32, _ isConnected: Bool, in context: inout ShardContext
    ) {
        guard case .application = sessions[slot: session].client,
            sessions[slot: session].subscriptions.contains(where: \.isShared),
            let token = sessions.token(ofSlot: session)
        else { return }
        let address = SessionAddress(shard: context.index, token: token)
        subscriptions.setConnected(address, isConnected)
        for shard in context.outgoing.indices where shard != context.index {
            context.outgoing[shard].append(.connected(address, isConnected))
        }
        guard !context.peers.isAlone else { return }
        own.setConnected(address, isConnected)
        for subscription in sessions[slot: session].subscriptions where subscription.isShared {
            tellShareConnected(subscription.filter, in: &context)
        }
    }
}

extension StoredSubscription {
    /// Whether it is one of a share (4.8.2).
    var isShared: Bool { TopicFilter(unchecked: filter.span).isShared }

    /// Whether a SUBSCRIBE for it gets what is retained ([MQTT-3.3.1-9] to [MQTT-3.3.1-11]); one of a
    /// share never does (4.8.2).
    func wantsRetained(isNew: Bool) -> Bool {
        switch options.retainHandling {
        case .sendAtSubscribe: !isShared
        case .sendIfNew: isNew && !isShared
        case .doNotSend: false
        }
    }
}

extension Subscriber {
    init(_ subscription: StoredSubscription, shard: Int, token: Token, isStored: Bool) {
        self.init(
            shard: shard,
            token: token,
            qos: subscription.options.qos,
            noLocal: subscription.options.noLocal,
            retainAsPublished: subscription.options.retainAsPublished,
            isStored: isStored,
            identifier: subscription.identifier ?? 0
        )
    }
}
