import Bytes
import Ledger
import MQTT
import Reactor
import Sessions
import Storage

// Messages that are kept for other nodes of the cluster until they have them (`Forwards`), and those that other nodes
// have kept for this one: of each, one commit makes it a message here, and known.
extension Broker {
    // MARK: Kept for others

    /// Writes a message for sessions of another node. `sender` is told when it is on the disk. False when too many wait:
    /// it is dropped, as in the full queue of a client that is away.
    mutating func forward(
        _ content: Forward,
        to target: NodeMail.Target,
        for sender: DownlinkSender, in context: inout ShardContext
    ) -> Bool {
        guard let write = forwardWrite(content, to: target, for: sender, in: &context) else {
            return false
        }
        sessionWrites.append(write)
        return true
    }

    /// The same, to be written with others.
    mutating func forwardWrite(
        _ content: Forward,
        to target: NodeMail.Target,
        for sender: DownlinkSender, in context: inout ShardContext
    ) -> SessionWrites.Write? {
        guard let name = context.peers.name(of: target.node),
            let number = beginForward(content, to: target, in: &context)
        else { return nil }
        return SessionWrites.Write(
            change: .node(.keep(name.text, number, content)),
            followUp: .forward(target, number, sender: sender))
    }

    /// The number under which it is kept; `nil`: it is dropped.
    mutating func beginForward(
        _ content: Forward, to target: NodeMail.Target, in context: inout ShardContext
    ) -> ForwardNumber? {
        if canNumberForwards(in: &context), let number = forwards.begin(content, to: target) {
            return number
        }
        context.counters.add(.deliveriesDropped)
        return nil
    }

    /// Begins another life of numbers when those of this one are used up.
    private mutating func canNumberForwards(in context: inout ShardContext) -> Bool {
        guard forwards.isExhausted else { return true }
        do throws(StoreError) {
            forwards.begin(life: try context.commons.sessions.beginForwarding())
            return true
        } catch {
            context.wire.journal.noteStoreFailure(.sessionWrite, error)
            return false
        }
    }

    /// Sends what waits for that shard, as much as may be on its way.
    mutating func sendForwards(to target: NodeMail.Target, in context: inout ShardContext) {
        guard context.peers.isReachable(target.node), heldForwards[target.node] == nil,
            let name = context.peers.name(of: target.node)
        else { return }
        while let (number, known) = forwards.next(to: target) {
            do throws(StoreError) {
                var content = known
                if content == nil { content = try sessionReader.forward(number, to: name.text) }
                guard let content else {
                    forwards.remove(number, to: target)
                    continue
                }
                send(content, number, to: target, in: &context)
            } catch {
                // Tried again with the next one.
                context.counters.add(.sessionReadsFailed)
                return context.wire.journal.noteStoreFailure(.sessionRead, error)
            }
        }
    }

    private mutating func send(
        _ content: Forward,
        _ number: ForwardNumber,
        to target: NodeMail.Target, in context: inout ShardContext
    ) {
        let receivers = receivers(of: content, on: target.node, in: &context)
        forwards.sent(number, to: target, receivers: receivers)
        for shard in receivers {
            let request = context.peers.request(target.node, for: .forward(target, number))
            context.peers.send(
                .forward(
                    content.origin?.number ?? number, content.message, NodeDelivery(content),
                    request),
                to: target.node, shard: shard, at: context.now.books)
        }
    }

    /// The shard that it was for; all of them, when the node has another number of shards than it had then.
    private func receivers(
        of content: Forward, on node: UInt8, in context: inout ShardContext
    ) -> Range<Int> {
        let count = context.peers.shards(of: node)
        let shard = Int(content.shard)
        return count == Int(content.shardCount) ? shard..<shard + 1 : 0..<count
    }

    /// A shard of the node has it, or could not write it; then it is sent again later.
    mutating func forwardAnswered(
        _ number: ForwardNumber,
        to target: NodeMail.Target,
        isTaken: Bool, in context: inout ShardContext
    ) {
        guard isTaken else { return forwardsRefused.append((number, target)) }
        guard let arrival = forwards.answered(number, to: target),
            let name = context.peers.name(of: target.node)
        else { return }
        sessionWrites.append(
            .node(.arrived(name.text, number)),
            then: .forwarded(number, node: target.node, arrival))
        sendForwards(to: target, in: &context)
    }

