import Ledger
import Reactor
import Sessions

// A session that another node had has come for a client, which is let in when no other disk has it: of two copies, one
// would be older than what the client has been told since.
//
// It is written here without a claim, the other node is told, removes it there, and says so; then it is this node's, by
// the claim, and the client comes in. Whichever of the two ends meanwhile, the one that is right has the greater number.
extension Shard {
    /// Takes in the session; whether there is to be waited for the node that it comes from.
    mutating func takeIn(
        _ session: (content: StoredSession, from: NodeName), _ waiting: WaitingClaim,
        _ number: UInt64
    ) -> Bool {
        let node = context.peers.node(named: session.from)
        let from = node.flatMap { node in
            Client(stored: waiting.name).map {
                NodeMail.Target(node: node, shard: context.peers.home(of: $0, on: node))
            }
        }
        let isAwaited = node.map { context.peers.knowsFollowing($0) } ?? false
        guard
            broker.takeIn(
                session.content, waiting.name, claim: isAwaited ? 0 : number, from: from,
                in: &context)
        else {
            context.counters.add(.sessionReadsFailed)
            return false
        }
        guard isAwaited, let node else { return false }
        if let earlier = context.places.arrivals[waiting.name]?.waiting.connection,
            earlier != waiting.connection
        {
            endArrival(of: waiting.name)
        }
        context.places.arrivals[waiting.name] = ClientPlaces.Arrival(
            waiting: waiting, number: number, from: node, sinceTick: context.now.tick)
        return true
    }

    /// The client waits for its session. One that has come again in the meantime takes the place of its connection before.
    mutating func awaitArrival(_ waiting: WaitingClaim) {
        if let earlier = context.places.arrivals[waiting.name]?.waiting.connection,
            earlier != waiting.connection, context.wire.contains(earlier)
        {
            end(earlier.slot, .sessionTakenOver)
        }
        context.places.arrivals[waiting.name]?.waiting = waiting
        wait(waiting)
    }

    /// The other node does not have the session any more.
    mutating func left(_ name: SessionName, by node: UInt8) {
        guard context.places.arrivals[name]?.from == node else { return }
        arrive(name)
    }

    private mutating func arrive(_ name: SessionName) {
        guard let arrival = context.places.arrivals.removeValue(forKey: name) else { return }
        broker.noteClaim(
            context.places.claims[name] ?? arrival.number, to: name, in: &context)
        letIn(arrival.waiting)
    }

    /// The client is at another node, and was not let in here yet.
    mutating func endArrival(of name: SessionName) {
        guard let arrival = context.places.arrivals.removeValue(forKey: name),
            context.wire.contains(arrival.waiting.connection)
        else { return }
        end(arrival.waiting.connection.slot, .sessionTakenOver)
    }

    /// The node can't be reached: what comes from it comes in, and what goes to it stays.
    mutating func loseArrivals(of node: UInt8) {
        for (name, arrival) in context.places.arrivals where arrival.from == node { arrive(name) }
        var kept: [SessionName] = []
        for (name, yielded) in context.places.yielded where yielded.to == node {
            context.places.yielded[name] = nil
            guard context.places.claims[name] == nil else { continue }
            context.places.claims[name] = yielded.claim
            if let entry = context.places.owned[name], entry.node == node, entry.move == nil {
                context.places.owned[name] = nil
            }
            kept.append(name)
        }
        if !kept.isEmpty { tellPlaces(named: kept) }
    }

    /// Where it was can't remove it, as its disk is full: the greater number decides, should it come to that.
    mutating func letInSlowArrivals(before tick: UInt64) {
        for (name, arrival) in context.places.arrivals where arrival.sinceTick <= tick {
            arrive(name)
        }
    }
}
