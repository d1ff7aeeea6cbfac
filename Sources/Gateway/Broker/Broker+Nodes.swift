import Bytes
import Ledger
import MQTT
import Reactor
import Sessions
import Storage

// Applications' filters and messages between the nodes of a cluster.
//
// To another node, a shard is one subscriber: it wants what some session of its own wants, and finds out itself who
// gets a message. So nodes hold each filter once for each shard, however many sessions have it.
extension Broker {
    // MARK: Filters of this shard

    /// Tells all shards of all nodes that a session of this one wants what matches the filter. Answers how many will
    /// confirm it.
    mutating func announceFilter(
        _ filter: [UInt8], confirming confirmation: Confirmation?, in context: inout ShardContext
    ) -> Int {
        let hasConnected = own.hasConnected(filter.span)
        let now = context.now.books
        var count = 0
        for node in context.peers.reachable {
            for shard in 0..<context.peers.shards(of: node) {
                let request = context.peers.request(node, for: .filter(confirmation))
                context.peers.send(
                    .subscribe(filter: filter, hasConnected: hasConnected, request), to: node,
                    shard: shard, at: now)
                count += 1
            }
        }
        return count
    }

    /// Takes a session's filter out of what is this shard's own; when no other session of it has the filter, all nodes
    /// are told. Answers how many will confirm it.
    mutating func withdrawFilter(
        _ session: SessionAddress,
        _ filter: [UInt8],
        confirming confirmation: Confirmation?, in context: inout ShardContext
    ) -> Int {
        guard !context.peers.isAlone else { return 0 }
        own.remove(session, filter: filter.span)
        if own.contains(filter.span) {
            tellShareConnected(filter, in: &context)
            return 0
        }
        let now = context.now.books
        var count = 0
        for node in context.peers.reachable {
            for shard in 0..<context.peers.shards(of: node) {
                let request = context.peers.request(node, for: .filter(confirmation))
                context.peers.send(
                    .unsubscribe(filter: filter, request), to: node, shard: shard, at: now)
                count += 1
            }
        }
        return count
    }

    /// A node has come: it hears of every filter of this shard.
    mutating func announceFilters(to node: UInt8, in context: inout ShardContext) {
        var told: Set<[UInt8]> = []
        var next = sessions.occupiedSlot(from: 0)
        while let session = next {
            next = sessions.occupiedSlot(from: session + 1)
            guard case .application = sessions[slot: session].client else { continue }
            for subscription in sessions[slot: session].subscriptions
            where told.insert(subscription.filter).inserted {
                let hasConnected = own.hasConnected(subscription.filter.span)
                for shard in 0..<context.peers.shards(of: node) {
                    let request = context.peers.request(node, for: .filter(nil))
                    context.peers.send(
                        .subscribe(
                            filter: subscription.filter, hasConnected: hasConnected, request),
                        to: node, shard: shard, at: context.now.books)
                }
            }
        }
    }

    /// A member of a share has come or gone: nodes prefer shards where one is connected.
    mutating func tellShareConnected(_ filter: [UInt8], in context: inout ShardContext) {
        guard TopicFilter(unchecked: filter.span).isShared else { return }
        let hasConnected = own.hasConnected(filter.span)
        context.peers.sendToAll(at: context.now.books) { _ in
            .connected(share: filter, hasConnected)
        }
    }

    // MARK: Filters of other nodes

    mutating func subscribeElsewhere(
        _ filter: [UInt8], hasConnected: Bool, _ target: NodeMail.Target
    ) {
        let address = SessionAddress(node: target.node, shard: target.shard)
        let subscriber = Subscriber(elsewhere: address)
        subscriptions.insert(subscriber, filter: filter.span, isConnected: hasConnected)
        filtersElsewhere[address, default: []].insert(filter)
    }

    mutating func unsubscribeElsewhere(_ filter: [UInt8], _ target: NodeMail.Target) {
        let address = SessionAddress(node: target.node, shard: target.shard)
        subscriptions.remove(address, filter: filter.span)
        filtersElsewhere[address]?.remove(filter)
    }

    /// Members of a share of another node's shard have a connection, or none has.
    mutating func noteShareConnected(
        _ share: [UInt8], _ isConnected: Bool, _ target: NodeMail.Target
    ) {
        let address = SessionAddress(node: target.node, shard: target.shard)
        guard filtersElsewhere[address]?.contains(share) == true else { return }
        subscriptions.insert(
            Subscriber(elsewhere: address), filter: share.span, isConnected: isConnected)
    }

