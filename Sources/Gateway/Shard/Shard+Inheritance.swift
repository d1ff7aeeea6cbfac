import Ledger
import Reactor
import Sessions

// The stored sessions of a node that is gone are its follower's: owners hear of it, and clients that want their sessions
// wait for that.
extension Shard {
    /// How long a client waits for what an owner has not been told yet, in milliseconds: somewhat longer than it takes
    /// until a node that is gone counts as that, and another one has its sessions.
    private static var undecidedMilliseconds: Int64 { 15_000 }

    // MARK: Taking over

    mutating func inherit(_ inheritance: Inheritance) {
        let names = broker.inherit(inheritance, in: &context)
        for name in names {
            guard let entry = context.places.owned[name], entry.move == nil else { continue }
            let claim = context.places.claims[name] ?? 0
            if entry.node != inheritance.nodeNumber, context.peers.isReachable(entry.node),
                entry.number > claim
            {
                superseded(ClientPlace(name: name, number: claim))
            } else {
                context.places.owned[name] = nil
            }
        }
        tellPlaces(named: names)
        markPlacesTold()
        context.places.told.isComplete = nil
        lookAtUndecided()
        // The way that filters go: a shard that reads this has read them.
        for shard in context.outgoing.indices {
            context.outgoing[shard].append(.partInherited(inheritance))
        }
    }

    /// When each shard of this node has said so, this one has the filters of all sessions that were inherited: messages
    /// for them can come, and need not go by those of the node that is gone.
    mutating func partInherited(_ inheritance: Inheritance) {
        let shards = context.outgoing.count
        guard context.places.inherited.notePart(of: inheritance, shards: shards) else { return }
        broker.readdressForwards(from: inheritance.nodeNumber, to: Peers.here, in: &context)
    }

    mutating func inheritanceSettled(_ inheritance: Inheritance) {
        context.places.inherited.settled(inheritance)
    }

    /// Says to other nodes, behind the clients that it has told them, how far that goes.
    mutating func markPlacesTold(to node: UInt8? = nil) {
        let numbers = context.places.inherited.numbers.sorted { $0.key < $1.key }
        let mark = PlacesMark(
            table: context.peers.owners.number,
            inherited: numbers.map { PlacesMark.Inherited(node: $0.key, number: $0.value) })
        for peer in node.map({ [$0] }) ?? context.peers.reachable {
            for shard in 0..<context.peers.shards(of: peer) {
                context.peers.send(
                    .placesTold(mark), to: peer, shard: shard, at: context.now.books)
            }
        }
    }

    // MARK: Hearing of it

    mutating func placesTold(_ mark: PlacesMark, by target: NodeMail.Target) {
        context.places.told.note(mark, from: target)
        for inherited in mark.inherited {
            guard let node = context.commons.neighbours?.number(of: inherited.node),
                hasInherited(by: target.node, from: node, inherited.number)
            else { continue }
            broker.readdressForwards(from: node, to: target.node, in: &context)
        }
        forgetThoseGone()
        lookAtUndecided()
    }

    /// The node is lost, or back without its sessions, and another one may have told before that it has them.
    mutating func readdressForwards(of node: UInt8) {
        guard let heir = heir(of: node), hasInherited(by: heir.node, from: node, heir.number),
            heir.node != Peers.here || isInheritedByAll(from: node, heir.number)
        else { return }
        broker.readdressForwards(from: node, to: heir.node, in: &context)
    }

    /// Who has taken over the node's sessions, as the books say, and has not put all among its own yet; or as the node says,
    /// which has been told sooner than this one, or heard of more.
    private func heir(of node: UInt8) -> Followings.Heir? {
        let said = context.peers.heir(of: node)
        guard let known = heirInBooks(of: node) else { return said }
        return said.map { $0.number > known.number ? $0 : known } ?? known
    }

    private func heirInBooks(of node: UInt8) -> Followings.Heir? {
        guard let entry = context.places.followings.entries[node] else { return nil }
        guard entry.isInherited, let follower = entry.follower else { return entry.heirs.last }
        return Followings.Heir(node: follower, number: entry.number)
    }

