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
        guard let name = context.peers.name(of: target.node), canNumberForwards(in: &context),
            let number = forwards.begin(content, to: target)
        else {
            context.counters.add(.deliveriesDropped)
            return nil
        }
        return SessionWrites.Write(
            change: .node(.keep(name.text, number, content)),
            followUp: .forward(target, number, sender: sender))
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
        guard context.peers.isReachable(target.node),
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
                .forward(number, content.message, NodeDelivery(content), request),
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
        guard let receivers = forwards.answered(number, to: target),
            let name = context.peers.name(of: target.node)
        else { return }
        sessionWrites.append(
            .node(.arrived(name.text, number)),
            then: .forwarded(number, node: target.node, receivers))
        sendForwards(to: target, in: &context)
    }

    /// It is not on this disk any more: those who have taken it need not know it either.
    func forwarded(
        _ number: ForwardNumber, to node: UInt8, _ receivers: Range<Int>,
        in context: inout ShardContext
    ) {
        for shard in receivers {
            context.peers.send(.settled([number]), to: node, shard: shard, at: context.now.books)
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
    }

    // MARK: Nodes

    /// A node has come: it hears what is on its way to it, and gets it.
    mutating func beginForwards(to node: UInt8, in context: inout ShardContext) {
        // What is kept for nodes that are gone may be for it, too, should it have their sessions.
        let away = forwards.nodes.filter { $0 != node && !context.peers.isReachable($0) }
        let numbers = (away + [node]).flatMap { forwards.numbers(to: $0) }
        for shard in 0..<context.peers.shards(of: node) {
            context.peers.send(.forwarding(numbers), to: node, shard: shard, at: context.now.books)
        }
        for target in forwards.targets(on: node) { sendForwards(to: target, in: &context) }
    }

    /// A node can't be reached any more: what it has not answered is sent again when it is back.
    mutating func forwardAgain(to node: UInt8) { forwards.sendAgain(to: node) }

    /// A node was removed from the cluster: nothing is kept for it.
    mutating func forgetForwards(to node: UInt8, in context: inout ShardContext) {
        guard let name = context.peers.name(of: node) else { return }
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
            let key = ForwardTaking(node: target.node, number: number)
            if try isTaken(key, name, in: &context) {
                if !sessionWrites.isSettled {
                    context.peers.delay(served)
                    sessionWrites.append(nil, then: .confirm(.node(served)))
                }
            } else if let before = delivery.inherited?.number,
                try isTaken(ForwardTaking(node: target.node, number: before), name, in: &context)
            {
                // By the node whose sessions are here now.
                takings.insert(key)
                context.peers.delay(served)
                sessionWrites.append(
                    .node(.settle(name.text, shard: UInt8(context.index), before)))
                sessionWrites.append(
                    .node(.take(name.text, shard: UInt8(context.index), number)),
                    then: .took(key, .node(served)))
            } else {
                takings.insert(key)
                context.peers.delay(served)
                handOut(message, delivery, served: served, in: &context)
                sessionWrites.append(
                    .node(.take(name.text, shard: UInt8(context.index), number)),
                    then: .took(key, .node(served)))
            }
            context.peers.conclude(served, at: context.now.books)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            context.peers.answer(served, .notStored, at: context.now.books)
        }
    }

    mutating func isTaken(
        _ key: ForwardTaking, _ name: NodeName, in context: inout ShardContext
    ) throws(StoreError) -> Bool {
        if takings.contains(key) { return true }
        return try sessionReader.hasTaken(
            key.number, from: name.text, shard: UInt8(context.index))
    }

    /// The other node has these no more.
    mutating func settle(
        _ numbers: [ForwardNumber], from node: UInt8, in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: node) else { return }
        for number in numbers {
            sessionWrites.append(
                .node(.settle(name.text, shard: UInt8(context.index), number)))
        }
    }

    /// All that a shard of another node has: what else was taken from it is settled.
    mutating func settleOthers(
        than held: [ForwardNumber], from target: NodeMail.Target, in context: inout ShardContext
    ) {
        guard let name = context.peers.name(of: target.node) else { return }
        let shards = max(1, context.peers.shards(of: target.node))
        let held = Set(held)
        do throws(StoreError) {
            let taken = try sessionReader.taken(from: name.text, shard: UInt8(context.index))
            let over = taken.filter {
                Int($0.shard) % shards == target.shard && !held.contains($0)
            }
            settle(over, from: target.node, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
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
                        node: $0, number: inherited.number, shard: inherited.shard,
                        shardCount: inherited.shardCount)
                }
            },
            excluded: forward.excluded.compactMap { NodeName($0) })
    }
}
