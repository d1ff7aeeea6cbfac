import Bytes
import MQTT
import Reactor
import Sessions

/// Applications whose queues are full although they read, and the publishers that wait for them.
///
/// What is published at QoS 1 or 2 to such a client is not dropped: those who publish to it are read from no
/// more until half of its queue is free. Wills, and what was on its way when that began, are put into the
/// queue beyond its limit: each was in memory already. A client that acknowledges nothing for a while does
/// not read: it loses what is above its limit, and nobody waits for it. Nor for one that is so slow that the
/// publishers would give up. Shares choose their other members first.
struct Pace {
    /// A session of this shard whose queue is full.
    struct Crowded {
        let session: Token
        let sinceTick: UInt64

        /// When it last acknowledged something, in ticks, and how many were done with then.
        var movedTick: UInt64
        var doneCount: UInt64

        /// It does not read.
        var isStalled = false
    }

    var crowded: [Crowded] = []

    /// Sessions of all shards that publishers wait for.
    var awaited: Set<SessionAddress> = []

    /// The same on other nodes, with their filters.
    var awaitedElsewhere: [CrowdedElsewhere: [[UInt8]]] = [:]

    /// Connections whose next packet waits, in the order in which they are served: for those sessions, or until fewer
    /// of their own messages are unanswered.
    var publishers: [Token] = []

    /// A session need not be waited for any more: publishers are served again.
    var mayGoOn = false

    /// Nothing is full, and nobody waits.
    var isIdle: Bool {
        crowded.isEmpty && awaited.isEmpty && awaitedElsewhere.isEmpty && publishers.isEmpty
    }

    /// How long a client may acknowledge nothing, and still be one that reads.
    static var patienceMilliseconds: Int64 { 3_000 }

    /// How long publishers wait for one client's queue: less than their keep-alives.
    static var waitMilliseconds: Int64 { 30_000 }

    /// How often it is looked at.
    static var lookMilliseconds: Int64 { 64 }
}

/// A session of another node whose queue is full.
struct CrowdedElsewhere: Hashable {
    let target: NodeMail.Target

    /// Its token there.
    let session: UInt64
}

// Publishers and their receivers: bounded by pace, not by loss.
extension Broker {
    // MARK: Receivers

    /// The queue of a connected session is full: whether it takes one more message nevertheless, and those
    /// who publish to it wait. Devices' senders are told instead (rule C10).
    mutating func takesBeyondLimit(_ token: Token, in context: inout ShardContext) -> Bool {
        guard case .application = sessions[slot: token.slot].client,
            openConnection(of: token.slot, in: &context) != nil
        else { return false }
        if let known = pace.crowded.firstIndex(where: { $0.session == token }) {
            return !pace.crowded[known].isStalled
        }
        pace.crowded.append(
            Pace.Crowded(
                session: token,
                sinceTick: context.now.tick,
                movedTick: context.now.tick,
                doneCount: sessions[slot: token.slot].queue.doneTotal
            )
        )
        announceCrowded(token, true, in: &context)
        return true
    }

    /// What a queue takes beyond its limit: of each connection a will, or what was under way.
    static func limitsBeyond(_ limits: QueueLimits, in context: borrowing ShardContext)
        -> QueueLimits
    {
        QueueLimits(
            messages: limits.messages + context.commons.limits.connectionsPerShard
                * context.outgoing.count,
            bytes: limits.bytes + (256 << 20)
        )
    }

    private mutating func announceCrowded(
        _ token: Token, _ isCrowded: Bool, in context: inout ShardContext
    ) {
        let session = SessionAddress(shard: context.index, token: token)
        noteCrowded(session, isCrowded)
        context.tellOthers(.crowded(session, isCrowded))
        guard !context.peers.isAlone else { return }
        let filters = isCrowded ? filtersOfItsOwn(token) : []
        context.peers.sendToAll(at: context.now.books) { _ in
            .crowded(token.rawValue, filters: filters)
        }
    }

    /// Of shares, other members are chosen.
    private func filtersOfItsOwn(_ token: Token) -> [[UInt8]] {
        sessions[slot: token.slot].subscriptions.filter { !$0.isShared }.map(\.filter)
    }

    /// A node has come: it hears whom its publishers are to wait for.
    mutating func announceCrowded(to node: UInt8, in context: inout ShardContext) {
        for crowded in pace.crowded
        where !crowded.isStalled && sessions.contains(crowded.session) {
            let filters = filtersOfItsOwn(crowded.session)
            for shard in 0..<context.peers.shards(of: node) {
                context.peers.send(
                    .crowded(crowded.session.rawValue, filters: filters), to: node, shard: shard,
                    at: context.now.books)
            }
        }
    }

    /// Publishers are to wait for a session of another node, or, when it has no filters, need not any more.
    mutating func noteCrowded(
        _ session: UInt64, _ filters: [[UInt8]], on target: NodeMail.Target
    ) {
        let key = CrowdedElsewhere(target: target, session: session)
        pace.awaitedElsewhere[key] = filters.isEmpty ? nil : filters
        if filters.isEmpty { pace.mayGoOn = true }
    }

