import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions

// From a client's message to all who get it, on this shard and on others.
extension Broker {
    /// Delivers a client's message to its subscribers, on this shard and on others.
    mutating func route(
        _ message: borrowing OutboundMessage,
        isDuplicate: Bool = false,
        from slot: UInt32,
        for answer: PublishAnswer, in context: inout ShardContext
    ) -> Publication {
        var shared: Message?
        let publisher = context.wire[slot].session
        let isAwaited =
            message.isRetained
            && retain(
                message, for: answer.confirmation(of: context.index), sharing: &shared, in: &context
            )
        var publication: Publication
        if case .application = context.wire[slot].settings.client {
            publication = routeFromApplication(
                message, from: publisher, for: answer, sharing: &shared, in: &context)
        } else if subscriptions.isEmpty {
            publication = Publication(.noSubscribers)
        } else {
            publication = deliverToApplications(
                message, from: publisher, for: answer.written(on: context.index), sharing: &shared,
                in: &context)
        }
        if isAwaited { publication.confirmations += 1 }
        if context.quota.hasUplinks {
            putIntoStream(
                message, isDuplicate: isDuplicate, from: slot, for: answer, sharing: &shared,
                &publication, in: &context)
        }
        return publication
    }

    /// Delivers a message of an application, or of anybody on a listener without authentication, to its
    /// subscribers, and to the device that its topic names.
    mutating func routeFromApplication(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        for answer: PublishAnswer,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> Publication {
        var publication = Publication(.noSubscribers)
        if !subscriptions.isEmpty {
            publication = deliverToApplications(
                message, from: publisher, for: answer.written(on: context.index), sharing: &shared,
                in: &context)
        }
        guard let address = DeviceTopic(message.topic), address.branch == .down else {
            return publication
        }
        let hasSubscribers = publication.verdict == .taken
        let sender = answer.outcome(on: context.index)
        switch sendDown(message, to: address.identity, for: sender, sharing: &shared, in: &context)
        {
        case .decided(let outcome):
            publication.verdict = PublishVerdict(outcome, hasSubscribers: hasSubscribers)
        case .gathered(let place, let message):
            publication.commit.writes.append((place, message))
            publication.verdict = PublishVerdict(.queued, hasSubscribers: hasSubscribers)
        case .pending:
            switch answer {
            case .nothing: publication.verdict = .taken
            case .acknowledgement: publication.verdict = .undecided(hasSubscribers: hasSubscribers)
            case .commit:
                publication.commit.answers += 1
                publication.verdict = .undecided(hasSubscribers: hasSubscribers)
            }
        }
        return publication
    }

    /// Delivers a message to the applications that subscribed to its topic. `sender` is told once for
    /// each session that has to write it; the publication counts these.
    mutating func deliverToApplications(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        for sender: DownlinkSender = .nobody,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> Publication {
        var found = Matches()
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        let publisher = publisher.map { SessionAddress(shard: context.index, token: $0) }
        subscriptions.collect(message.topic, from: publisher, into: &found)
        return distribute(message, to: found, for: sender, sharing: &shared, in: &context)
    }

    /// The same when the receivers have been found.
    mutating func distribute(
        _ message: borrowing OutboundMessage,
        to found: borrowing Matches,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> Publication {
        var publication = Publication(.noSubscribers)
        let receivers = found.receivers
        if !receivers.isEmpty { publication.verdict = .taken }
        let away = nodesAway(of: receivers, message, in: &context)
        // Those of one shard stand together.
        var start = 0
        while start < receivers.count {
            let shard = receivers[start].shard
            let end = receivers[start...].firstIndex { $0.shard != shard } ?? receivers.count
            if shard == context.index {
                deliverHere(
                    message, to: receivers[start..<end], in: found, besides: away, for: sender,
                    sharing: &shared, in: &publication, &context)
            } else if SessionAddress.isElsewhere(shard) {
                deliverElsewhere(
                    message, to: receivers[start..<end], besides: away, for: sender,
                    sharing: &shared, in: &publication, &context)
            } else {
                var deliveries: [Delivery] = []
                deliveries.reserveCapacity(end - start)
                for receiver in receivers[start..<end] {
                    let terms = terms(of: receiver, in: found, message)
                    let isStored = receiver.isStored && terms.qos > .atMostOnce
                    deliveries.append(
                        Delivery(
                            token: receiver.token, terms: terms, isStored: isStored, away: away))
                    if isStored { publication.noteWrite(elsewhereFor: sender) }
                }
                context.outgoing[shard].append(
                    .deliver(Self.shared(message, &shared), to: deliveries, for: sender))
            }
            start = end
        }
        return publication
    }

    /// To receivers on this shard.
    private mutating func deliverHere(
        _ message: borrowing OutboundMessage,
        to receivers: ArraySlice<Receiver>,
        in found: borrowing Matches,
        besides away: [UInt8],
        for sender: DownlinkSender,
        sharing shared: inout Message?,
        in publication: inout Publication,
        _ context: inout ShardContext
    ) {
        beginFanOut(receivers.count)
        for receiver in receivers
        where !isKept(for: receiver.token, isShared: receiver.isShared, away) {
            let terms = terms(of: receiver, in: found, message)
            let outcome = deliver(
                receiver, message, terms, for: sender, sharing: &shared, in: &context)
            publication.note(outcome, for: sender)
        }
        isFanningOut = false
    }

    /// The next message is delivered to so many: more than one share its encoding.
    mutating func beginFanOut(_ count: Int) {
        isFanningOut = count > 1
        if isFanningOut { fanOut.begin() }
    }

    /// To a receiver on this shard; when it has gone since it was chosen from a share, to another member.
    private mutating func deliver(
        _ receiver: Receiver,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let outcome = deliver(
            receiver.token, message, terms, for: sender, sharing: &shared, in: &context)
        if case .decided(.notConnected) = outcome, terms.sharedFilter != nil {
            let earlier = SessionAddress(shard: context.index, token: receiver.token)
            passOn(Self.shared(message, &shared), terms, from: earlier, in: &context)
        }
        return outcome
    }

    /// What a receiver's subscriptions make of a message.
    private func terms(
        of receiver: Receiver,
        in matches: borrowing Matches,
        _ message: borrowing OutboundMessage
    ) -> DeliveryTerms {
        terms(of: receiver, in: matches, message, among: subscriptions)
    }

    /// The same, found in that tree.
    func terms(
        of receiver: Receiver,
        in matches: borrowing Matches,
        _ message: borrowing OutboundMessage,
        among subscriptions: borrowing TopicTree
    ) -> DeliveryTerms {
        DeliveryTerms(
            qos: min(message.qos, receiver.qos),
            isRetained: message.isRetained && receiver.retainAsPublished,
            isBeingRetained: message.isRetained,
            subscriptionIdentifiers:
                receiver.hasIdentifiers ? Array(matches.identifiers(of: receiver)) : [],
            sharedFilter: subscriptions.share(of: receiver)
        )
    }

    /// A message to a device goes to its home shard, where its connection and its counter are.
    private mutating func sendDown(
        _ message: borrowing OutboundMessage,
        to device: DeviceIdentity,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let home = context.commons.homes.shard(of: device)
        if home == context.index {
            return deliverToDeviceAnywhere(
                device, message, for: sender, sharing: &shared, in: &context)
        }
        context.outgoing[home].append(
            .deliverToDevice(
                Self.shared(message, &shared), isRetained: message.isRetained, device, for: sender)
        )
        return .pending
    }

    /// One copy of the message for all who need it to outlive the packet.
    static func shared(_ message: borrowing OutboundMessage, _ shared: inout Message?) -> Message {
        if let shared { return shared }
        let made = Message(message)
        shared = made
        return made
    }
}