    /// A node can't be reached any more: nothing is sent to it.
    mutating func forgetFilters(of node: UInt8) {
        for (address, filters) in filtersElsewhere
        where SessionAddress.node(of: address.shard) == node {
            for filter in filters { subscriptions.remove(address, filter: filter.span) }
            filtersElsewhere[address] = nil
        }
    }

    // MARK: Messages to other nodes

    /// Sends a message to a shard of another node that has receivers for it. `publication` waits for as many answers
    /// as there are.
    mutating func deliverElsewhere(
        _ message: borrowing OutboundMessage,
        to receivers: ArraySlice<Receiver>,
        for sender: DownlinkSender,
        sharing shared: inout Message?,
        in publication: inout Publication,
        _ context: inout ShardContext
    ) {
        guard let shard = receivers.first?.shard else { return }
        let delivery = NodeDelivery(
            isRetained: message.isRetained,
            isForSubscribers: receivers.contains { !$0.isShared },
            shares: receivers.compactMap { subscriptions.share(of: $0) })
        let isAwaited = message.qos > .atMostOnce && sender.isAwaiting
        if isAwaited { publication.noteWrite(elsewhereFor: sender) }
        send(
            Self.shared(message, &shared), delivery, toShard: shard,
            for: isAwaited ? sender : nil, in: &context)
    }

    /// The same for a member of a share that another one has left a message to.
    mutating func passElsewhere(
        _ message: Message, share: [UInt8], isRetained: Bool, to member: Subscriber,
        in context: inout ShardContext
    ) {
        let delivery = NodeDelivery(
            isRetained: isRetained, isForSubscribers: false, shares: [share])
        send(message, delivery, toShard: member.shard, for: nil, in: &context)
    }

    private mutating func send(
        _ message: Message,
        _ delivery: NodeDelivery,
        toShard shard: Int,
        for sender: DownlinkSender?, in context: inout ShardContext
    ) {
        let node = SessionAddress.node(of: shard)
        let request = sender.map { context.peers.request(node, for: .delivery($0)) }
        context.peers.send(
            .deliver(message, delivery, request), to: node,
            shard: SessionAddress.peerShard(of: shard), at: context.now.books)
    }

    /// A node has taken a message, or could not; or it can't be reached, and no one knows.
    mutating func deliveredElsewhere(
        _ sender: DownlinkSender, isTaken: Bool, in context: inout ShardContext
    ) {
        switch sender {
        case .gathering(_, let token, let packetID):
            gathered(token, packetID, isTaken ? .nothing : .lost, in: &context)
        case .nobody, .client, .confirmation, .gatheringOutcome, .question, .node:
            tell(sender, isTaken ? .queued : .notStored, in: &context)
        }
    }

    // MARK: Messages of other nodes

    /// A message for sessions of this shard. Its node is answered when all that keep it have it on disk.
    mutating func receive(
        _ message: Message,
        _ delivery: NodeDelivery,
        _ request: NodeRequest?,
        from target: NodeMail.Target, in context: inout ShardContext
    ) {
        let served = request.map { context.peers.begin($0, of: target) }
        let sender = served.map { DownlinkSender.node($0) } ?? .nobody
        var shared: Message? = message
        message.withOutbound(isRetained: delivery.isRetained) { outbound in
            var found = Matches()
            swap(&found, &matches)
            defer { swap(&found, &matches) }
            own.collect(
                outbound.topic, isForSubscribers: delivery.isForSubscribers,
                shares: delivery.shares, into: &found)
            beginFanOut(found.receivers.count)
            for receiver in found.receivers {
                let terms = terms(of: receiver, in: found, outbound, among: own)
                let outcome = deliver(
                    receiver.token, outbound, terms, for: sender, sharing: &shared, in: &context)
                if case .pending = outcome, let served { context.peers.delay(served) }
                if case .decided(.notConnected) = outcome, terms.sharedFilter != nil {
                    let earlier = SessionAddress(shard: context.index, token: receiver.token)
                    passOn(message, terms, from: earlier, in: &context)
                }
            }
            isFanningOut = false
        }
        if let served { context.peers.conclude(served, at: context.now.books) }
    }
}

extension DownlinkSender {
    /// Whether what becomes of the message is waited for.
    var isAwaiting: Bool {
        switch self {
        case .nobody: false
        case .client, .confirmation, .gathering, .gatheringOutcome, .question, .node: true
        }
    }
}
