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
        context.peers.reachable.reduce(0) { count, node in
            count + tell(node, of: filter, confirming: confirmation, in: &context)
        }
    }

    /// Tells all shards of a node. Answers how many there are.
    private func tell(
        _ node: UInt8,
        of filter: [UInt8],
        confirming confirmation: Confirmation?, in context: inout ShardContext
    ) -> Int {
        let hasConnected = own.hasConnected(filter.span)
        let isStored = own.hasStored(filter.span)
        let count = context.peers.shards(of: node)
        for shard in 0..<count {
            let request = context.peers.request(node, for: .filter(confirmation))
            context.peers.send(
                .subscribe(
                    filter: filter, hasConnected: hasConnected, isStored: isStored, request),
                to: node, shard: shard, at: context.now.books)
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
                _ = tell(node, of: subscription.filter, confirming: nil, in: &context)
            }
        }
        for away in Set(filtersElsewhere.keys.map { SessionAddress.node(of: $0.shard) }) {
            announceFilters(of: away, to: node, in: &context)
        }
        for shard in 0..<context.peers.shards(of: node) {
            context.peers.send(.filtersTold, to: node, shard: shard, at: context.now.books)
        }
    }

    /// Tells a node what stored sessions of one want that can't be reached: it may never have heard of that one. One
    /// shard does, for all.
    func announceFilters(of away: UInt8, to node: UInt8, in context: inout ShardContext) {
        guard context.index == 0, away != node, !context.peers.isReachable(away),
            let name = context.peers.name(of: away)
        else { return }
        let shards = UInt8(context.peers.lastShards(of: away))
        for address in addresses(on: away) {
            let shard = UInt8(SessionAddress.peerShard(of: address.shard))
            for filter in filtersElsewhere[address]?.stored ?? [] {
                for receiver in 0..<context.peers.shards(of: node) {
                    context.peers.send(
                        .away(name, shard: shard, shards: shards, filter: filter), to: node,
                        shard: receiver, at: context.now.books)
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

    /// Answers when the filter is where it belongs: one of a stored session also on the disk, where one shard puts it
    /// for all.
    mutating func subscribeElsewhere(
        _ filter: [UInt8],
        hasConnected: Bool,
        isStored: Bool,
        _ request: NodeRequest,
        _ target: NodeMail.Target, in context: inout ShardContext
    ) {
        let address = SessionAddress(target)
        subscriptions.insert(
            Subscriber(elsewhere: address), filter: filter.span, isConnected: hasConnected)
        let number = filtersElsewhere[address, default: FiltersElsewhere()].insert(
            filter, isStored: isStored, isKept: context.index == 0)
        if let number, let name = context.peers.name(of: target.node) {
            let change = ForwardChange.hold(
                name.text, shard: UInt8(target.shard), number: number, filter: filter,
                shardCount: UInt8(context.peers.shards(of: target.node)))
            return sessionWrites.append(.node(change), then: .held(request, target))
        }
        context.peers.send(
            .answer(request, .done), to: target.node, shard: target.shard, at: context.now.books)
    }

    mutating func unsubscribeElsewhere(
        _ filter: [UInt8], _ target: NodeMail.Target, in context: inout ShardContext
    ) {
        let address = SessionAddress(target)
        subscriptions.remove(address, filter: filter.span)
        guard let place = filtersElsewhere[address]?.remove(filter), let number = place.number,
            let name = context.peers.name(of: target.node)
        else { return }
        sessionWrites.append(
            .node(.drop(name.text, shard: UInt8(target.shard), number: number)))
    }

    /// A third node knows what stored sessions of one want that neither can reach: messages are kept for it. When it is
    /// back it says itself what it has, and what is not among that goes.
    mutating func learnFilter(
        _ filter: [UInt8], of name: NodeName, shard: UInt8, shards: UInt8,
        in context: inout ShardContext
    ) {
        guard let neighbours = context.commons.neighbours, !neighbours.isRemoved(name) else {
            return
        }
        let node = neighbours.number(of: name)
        guard node < Peers.unknown, !context.peers.isReachable(node) else { return }
        let known = context.peers.lastShards(of: node)
        context.peers.know(node, name, shards: known == 0 ? Int(shards) : nil)
        let address = SessionAddress(node: node, shard: Int(shard))
        let place = filtersElsewhere[address, default: FiltersElsewhere()].learn(
            filter, isKept: context.index == 0)
        guard let place else { return }
        subscriptions.insert(
            Subscriber(elsewhere: address), filter: filter.span, isConnected: false)
        guard let number = place.number else { return }
        sessionWrites.append(
            .node(
                .hold(name.text, shard: shard, number: number, filter: filter, shardCount: shards)))
    }

    /// Members of a share of another node's shard have a connection, or none has.
    mutating func noteShareConnected(
        _ share: [UInt8], _ isConnected: Bool, _ target: NodeMail.Target
    ) {
        let address = SessionAddress(target)
        guard filtersElsewhere[address]?[share] != nil else { return }
        subscriptions.insert(
            Subscriber(elsewhere: address), filter: share.span, isConnected: isConnected)
    }

    /// A node can't be reached any more: the filters of its stored sessions stay, and of their shares other members get
    /// the messages first.
    mutating func loseFilters(of node: UInt8) {
        for address in addresses(on: node) {
            for filter in filtersElsewhere[address]?.lose() ?? [] {
                subscriptions.remove(address, filter: filter.span)
            }
            subscriptions.setConnected(address, false)
        }
    }

    /// A shard of a node has said all that its sessions have: what was kept and is not among it goes.
    mutating func dropUntoldFilters(of target: NodeMail.Target, in context: inout ShardContext) {
        for filter in filtersElsewhere[SessionAddress(target)]?.untold ?? [] {
            unsubscribeElsewhere(filter, target, in: &context)
        }
        // Shards that the node has no more.
        for address in addresses(on: target.node) {
            let shard = SessionAddress.peerShard(of: address.shard)
            if shard >= context.peers.shards(of: target.node) {
                forget(NodeMail.Target(node: target.node, shard: shard), in: &context)
            }
        }
    }

    /// A node was removed from the cluster.
    mutating func forgetFilters(of node: UInt8, in context: inout ShardContext) {
        for address in addresses(on: node) {
            forget(
                NodeMail.Target(node: node, shard: SessionAddress.peerShard(of: address.shard)),
                in: &context)
        }
    }

    private mutating func forget(_ target: NodeMail.Target, in context: inout ShardContext) {
        let address = SessionAddress(target)
        for filter in filtersElsewhere[address]?.places.keys.map(\.self) ?? [] {
            unsubscribeElsewhere(filter, target, in: &context)
        }
        filtersElsewhere[address] = nil
    }

    private func addresses(on node: UInt8) -> [SessionAddress] {
        filtersElsewhere.keys.filter { SessionAddress.node(of: $0.shard) == node }.sorted()
    }

    /// Takes up what stored sessions of other nodes had subscribed to when an earlier process ended.
    mutating func loadFiltersElsewhere(in context: inout ShardContext) throws(StoreError) {
        guard let neighbours = context.commons.neighbours else { return }
        var all: [FilterElsewhere] = []
        try context.commons.sessions.forEachFilterElsewhere { all.append($0) }
        for known in all {
            guard let name = NodeName(known.node) else { continue }
            let node = neighbours.number(of: name)
            context.peers.know(node, name, shards: Int(known.shardCount))
            let address = SessionAddress(node: node, shard: Int(known.shard))
            subscriptions.insert(
                Subscriber(elsewhere: address), filter: known.filter.span, isConnected: false)
            filtersElsewhere[address, default: FiltersElsewhere()].takeUp(
                known.filter, number: known.number)
        }
    }

    // MARK: Messages to other nodes

    /// Sends a message to a shard of another node that has receivers for it. `publication` waits for as many answers
    /// as there are.
    mutating func deliverElsewhere(
        _ message: borrowing OutboundMessage,
        to receivers: ArraySlice<Receiver>,
        besides away: [UInt8],
        for sender: DownlinkSender,
        sharing shared: inout Message?,
        in publication: inout Publication,
        _ context: inout ShardContext
    ) {
        guard let shard = receivers.first?.shard else { return }
        let target = NodeMail.Target(
            node: SessionAddress.node(of: shard), shard: SessionAddress.peerShard(of: shard))
        let content = Forward(
            Self.shared(message, &shared),
            isRetained: message.isRetained,
            isForSubscribers: receivers.contains { !$0.isShared },
            shares: receivers.compactMap { subscriptions.share(of: $0) },
            besides: away.isEmpty ? [] : away.filter { $0 != target.node }, to: target,
            in: &context)
        if case .gathering = sender { return publication.commit.forwards.append((target, content)) }
        guard mustBeKept(content, for: target, in: &context) else {
            let isAwaited = message.qos > .atMostOnce && sender.isAwaiting
            if isAwaited { publication.noteWrite(elsewhereFor: sender) }
            return send(content, to: target, for: isAwaited ? sender : nil, in: &context)
        }
        if message.qos > .atMostOnce, forward(content, to: target, for: sender, in: &context) {
            publication.noteWrite(elsewhereFor: sender)
        }
    }

    /// Whether a message can't be sent to another node at once: the node can't be reached, or others that came before
    /// wait for that.
    private func mustBeKept(
        _ content: Forward, for target: NodeMail.Target, in context: inout ShardContext
    ) -> Bool {
        guard context.peers.isReachable(target.node) else { return true }
        return content.message.qos == .atLeastOnce && forwards.hasAtLeastOnce(to: target)
    }

    /// The same for a member of a share that another one has left a message to: kept in the commit that takes it from
    /// that.
    mutating func passElsewhere(
        _ message: Message, share: [UInt8], isRetained: Bool, to member: Subscriber,
        in context: inout ShardContext
    ) {
        let target = NodeMail.Target(
            node: SessionAddress.node(of: member.shard),
            shard: SessionAddress.peerShard(of: member.shard))
        let content = Forward(
            message, isRetained: isRetained, isForSubscribers: false, shares: [share], to: target,
            in: &context)
        if message.qos == .atMostOnce {
            send(content, to: target, for: nil, in: &context)
        } else {
            _ = forward(content, to: target, for: .nobody, in: &context)
        }
    }

    private mutating func send(
        _ content: Forward,
        to target: NodeMail.Target,
        for sender: DownlinkSender?, in context: inout ShardContext
    ) {
        let request = sender.map {
            context.peers.request(target.node, for: .delivery($0, content, target))
        }
        context.peers.send(
            .deliver(content.message, NodeDelivery(content), request), to: target.node,
            shard: target.shard, at: context.now.books)
    }

    /// A node can't be reached any more, and has not answered for a message: it is kept for it, and may come twice.
    mutating func deliveryLost(
        _ content: Forward,
        to target: NodeMail.Target,
        for sender: DownlinkSender, in context: inout ShardContext
    ) {
        if !forward(content, to: target, for: sender, in: &context) {
            tell(sender, .notStored, in: &context)
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
        handOut(message, delivery, served: served, in: &context)
        if let served { context.peers.conclude(served, at: context.now.books) }
    }

    /// To sessions of this shard; each that has to write it delays the answer.
    mutating func handOut(
        _ message: Message,
        _ delivery: NodeDelivery,
        served: UInt32?, in context: inout ShardContext
    ) {
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
                if delivery.excluded.contains(where: {
                    wasSession(receiver.token, of: $0, in: &context)
                }),
                    terms.sharedFilter == nil
                {
                    continue
                }
                if let inherited = delivery.inherited, terms.sharedFilter == nil,
                    !isHeir(receiver.token, of: inherited, in: &context)
                {
                    continue
                }
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
    }
}

extension SessionAddress {
    init(_ target: NodeMail.Target) { self.init(node: target.node, shard: target.shard) }
}

extension Forward {
    fileprivate init(
        _ message: Message,
        isRetained: Bool,
        isForSubscribers: Bool,
        shares: [[UInt8]],
        besides away: [UInt8] = [],
        to target: NodeMail.Target, in context: inout ShardContext
    ) {
        self.init(
            message, isRetained: isRetained, isForSubscribers: isForSubscribers, shares: shares,
            shard: UInt8(target.shard),
            shardCount: UInt8(context.peers.lastShards(of: target.node)),
            excluded: away.compactMap { context.peers.name(of: $0)?.text })
    }
}

extension DownlinkSender {
    /// Whether what becomes of the message is waited for.
    var isAwaiting: Bool {
        switch self {
        case .nobody: false
        case .client, .confirmation, .gathering, .gatheringOutcome, .child, .question, .node: true
        }
    }
}