    /// A node can't be reached any more.
    mutating func loseCrowded(of node: UInt8) {
        for key in pace.awaitedElsewhere.keys where key.target.node == node {
            pace.awaitedElsewhere[key] = nil
            pace.mayGoOn = true
        }
    }

    /// Publishers are to wait for a session, or need not any more.
    mutating func noteCrowded(_ session: SessionAddress, _ isCrowded: Bool) {
        if isCrowded {
            pace.awaited.insert(session)
            subscriptions.setConnected(session, false)
        } else {
            pace.awaited.remove(session)
            pace.mayGoOn = true
        }
    }

    /// Looks at the sessions whose queues are full: who has room again, and who does not read.
    mutating func lookAtCrowded(in context: inout ShardContext) {
        guard !pace.crowded.isEmpty else { return }
        let now = context.now.tick
        let patience = ShardTime.ticks(milliseconds: Pace.patienceMilliseconds)
        let wait = ShardTime.ticks(milliseconds: Pace.waitMilliseconds)
        for position in pace.crowded.indices.reversed() {
            let crowded = pace.crowded[position]
            guard isCrowded(crowded.session, in: &context) else {
                pace.crowded.remove(at: position)
                if !crowded.isStalled { announceCrowded(crowded.session, false, in: &context) }
                if sessions.contains(crowded.session),
                    openConnection(of: crowded.session.slot, in: &context) != nil
                {
                    tellConnected(crowded.session.slot, true, in: &context)
                }
                continue
            }
            guard !crowded.isStalled else { continue }
            let doneCount = sessions[slot: crowded.session.slot].queue.doneTotal
            if doneCount != crowded.doneCount {
                pace.crowded[position].doneCount = doneCount
                pace.crowded[position].movedTick = now
            }
            if now >= pace.crowded[position].movedTick + patience || now >= crowded.sinceTick + wait
            {
                pace.crowded[position].isStalled = true
                announceCrowded(crowded.session, false, in: &context)
            }
        }
    }

    /// Whether the client is there, and more than half of what its queue may have is in it.
    private func isCrowded(_ token: Token, in context: inout ShardContext) -> Bool {
        guard sessions.contains(token), openConnection(of: token.slot, in: &context) != nil else {
            return false
        }
        let limits = context.commons.queueLimits
        return sessions[slot: token.slot].queue.keptCount > limits.messages / 2
            || sessions[slot: token.slot].queue.keptBytes > limits.bytes / 2
    }

    // MARK: Publishers

    /// Whether a message would go to a session that publishers wait for. A client that has to acknowledge
    /// messages itself is not kept from it: it might be what is waited for.
    mutating func mustWait(
        _ slot: UInt32, _ topic: Span<UInt8>, _ qos: QoS, in context: inout ShardContext
    ) -> Bool {
        guard qos > .atMostOnce, !subscriptions.isEmpty,
            !(pace.awaited.isEmpty && pace.awaitedElsewhere.isEmpty),
            let own = context.wire[slot].session
        else { return false }
        if context.wire[slot].settings.productSlot == nil,
            sessions[slot: own.slot].queue.inFlightCount > 0
        {
            return false
        }
        for filters in pace.awaitedElsewhere.values
        where filters.contains(where: { TopicFilter.matches(filter: $0.span, topic: topic) }) {
            return true
        }
        var found = Matches()
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        let publisher = SessionAddress(shard: context.index, token: own)
        subscriptions.collect(topic, from: publisher, into: &found)
        return found.receivers.contains { receiver in
            receiver.qos > .atMostOnce && receiver.session != publisher
                && pace.awaited.contains(receiver.session)
        }
    }

    /// A PUBLISH stays unread, and all that is behind it.
    mutating func holdPublisher(_ slot: UInt32, in context: inout ShardContext) {
        guard let token = context.wire.token(of: slot) else { return }
        context.counters.add(.publishersHeld)
        context.wire[slot].holdsPacket = true
        pace.publishers.append(token)
    }

    /// Those who wait, if one that they wait for has room again: all of them are tried.
    mutating func takeWaitingPublishers() -> [Token] {
        guard pace.mayGoOn else { return [] }
        pace.mayGoOn = false
        var waiting: [Token] = []
        swap(&waiting, &pace.publishers)
        return waiting
    }

    /// Those who have waited in vain, in front of those who wait again after some of their messages.
    mutating func returnWaitingPublishers(_ publishers: [Token]) {
        pace.publishers.removeAll { publishers.contains($0) }
        pace.publishers.insert(contentsOf: publishers, at: 0)
    }

    /// Whether some session has no room, or a publisher waits.
    var mayHoldPublishers: Bool { !pace.isIdle }

    /// Whether the next packet of a connection waits for an application's queue.
    func holdsPublisher(_ connection: Token) -> Bool { pace.publishers.contains(connection) }

    /// When the sessions that are waited for are to be looked at again.
    var paceMilliseconds: Int64? {
        pace.crowded.isEmpty && pace.publishers.isEmpty ? nil : Pace.lookMilliseconds
    }
}