    /// It is not on this disk any more: those who have taken it need not know it either.
    func forwarded(
        _ number: ForwardNumber, to node: UInt8, _ arrival: Forwards.Arrival,
        in context: inout ShardContext
    ) {
        let known = arrival.origin?.number ?? number
        let keeper = arrival.origin.flatMap { NodeName($0.node) }
        for shard in arrival.receivers {
            context.peers.send(
                .settled([known], keeper: keeper), to: node, shard: shard, at: context.now.books)
        }
    }

    /// What a node could not write is sent to it again, after a while.
    mutating func sendRefusedForwards(in context: inout ShardContext) {
        var refused: [(ForwardNumber, NodeMail.Target)] = []
        swap(&refused, &forwardsRefused)
        for (number, target) in refused {
            forwards.sendAgain(number, to: target)
            sendForwards(to: target, in: &context)
        }
        var keeps: [InheritedKeep] = []
        swap(&keeps, &keepsRefused)
        for keep in keeps { take(keep, in: &context) }
    }

    // MARK: Nodes

    /// A node has come: it hears what is on its way to it, and gets it.
    mutating func beginForwards(to node: UInt8, in context: inout ShardContext) {
        // What is kept for nodes that are gone may be for it, too, should it have their sessions.
        let away = forwards.nodes.filter { $0 != node && !context.peers.isReachable($0) }
        let numbers = (away + [node]).flatMap { forwards.ownNumbers(to: $0) }
        let first = context.commons.neighbours?.firstForwardingLife ?? 0
        for shard in 0..<context.peers.shards(of: node) {
            context.peers.send(
                .forwarding(numbers, first: first), to: node, shard: shard, at: context.now.books)
        }
        for target in forwards.targets(on: node) { sendForwards(to: target, in: &context) }
    }

    /// A node can't be reached any more: what it has not answered is sent again when it is back.
    mutating func forwardAgain(to node: UInt8) {
        heldForwards[node] = nil
        forwards.sendAgain(to: node)
    }

    /// A node was removed from the cluster: nothing is kept for it, and it sends nothing once more.
    mutating func forgetForwards(to node: UInt8, in context: inout ShardContext) {
        guard let name = context.peers.name(of: node) else { return }
        firstLives[name] = nil
        settle(settledByHeirs.removeValue(forKey: name) ?? [], keptBy: name, in: &context)
        for number in forwards.forget(node) {
            sessionWrites.append(.node(.arrived(name.text, number)))
        }
    }

    /// Takes up what an earlier process has kept for other nodes: its part of it.
    mutating func loadForwards(in context: inout ShardContext) throws(StoreError) {
        guard let neighbours = context.commons.neighbours else { return }
        var found: [(NodeName, ForwardNumber, Forward)] = []
        try context.commons.sessions.forEachForward { text, number, content in
            if let name = NodeName(text) { found.append((name, number, content)) }
        }
        let shards = context.outgoing.count
        for (name, number, content) in found where Int(number.shard) % shards == context.index {
            let node = neighbours.number(of: name)
            context.peers.know(node, name)
            forwards.takeUp(
                number, content,
                to: NodeMail.Target(node: node, shard: Int(content.shard)))
        }
    }

    // MARK: Kept by others

