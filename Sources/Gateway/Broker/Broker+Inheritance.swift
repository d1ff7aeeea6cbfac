import Ledger
import MQTT
import Reactor
import Sessions
import Storage

// Stored sessions of a node that is gone, which this one has a copy of: applications' are taken in at once, as their
// filters are needed; devices' one after the other, and sooner when they are wanted.
extension Broker {
    /// Sessions that are taken in in one turn.
    private static var inheritedAtOnce: Int { 32 }

    /// Takes up what is at home on this shard. Not sessions of clients that have later ones here.
    mutating func inherit(
        _ inheritance: Inheritance, in context: inout ShardContext
    ) -> [SessionName] {
        var found: [(name: SessionName, claim: UInt64)] = []
        do throws(StoreError) {
            try inheritance.store?.forEachClaim { name, claim throws(StoreError) in
                guard let client = Client(stored: name),
                    context.commons.homes.shard(of: client) == context.index,
                    context.places.claims[name].map({ $0 < claim }) ?? true
                else { return }
                found.append((name, claim))
            }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
        for (name, claim) in found {
            // What is here of it is older.
            if context.places.claims[name] != nil { dropSession(name, in: &context) }
            context.places.claims[name] = claim
        }
        noteTaken(by: inheritance, in: &context)
        inheritForwards(inheritance, in: &context)
        let names = found.map(\.name)
        context.places.inherited.begin(inheritance, names)
        for name in names where name.kind != .device { takeInInherited(name, in: &context) }
        return names
    }

    /// What the node had taken of other nodes' messages is in its sessions: should it come here, it is no new one.
    private mutating func noteTaken(by inheritance: Inheritance, in context: inout ShardContext) {
        do throws(StoreError) {
            for (origin, numbers) in try inheritance.store?.taken() ?? [:] {
                guard let name = NodeName(origin),
                    let node = name == context.commons.node
                        ? Peers.here : context.commons.neighbours?.number(of: name)
                else { continue }
                for number in numbers {
                    let key = ForwardTaking(node: node, number: number)
                    takings.insert(key)
                    sessionWrites.append(
                        .node(.take(origin, shard: UInt8(context.index), number)),
                        then: .took(key, .nobody))
                }
            }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
    }

    /// What the node had kept for others is kept here, under another number; they know it by the one that it had. What it
    /// had kept for this one is taken.
    private mutating func inheritForwards(
        _ inheritance: Inheritance, in context: inout ShardContext
    ) {
        let shards = context.commons.mailboxes.count
        var found: [(NodeName, ForwardNumber, Forward)] = []
        do throws(StoreError) {
            try inheritance.store?.forEachForward { text, number, content in
                guard Int(number.shard) % shards == context.index, let name = NodeName(text) else {
                    return
                }
                found.append((name, number, content))
            }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
        for (name, number, before) in found {
            let content = before.kept(after: inheritance.node.text, number)
            if name == context.commons.node {
                takeHere(content, number, inheritance, in: &context)
            } else {
                keep(content, number, for: name, inheritance, in: &context)
            }
        }
    }

    private mutating func keep(
        _ content: Forward, _ before: ForwardNumber, for name: NodeName, _ inheritance: Inheritance,
        in context: inout ShardContext
    ) {
        guard let neighbours = context.commons.neighbours, !neighbours.isRemoved(name) else {
            return
        }
        let node = neighbours.number(of: name)
        context.peers.know(node, name)
        let target = NodeMail.Target(node: node, shard: Int(content.shard))
        guard let number = beginForward(content, to: target, in: &context) else { return }
        let keep = InheritedKeep(
            inheritance, before, for: name, content,
            at: InheritedKeep.Place(target: target, number: number), shards: 1)
        sessionWrites.append(
            .node(.keep(name.text, number, content)), then: .inheritedForward(keep))
    }

    private mutating func takeHere(
        _ content: Forward, _ before: ForwardNumber, _ inheritance: Inheritance,
        in context: inout ShardContext
    ) {
        let count = context.commons.mailboxes.count
        let shard = Int(content.shard)
        let receivers = count == Int(content.shardCount) ? shard..<shard + 1 : 0..<count
        let keep = InheritedKeep(
            inheritance, before, for: context.commons.node, content, at: nil,
            shards: receivers.count)
        for shard in receivers {
            if shard == context.index {
                take(keep, in: &context)
            } else {
                context.outgoing[shard].append(.takeKept(keep))
            }
        }
    }

    func inheritedForwardWritten(_ keep: InheritedKeep, in context: inout ShardContext) {
        let mailbox = context.commons.mailboxes[context.index]
        keep.written { mailbox.post(.keptForward(keep)) }
    }

    /// It is not in the copy any more, so that no later process takes it over once more: it may be sent.
    mutating func forwardInherited(_ keep: InheritedKeep, in context: inout ShardContext) {
        if let place = keep.place {
            forwards.written(place.number, to: place.target)
            if !context.peers.isReachable(place.target.node) {
                keptForAway.insert(place.target.node)
            }
            sendForwards(to: place.target, in: &context)
        }
        keep.inheritance.shardHasFinished()
    }

    /// Takes in the next ones of those that no one has wanted yet.
    mutating func takeInInherited(in context: inout ShardContext) {
        guard !context.places.inherited.isEmpty else { return }
        for _ in 0..<Self.inheritedAtOnce {
            guard hasRoom, let name = context.places.inherited.next() else { return }
            takeInInherited(name, in: &context)
        }
    }

    private mutating func takeInInherited(_ name: SessionName, in context: inout ShardContext) {
        do throws(StoreError) {
            _ = try takeInherited(name, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
    }

    /// Takes in the session of that name; `nil` when none was inherited, or there is no room for it.
    mutating func takeInherited(
        _ name: SessionName, in context: inout ShardContext
    ) throws(StoreError) -> Token? {
        guard let inheritance = context.places.inherited.take(name), let store = inheritance.store
        else { return nil }
        let stored: StoredSession?
        do throws(StoreError) {
            stored = try store.session(name)
        } catch {
            context.places.inherited.putBack(name, inheritance)
            throw error
        }
        guard let stored else {
            context.places.inherited.settled(inheritance)
            return nil
        }
        let claim = context.places.claims[name]
        guard takeIn(stored, name, claim: stored.record.claim, from: nil, in: &context) else {
            context.places.inherited.putBack(name, inheritance)
            return nil
        }
        context.places.claims[name] = claim
        sessionWrites.append(nil, then: .inherited(name, inheritance))
        guard let token = Client(stored: name).flatMap({ known($0) }) else { return nil }
        sessions[slot: token.slot].inheritedFrom = inheritance.nodeNumber
        inheritedNodes.insert(inheritance.nodeNumber)
        return token
    }

    /// It is on this node's disk, and on its follower's.
    func inheritedWritten(
        _ name: SessionName, _ inheritance: Inheritance, in context: inout ShardContext
    ) {
        let mailbox = context.commons.mailboxes[context.index]
        inheritance.store?.remove(name) { _ in mailbox.post(.inheritanceSettled(inheritance)) }
    }

    /// The node is back, and has other sessions: those that were its own are this node's like all others.
    mutating func endInheritance(from node: UInt8) {
        guard inheritedNodes.remove(node) != nil else { return }
        var next = sessions.occupiedSlot(from: 0)
        while let session = next {
            next = sessions.occupiedSlot(from: session + 1)
            if sessions[slot: session].inheritedFrom == node {
                sessions[slot: session].inheritedFrom = nil
            }
        }
    }

    // MARK: What was kept for them

    /// Whether a session was that shard's of that node; of which node is not known any more when this process has begun
    /// since.
    func isHeir(
        _ token: Token, of inherited: InheritedForward, in context: inout ShardContext
    ) -> Bool {
        let homes = Homes(shards: max(1, Int(inherited.shardCount)))
        guard homes.shard(of: sessions[slot: token.slot].client) == Int(inherited.shard) else {
            return false
        }
        guard let number = context.commons.neighbours?.number(of: inherited.node),
            inheritedNodes.contains(number)
        else { return sessions[slot: token.slot].stored != nil }
        return sessions[slot: token.slot].inheritedFrom == number
    }

    /// Nodes that can't be reached, and that a message is kept for: when another node has their sessions, these get it by
    /// that, and not by the filters that they have there already.
    func nodesAway(
        of receivers: [Receiver], _ message: borrowing OutboundMessage,
        in context: inout ShardContext
    ) -> [UInt8] {
        if context.peers.isAlone || message.qos == .atMostOnce { return [] }
        var away: [UInt8] = []
        for receiver in receivers
        where !receiver.isShared && SessionAddress.isElsewhere(receiver.shard) {
            let node = SessionAddress.node(of: receiver.shard)
            if !context.peers.isReachable(node), !away.contains(node) { away.append(node) }
        }
        return away
    }

    /// Whether a session is one of those that get what is kept for a node that is away.
    func isKept(for token: Token, isShared: Bool, _ away: [UInt8]) -> Bool {
        if away.isEmpty || isShared || !sessions.contains(token) { return false }
        return sessions[slot: token.slot].inheritedFrom.map { away.contains($0) } ?? false
    }

    /// Whether a session was that node's, as far as this process knows.
    func wasSession(_ token: Token, of node: NodeName, in context: inout ShardContext) -> Bool {
        guard let number = context.commons.neighbours?.number(of: node), sessions.contains(token)
        else { return false }
        return sessions[slot: token.slot].inheritedFrom == number
    }

    /// Another node has the sessions of one that is gone, or is back without them: what was kept for that, and its filters,
    /// are for the other one.
    mutating func readdressForwards(
        from node: UInt8, to heir: UInt8, in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: node) else { return }
        let numbers: [ForwardNumber]
        if context.peers.isReachable(node) {
            guard let held = heldForwards[node] else { return }
            numbers = held.numbers
        } else {
            forgetFilters(of: node, in: &context)
            numbers = forwards.numbers(to: node)
        }
        for number in numbers {
            do throws(StoreError) {
                var content = forwards.content(number, to: node)
                if content == nil { content = try sessionReader.forward(number, to: name.text) }
                guard let content else { continue }
                readdress(
                    number, content.readdressed(from: name.text, number), from: name, to: heir,
                    in: &context)
            } catch {
                context.counters.add(.sessionReadsFailed)
                context.wire.journal.noteStoreFailure(.sessionRead, error)
                return
            }
        }
        forwards.remove(Set(numbers), to: node)
        releaseForwards(to: node, in: &context)
    }

    /// A node is back that has none of its old sessions: what was kept for them waits for who has them.
    mutating func holdForwards(to node: UInt8, in context: inout ShardContext) {
        let numbers = forwards.numbers(to: node)
        guard !numbers.isEmpty else { return }
        heldForwards[node] = HeldForwards(numbers: numbers, sinceTick: context.now.tick)
    }

    /// What has been held for longer than that goes to the node after all.
    mutating func releaseForwards(after ticks: UInt64, in context: inout ShardContext) {
        for (node, held) in heldForwards where context.now.tick > held.sinceTick + ticks {
            releaseForwards(to: node, in: &context)
        }
    }

    /// Nothing is held any more.
    mutating func releaseForwards(to node: UInt8, in context: inout ShardContext) {
        guard heldForwards.removeValue(forKey: node) != nil else { return }
        for target in forwards.targets(on: node) { sendForwards(to: target, in: &context) }
    }

    /// Nodes that can't be reached, and that something was written for since this was asked last.
    mutating func takeKeptForAway() -> Set<UInt8> {
        if keptForAway.isEmpty { return [] }
        defer { keptForAway = [] }
        return keptForAway
    }

    private mutating func readdress(
        _ number: ForwardNumber, _ content: Forward, from node: NodeName, to heir: UInt8,
        in context: inout ShardContext
    ) {
        guard heir == Peers.here else {
            let target = NodeMail.Target(node: heir, shard: 0)
            guard let write = forwardWrite(content, to: target, for: .nobody, in: &context) else {
                return
            }
            sessionWrites.append(write)
            return sessionWrites.append(.node(.arrived(node.text, number)))
        }
        let shards = context.commons.mailboxes.count
        handingOut[number] = HandingOut(node: node, outstanding: shards)
        for shard in 0..<shards where shard != context.index {
            context.outgoing[shard].append(
                .handOut(content.message, NodeDelivery(content), number, from: context.index))
        }
        handOut(content.message, NodeDelivery(content), number, from: context.index, in: &context)
    }

    /// To sessions of this shard that were those of another node.
    mutating func handOut(
        _ message: Message, _ delivery: NodeDelivery, _ number: ForwardNumber, from shard: Int,
        in context: inout ShardContext
    ) {
        let key = ForwardTaking(node: Peers.here, number: number)
        do throws(StoreError) {
            if try isTaken(key, context.commons.node, in: &context) {
                sessionWrites.append(
                    .node(
                        .settle(context.commons.node.text, shard: UInt8(context.index), number)))
            } else {
                handOut(message, delivery, served: nil, in: &context)
            }
        } catch {
            // It is sent twice rather than not at all.
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            handOut(message, delivery, served: nil, in: &context)
        }
        sessionWrites.append(nil, then: .handedOut(number, shard: shard))
    }

    /// A shard has it on the disk. When all have, it is kept no more.
    mutating func handedOut(_ number: ForwardNumber) {
        handingOut[number]?.outstanding -= 1
        guard let entry = handingOut[number], entry.outstanding == 0 else { return }
        handingOut[number] = nil
        sessionWrites.append(.node(.arrived(entry.node.text, number)))
    }

    /// Another node has this one's sessions: what was to be written of them is not.
    mutating func voidSessions(in context: inout ShardContext) {
        for write in sessionWrites.void() { giveUp(write, in: &context) }
    }
}

/// What was kept for a node when it came back without its sessions.
struct HeldForwards {
    let numbers: [ForwardNumber]
    let sinceTick: UInt64
}

/// A message for sessions that were another node's, which this node's shards take.
struct HandingOut {
    /// It was kept for that one.
    let node: NodeName

    /// Shards that don't have it on the disk.
    var outstanding: Int
}