    /// Whether who has taken over the node's sessions is yet to say so. (What it has said already has been heeded.)
    func isAboutToBeTold(of node: UInt8) -> Bool {
        guard let heir = heir(of: node) else { return false }
        return !hasInherited(by: heir.node, from: node, heir.number) && !isGivenUp(heir.node)
    }

    /// What is held for a node that is back goes to it after all, when no other one says that it has its sessions.
    mutating func releaseHeldForwards() {
        broker.releaseForwards(
            after: ShardTime.ticks(milliseconds: Self.undecidedMilliseconds), in: &context)
    }

    /// What was being written for a node while its sessions were taken over is for the other one, too.
    mutating func readdressLateForwards() {
        for node in broker.takeKeptForAway() { readdressForwards(of: node) }
    }

    private func isInheritedByAll(from node: UInt8, _ number: UInt64) -> Bool {
        context.peers.name(of: node).flatMap { context.places.inherited.numbersOfAll[$0] } ?? 0
            >= number
    }

    mutating func followingsChanged(_ followings: Followings) {
        context.places.followings = followings
        context.places.told.isComplete = nil
        takeUpInherited()
        for node in followings.entries.keys { readdressForwards(of: node) }
        forgetThoseGone()
        lookAtUndecided()
    }

    /// What an earlier process has taken over, and put among this node's own sessions, the others are told as well.
    private mutating func takeUpInherited() {
        var isNews = false
        for (node, entry) in context.places.followings.entries {
            guard entry.isInherited, entry.follower == Peers.here,
                !entry.heirs.contains(where: { $0.node == Peers.here }),
                let name = context.commons.neighbours?.name(of: node)
            else { continue }
            if context.places.inherited.takeUp(name, entry.number) { isNews = true }
        }
        if isNews { markPlacesTold() }
    }

    /// Clients of nodes that are gone, and whose sessions no one else is about to have.
    private mutating func forgetThoseGone() {
        for (name, entry) in context.places.owned
        where entry.move == nil && !context.peers.isReachable(entry.node) && isTold(of: entry.node)
        {
            context.places.owned[name] = nil
        }
    }

    /// Whether all shards of a follower have told which clients it has from a node.
    private func hasInherited(by follower: UInt8, from node: UInt8, _ number: UInt64) -> Bool {
        guard let name = context.peers.name(of: node) else { return false }
        if follower == Peers.here {
            return context.places.inherited.numbers[name] ?? 0 >= number
        }
        return context.peers.isReachable(follower)
            && (0..<context.peers.shards(of: follower)).allSatisfy { shard in
                context.places.told.hasInherited(
                    NodeMail.Target(node: follower, shard: shard), from: name, number: number)
            }
    }

    /// Whether it is known where the sessions are that a node had which is gone; or they are not waited for any more, as it
    /// is not started again, and its follower is gone, too, or can't change the books.
    func isTold(of node: UInt8) -> Bool {
        if isGivenUp(node) { return true }
        guard let entry = context.places.followings.entries[node] else { return false }
        return entry.isInherited && heirsHaveTold(entry, of: node)
    }

    private func heirsHaveTold(_ entry: Followings.Entry, of node: UInt8) -> Bool {
        entry.heirs.allSatisfy { heir in
            isGivenUp(heir.node) || hasInherited(by: heir.node, from: node, heir.number)
        }
    }

    /// Whether a node has been gone for longer than it takes until it is started again, or another one has its sessions.
    private func isGivenUp(_ node: UInt8) -> Bool {
        guard node != Peers.here, !context.peers.isReachable(node) else { return false }
        let patience = ShardTime.ticks(milliseconds: Self.absenceMilliseconds)
        return context.now.tick > (context.places.lostTicks[node] ?? 0) + patience
    }

    /// Counted from when the node could not be reached any more, in milliseconds.
    private static var absenceMilliseconds: Int64 { 15_000 }

    /// Whether this shard knows of all clients at home here which node has them.
    private mutating func isFullyTold() -> Bool {
        if let known = context.places.told.isComplete { return known }
        let found = haveAllTold
        context.places.told.isComplete = found
        return found
    }