    /// A message that another node has kept: taken once, and answered when the disk has it.
    mutating func receive(
        _ number: ForwardNumber,
        _ message: Message,
        _ delivery: NodeDelivery,
        _ request: NodeRequest,
        from target: NodeMail.Target, in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: target.node) else { return }
        let served = context.peers.begin(request, of: target)
        do throws(StoreError) {
            if let writes = try take(
                number, message, delivery, keptBy: delivery.keeper ?? name, served: served,
                in: &context)
            {
                context.peers.delay(served)
                for write in writes { sessionWrites.append(write) }
            } else if !sessionWrites.isSettled {
                context.peers.delay(served)
                sessionWrites.append(nil, then: .confirm(.node(served)))
            }
            context.peers.conclude(served, at: context.now.books)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            context.peers.answer(served, .notStored, at: context.now.books)
        }
    }

    /// Hands it to this shard's sessions, and answers what is to be written behind them; `nil`: it was taken before.
    private mutating func take(
        _ number: ForwardNumber,
        _ message: Message,
        _ delivery: NodeDelivery,
        keptBy keeper: NodeName,
        served: UInt32?, in context: inout ShardContext
    ) throws(StoreError) -> [SessionWrites.Write]? {
        let key = taking(number, of: keeper, in: &context)
        if try isTaken(key, keeper, in: &context) { return nil }
        let shard = UInt8(context.index)
        var writes: [SessionWrites.Write] = []
        if let before = delivery.inherited {
            // By the node whose sessions are here now.
            let name = before.keeper ?? keeper
            if try isTaken(taking(before.number, of: name, in: &context), name, in: &context) {
                writes.append(
                    SessionWrites.Write(
                        change: .node(.settle(name.text, shard: shard, before.number)),
                        followUp: nil))
            }
        }
        takings.insert(key)
        if writes.isEmpty { handOut(message, delivery, served: served, in: &context) }
        writes.append(
            SessionWrites.Write(
                change: .node(.take(keeper.text, shard: shard, number)),
                followUp: .took(key, served.map { .node($0) } ?? .nobody)))
        return writes
    }

    /// As this shard knows it while it is being written.
    func taking(
        _ number: ForwardNumber, of keeper: NodeName, in context: inout ShardContext
    ) -> ForwardTaking {
        let node =
            keeper == context.commons.node
            ? Peers.here : context.commons.neighbours?.number(of: keeper) ?? Peers.unknown
        return ForwardTaking(node: node, number: number)
    }

    /// A message that a node which is gone has kept for this one, which has its sessions now.
    mutating func take(_ keep: InheritedKeep, in context: inout ShardContext) {
        guard let origin = keep.content.origin, let keeper = NodeName(origin.node) else { return }
        do throws(StoreError) {
            let writes = try take(
                origin.number, keep.content.message, NodeDelivery(keep.content), keptBy: keeper,
                served: nil, in: &context)
            for write in writes ?? [] {
                guard case .took(let key, _) = write.followUp else {
                    sessionWrites.append(write)
                    continue
                }
                sessionWrites.append(write.change, then: .tookKept(key, keep))
            }
            if writes == nil { sessionWrites.append(nil, then: .inheritedForward(keep)) }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            keepsRefused.append(keep)
        }
    }

    mutating func isTaken(
        _ key: ForwardTaking, _ name: NodeName, in context: inout ShardContext
    ) throws(StoreError) -> Bool {
        if takings.contains(key) { return true }
        return try sessionReader.hasTaken(
            key.number, from: name.text, shard: UInt8(context.index))
    }

    /// The other node has these no more. What one that is gone has kept first, it may send once more when it is back: that
    /// is known until it says that it does not have it.
    mutating func settle(
        _ numbers: [ForwardNumber], keptBy keeper: NodeName?, from node: UInt8,
        in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: node) else { return }
        guard let keeper, keeper != name else { return settle(numbers, keptBy: name, in: &context) }
        let first = firstLives[keeper] ?? 0
        settle(numbers.filter { $0.life < first }, keptBy: keeper, in: &context)
        settledByHeirs[keeper, default: []] += numbers.filter { $0.life >= first }
    }

    private mutating func settle(
        _ numbers: [ForwardNumber], keptBy keeper: NodeName, in context: inout ShardContext
    ) {
        for number in numbers {
            sessionWrites.append(
                .node(.settle(keeper.text, shard: UInt8(context.index), number)))
        }
    }

    /// All that a shard of another node has: what else was taken from it is settled. What lives of it before `first` have
    /// kept, another node sends now, which says itself when that is over.
    mutating func settleOthers(
        than held: [ForwardNumber], first: UInt64, from target: NodeMail.Target,
        in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: target.node) else { return }
        let shards = max(1, context.peers.shards(of: target.node))
        let held = Set(held)
        firstLives[name] = first
        do throws(StoreError) {
            let taken = try sessionReader.taken(from: name.text, shard: UInt8(context.index))
            let over = taken.filter {
                $0.life >= first && Int($0.shard) % shards == target.shard && !held.contains($0)
            }
            settle(over, keptBy: name, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
        guard let settled = settledByHeirs[name] else { return }
        settle(settled.filter { $0.life < first }, keptBy: name, in: &context)
        let rest = settled.filter { $0.life >= first }
        settledByHeirs[name] = rest.isEmpty ? nil : rest
    }
}

/// A message of another node's that is being taken, and is not on the disk yet.
struct ForwardTaking: Hashable {
    let node: UInt8
    let number: ForwardNumber
}

extension NodeDelivery {
    init(_ forward: Forward) {
        self.init(
            isRetained: forward.isRetained, isForSubscribers: forward.isForSubscribers,
            shares: forward.shares,
            inherited: forward.inherited.flatMap { inherited in
                NodeName(inherited.node).map {
                    InheritedForward(
                        node: $0, number: inherited.number,
                        keeper: inherited.keeper.flatMap { NodeName($0) }, shard: inherited.shard,
                        shardCount: inherited.shardCount)
                }
            },
            excluded: forward.excluded.compactMap { NodeName($0) },
            keeper: forward.origin.flatMap { NodeName($0.node) })
    }
}
