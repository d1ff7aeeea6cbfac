import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions

// From a client's message to all who get it, on this shard and on others.
extension Shard {
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
        let awaited = awaited(slot, packetID)
        if message.isRetained, let connection = connections.token(ofSlot: slot) {
            let sender = packetID.map {
                DownlinkSender.confirmation(shard: index, connection, packetID: $0)
            }
            if retain(message, for: sender ?? .nobody, sharing: &shared) { confirmationsDue += 1 }
        }
        guard case .application = connections[slot: slot].agreement.client else {
            let isHeard =
                !subscriptions.isEmpty
                && deliverToApplications(message, from: publisher, for: awaited, sharing: &shared)
            return isHeard ? .taken : .unheard
        }
        let sender = sender(slot, packetID)
        return routeFromApplication(
            message, from: publisher, for: sender, awaited, sharing: &shared)
    }

    /// Hands a message of an application, or of anybody on a listener without authentication, to who
    /// subscribed, and to the device that its topic names.
    mutating func routeFromApplication(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        for sender: DownlinkSender,
        _ awaited: DownlinkSender = .nobody,
        sharing shared: inout Message?
    ) -> PublishVerdict {
        var isHeard = false
        if !subscriptions.isEmpty {
            isHeard = deliverToApplications(
                message, from: publisher, for: awaited, sharing: &shared)
        }
        guard let address = DeviceTopic(message.topic), address.branch == .down else {
            return isHeard ? .taken : .unheard
        }
        let fate = sendDown(message, to: address.identity, for: sender, sharing: &shared)
        if let fate { return PublishVerdict(fate, isHeard: isHeard) }
        switch sender {
        case .client: return .undecided(isHeard: isHeard)
        case .gatheringFate:
            gatheringDue += 1
            return .undecided(isHeard: isHeard)
        case .nobody, .confirmation, .gathering, .question: return .taken
        }
    }

    /// Who is told of the fate of a message that the client publishes.
    private func sender(_ slot: UInt32, _ packetID: UInt16?) -> DownlinkSender {
        guard let packetID, let token = connections.token(ofSlot: slot) else { return .nobody }
        return isGathering
            ? .gatheringFate(shard: index, token, packetID: packetID)
            : .client(shard: index, token, packetID: packetID)
    }

    /// Who is told when a message that the client publishes is on disk.
    private func awaited(_ slot: UInt32, _ packetID: UInt16?) -> DownlinkSender {
        guard let packetID, let token = connections.token(ofSlot: slot) else { return .nobody }
        return isGathering
            ? .gathering(shard: index, token, packetID: packetID)
            : .confirmation(shard: index, token, packetID: packetID)
    }

    /// Hands a message to the applications that subscribed to its topic; whether there was one.
    /// `sender` is told once for each that is written to disk; `confirmationsDue` counts these.
    @discardableResult
    mutating func deliverToApplications(
        _ message: borrowing OutboundMessage,
        from publisher: Token?,
        for sender: DownlinkSender = .nobody,
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
                beginFanOut(end - start)
                for receiver in receivers[start..<end] {
                    let terms = terms(of: receiver, in: found, message)
                    deliver(receiver, message, terms, for: sender, sharing: &shared)
                }
                isFanningOut = false
            } else {
                var deliveries: [Delivery] = []
                deliveries.reserveCapacity(end - start)
                for receiver in receivers[start..<end] {
                    let terms = terms(of: receiver, in: found, message)
                    let isStored = receiver.isStored && terms.qos > .atMostOnce
                    deliveries.append(
                        Delivery(token: receiver.token, terms: terms, isStored: isStored))
                    if isStored { noteWriting(shard, for: sender) }
                }
                outgoing[shard].append(
                    .deliver(Self.shared(message, &shared), to: deliveries, for: sender))
            }
            start = end
        }
        return !receivers.isEmpty
    }

    /// The next message is delivered to so many: more than one share its encoding.
    mutating func beginFanOut(_ count: Int) {
        isFanningOut = count > 1
        if isFanningOut { fanOut.begin() }
    }

    /// To a receiver on this shard.
    private mutating func deliver(
        _ receiver: Receiver,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) {
        let fate = deliver(receiver.token, message, terms, for: sender, sharing: &shared)
        if fate == nil {
            noteWriting(index, for: sender)
        } else if fate == .notConnected, terms.sharedFilter != nil {
            let earlier = SessionAddress(shard: index, token: receiver.token)
            passOn(Self.shared(message, &shared), terms, from: earlier)
        }
    }

    /// A shard writes the message that is being published, and `sender` waits for it.
    private mutating func noteWriting(_ shard: Int, for sender: DownlinkSender) {
        switch sender {
        case .confirmation: confirmationsDue += 1
        case .gathering: if shard != index { gatheringDue += 1 }
        case .nobody, .client, .gatheringFate, .question: break
        }
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