    private var haveAllTold: Bool {
        for node in context.peers.reachable where context.peers.knowsFollowing(node) {
            for shard in 0..<context.peers.shards(of: node)
            where !context.places.told.hasTold(
                NodeMail.Target(node: node, shard: shard), under: context.peers.owners.number)
            {
                return false
            }
        }
        return context.places.followings.entries.allSatisfy { node, entry in
            context.peers.isReachable(node) ? heirsHaveTold(entry, of: node) : isTold(of: node)
        }
    }

    // MARK: Waiting for it

    /// Whether the decision on a client that wants its session waits, as another node may have that, and is yet to say so.
    mutating func mustWait(_ name: SessionName, _ by: DisplacedBy) -> Bool {
        guard context.places.claims[name] == nil, !isFullyTold() else { return false }
        context.places.undecided.append(
            UndecidedClaim(name: name, by: by, sinceTick: context.now.tick))
        return true
    }

    /// Where a client was has gone, and another node is about to have its session: it is decided on anew, with those who
    /// have come meanwhile. False when there is nothing to wait for.
    mutating func waitsForHeir(_ name: SessionName, _ by: DisplacedBy) -> Bool {
        guard let entry = context.places.owned[name], let move = entry.move,
            !isTold(of: move.holder)
        else { return false }
        context.places.owned[name] = ClientPlaces.Entry(node: move.holder, number: entry.number)
        for message in move.messages { broker.deliver(message, in: &context) }
        for (place, target) in move.told { take(place, of: target) }
        decide(name, by, isCleanStart: false)
        for claim in move.claims { decide(name, claim.by, isCleanStart: claim.isCleanStart) }
        return true
    }

    /// Decides on those that don't have to wait any more.
    mutating func lookAtUndecided() {
        guard !context.places.undecided.isEmpty else { return }
        // Nodes may have been given up since.
        if context.places.told.isComplete == false { context.places.told.isComplete = nil }
        let isTold = isFullyTold()
        let patience = ShardTime.ticks(milliseconds: Self.undecidedMilliseconds)
        var waiting: [UndecidedClaim] = []
        swap(&waiting, &context.places.undecided)
        for claim in waiting {
            let isOwned = context.peers.owner(of: Partition(claim.name)) == .here
            if !isOwned {
                handBack(claim.by)
            } else if isTold || context.now.tick > claim.sinceTick + patience {
                decide(claim.name, claim.by, isCleanStart: false, hasWaited: true)
            } else {
                context.places.undecided.append(claim)
            }
        }
    }

    /// Another node owns the client by now.
    mutating func handBack(_ by: DisplacedBy) {
        switch by {
        case .here(let waiting): claim(waiting, isCleanStart: waiting.isCleanStart)
        case .node(_, let served):
            context.peers.answer(served, .askAgain, at: context.now.books)
        }
    }

    /// Whether a client waits for its owner, which is gone: it may be started again, or be replaced.
    mutating func waitsForOwner(_ waiting: WaitingClaim) -> Bool {
        let owner = context.peers.owners.owner(of: Partition(waiting.name))
        guard !context.peers.isAlone, !waiting.isCleanStart, owner != Peers.unknown,
            context.places.claims[waiting.name] == nil, !isGivenUp(owner)
        else { return false }
        context.places.ownerless.append(waiting)
        return true
    }

    /// There are other owners, or it takes too long.
    mutating func lookAtOwnerless() {
        guard !context.places.ownerless.isEmpty else { return }
        let patience = ShardTime.ticks(milliseconds: Self.undecidedMilliseconds)
        var waiting: [WaitingClaim] = []
        swap(&waiting, &context.places.ownerless)
        for claim in waiting where context.wire.contains(claim.connection) {
            switch context.peers.owner(of: Partition(claim.name)) {
            case .here, .node: self.claim(claim, isCleanStart: claim.isCleanStart)
            case .unreachable
            where context.now.tick > claim.sinceTick + patience
                || isGivenUp(context.peers.owners.owner(of: Partition(claim.name))):
                letInUnclaimed(claim)
            case .unreachable: context.places.ownerless.append(claim)
            }
        }
    }
}
