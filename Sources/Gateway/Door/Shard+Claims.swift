import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// One client, one connection, on all nodes: its owner lets it in, and has it leave where it was before.
extension Shard {
    // MARK: Who comes

    /// Has the owner of a client that may come in say so: the connection waits for that. A client without a name that
    /// a session could have is known to this node alone.
    mutating func claim(_ token: Token, until: Timestamp, isOwed: Bool) {
        let slot = token.slot
        let client = context.wire[slot].settings.client
        guard let name = Broker.storeName(of: client) else {
            return admitClaimed(slot, isOwed: isOwed)
        }
        let waiting = WaitingClaim(
            connection: token, name: name, until: until, isOwed: isOwed,
            isCleanStart: context.wire[slot].settings.isCleanStart,
            sinceTick: context.now.tick)
        claim(waiting, isCleanStart: waiting.isCleanStart)
    }

    mutating func claim(_ waiting: WaitingClaim, isCleanStart: Bool) {
        guard let client = Client(stored: waiting.name) else { return }
        switch context.peers.owner(of: Partition(waiting.name)) {
        case .unreachable: admitUnclaimed(waiting)
        case .here: decide(waiting.name, .here(waiting), isCleanStart: isCleanStart)
        case .node(let owner):
            wait(waiting)
            let request = context.peers.request(owner, for: .claim(waiting))
            context.peers.send(
                .claim(waiting.name, isCleanStart: isCleanStart, request), to: owner,
                shard: context.peers.home(of: client, on: owner), at: context.now.books)
        }
    }

    /// Another node owns the client by now.
    mutating func claimAgain(_ waiting: WaitingClaim) {
        guard !waiting.isLetIn, context.wire.contains(waiting.connection) else { return }
        guard !isOutdone(waiting) else { return end(waiting.connection.slot, .sessionTakenOver) }
        claim(waiting, isCleanStart: waiting.isCleanStart)
    }

    /// Nothing more is read from the connection until its claim is decided.
    mutating func wait(_ waiting: WaitingClaim) {
        guard context.wire.contains(waiting.connection) else { return }
        context.wire.noteNoNewcomer(waiting.connection.slot)
        context.wire[waiting.connection.slot].phase = .admitting
        context.wire[waiting.connection.slot].receivedTick = Connection.noTick
    }

    /// The owner can't be reached: the client comes in all the same, as it is better served twice than not at all. When
    /// the owner is back, it says whose the client is.
    mutating func admitUnclaimed(_ waiting: WaitingClaim) {
        if waiting.isLetIn { return }
        guard !waitsForOwner(waiting) else { return wait(waiting) }
        letInUnclaimed(waiting)
    }

    mutating func letInUnclaimed(_ waiting: WaitingClaim) {
        context.places.claims[waiting.name] = context.places.claims[waiting.name] ?? 0
        letIn(waiting)
    }

    /// A node that stands still is silent for five seconds until it counts as lost. A client that begins anew does not
    /// wait for as long; who wants a session does, as it may be there.
    mutating func letInThoseThatWait() {
        guard !context.peers.isAlone, context.now.tick >= context.places.nextLookTick else {
            return
        }
        context.places.nextLookTick = context.now.tick + ShardTime.ticks(milliseconds: 250)
        let patience = ShardTime.ticks(milliseconds: Self.claimMilliseconds)
        lookAtUndecided()
        lookAtOwnerless()
        releaseHeldForwards()
        guard context.now.tick > patience else { return }
        let tick = context.now.tick - patience
        letInSlowArrivals(before: tick)
        for claim in context.peers.letInSlowClaims(before: tick) { letInUnclaimed(claim) }
        for (name, by) in context.peers.takeSlowYields(before: tick) {
            decide(name, by, YieldedClient(wasConnected: false, days: [], session: nil))
        }
    }

    /// How long a client that begins anew waits for its owner, and an owner for where the client was.
    private static var claimMilliseconds: Int64 { 2_000 }

    /// Of a client that was let in without.
    private mutating func grantedLate(
        _ waiting: WaitingClaim, _ grant: ClaimGrant, by granter: UInt8
    ) {
        guard let client = Client(stored: waiting.name) else { return }
        switch context.places.claims[waiting.name] {
        case 0?:
            context.places.claims[waiting.name] = grant.number
            broker.noteClaim(grant.number, to: waiting.name, in: &context)
            if case .device(let device) = client {
                adopt(grant.days, of: device.identity, waiting.connection)
            }
            settle(waiting.name, grant.number, grantedBy: granter)
        case nil:
            guard case .node(let owner) = context.peers.owner(of: Partition(waiting.name)) else {
                return
            }
            context.peers.send(
                .released(ClientPlace(name: waiting.name, number: grant.number)), to: owner,
                shard: context.peers.home(of: client, on: owner), at: context.now.books)
        case .some(let own) where own != grant.number: tellPlaces(named: [waiting.name])
        case .some: break
        }
    }

    /// - Parameter granter: the node that owned the client when it decided.
    mutating func granted(_ waiting: WaitingClaim, _ grant: ClaimGrant, by granter: UInt8) {
        if waiting.isLetIn { return grantedLate(waiting, grant, by: granter) }
        guard !isOutdone(waiting) else { return passOver(waiting, grant, by: granter) }
        let isArriving = grant.session.map { takeIn($0, waiting, grant.number) } ?? false
        context.places.claims[waiting.name] = max(
            context.places.claims[waiting.name] ?? 0, grant.number)
        if case .device(let device) = Client(stored: waiting.name) {
            if grant.hasDisplaced { door.noteDisplacement(device.identity, at: context.now) }
            adopt(grant.days, of: device.identity, waiting.connection)
        }
        if isArriving || context.places.arrivals[waiting.name] != nil {
            awaitArrival(waiting)
        } else {
            letIn(waiting)
        }
        settle(waiting.name, grant.number, grantedBy: granter)
    }

    /// Whether the client has sent another CONNECT since, and is connected by that.
    private mutating func isOutdone(_ waiting: WaitingClaim) -> Bool {
        guard context.wire.contains(waiting.connection),
            let client = Client(stored: waiting.name),
            let other = broker.connection(of: client, in: &context), other != waiting.connection,
            context.wire[other.slot].phase == .open
        else { return false }
        return context.wire[other.slot].phaseBegan
            > context.wire[waiting.connection.slot].phaseBegan
    }

    /// The claim is the node's all the same. A session that came with it is not the one that the client has now: where
    /// it was it is dropped, and what waits in it follows.
    private mutating func passOver(
        _ waiting: WaitingClaim, _ grant: ClaimGrant, by granter: UInt8
    ) {
        let name = waiting.name
        end(waiting.connection.slot, .sessionTakenOver)
        context.places.claims[name] = max(context.places.claims[name] ?? 0, grant.number)
        if let from = grant.session?.from, let node = context.peers.node(named: from),
            let client = Client(stored: name)
        {
            context.peers.send(
                .taken(name), to: node, shard: context.peers.home(of: client, on: node),
                at: context.now.books)
        }
        settle(name, grant.number, grantedBy: granter)
    }

    /// Of a client that was just let in by what a node decided, which may not have been its owner any more, or may have
    /// forgotten since: the owner is yet to hear of a claim that was granted after this node had told it what is here.
    private mutating func settle(
        _ name: SessionName, _ number: UInt64, grantedBy granter: UInt8
    ) {
        settle(name)
        guard context.places.claims[name] != nil,
            case .node(let owner) = context.peers.owner(of: Partition(name)),
            owner != granter
                || number < ClientPlaces.firstNumber(under: context.peers.owners.number)
        else { return }
        tellPlaces(named: [name])
    }

    /// A client is here, and on another node as well as far as this one has heard: the later claim is right.
    mutating func settle(_ name: SessionName) {
        guard let own = context.places.claims[name], let entry = context.places.owned[name] else {
            return
        }
        if entry.move == nil, own > entry.number {
            if entry.node != Peers.here { tellSuperseded(name, by: own, to: entry.node) }
            context.places.owned[name] = nil
        } else {
            superseded(ClientPlace(name: name, number: max(own, entry.number)))
        }
    }

    mutating func letIn(_ waiting: WaitingClaim) {
        let slot = waiting.connection.slot
        guard context.wire.contains(waiting.connection),
            context.wire[slot].phase == .admitting || context.wire[slot].phase == .awaitingConnect
        else {
            // It has gone meanwhile.
            context.places.ended.append(waiting.name)
            return
        }
        let hasWaited = context.wire[slot].phase == .admitting
        context.wire[slot].settings.expiresAt = waiting.until
        admitClaimed(slot, isOwed: waiting.isOwed)
        if hasWaited { resumeReading(slot) }
    }

    /// What was counted of a device's days elsewhere, goes on from there.
    private mutating func adopt(
        _ days: [DayUsage], of device: DeviceIdentity, _ connection: Token
    ) {
        guard !days.isEmpty else { return }
        adopt(days.map { UsageBatch.Entry(device: device, usage: $0) }, at: context.now.wall)
        guard context.wire.contains(connection) else { return }
        context.quota.adopt(
            days, by: &context.wire[connection.slot].settings, at: context.now.books)
    }

    // MARK: Who decides

    /// The owner of a client decides that it may come in, and has it leave where it was.
    ///
    /// - Parameter hasWaited: for those who may have its session, and have not said so.
    mutating func decide(
        _ name: SessionName, _ by: DisplacedBy, isCleanStart: Bool, hasWaited: Bool = false
    ) {
        let now = context.places.owned[name]
        guard now?.move == nil else {
            if case .here(let waiting) = by { wait(waiting) }
            context.places.owned[name]?.move?.claims.append((by, isCleanStart))
            return
        }
        let holder = now?.node ?? Peers.here
        let isKnown = now.map { context.peers.isReachable($0.node) } ?? false
        if !isKnown, !isCleanStart, !hasWaited, mustWait(name, by) {
            if case .here(let waiting) = by { wait(waiting) }
            return
        }
        let number = context.places.nextNumber(of: name, under: context.peers.owners.number)
        guard holder != by.node else {
            place(name, at: by.node, number)
            return grant(name, by, from: holder, nil)
        }
        context.places.owned[name] = ClientPlaces.Entry(
            node: by.node, number: number, move: ClientPlaces.Move(to: by))
        if case .here(let waiting) = by { wait(waiting) }
        guard holder != Peers.here else {
            return yield(
                name, isCleanStart: isCleanStart, to: by, of: by.node, isDecidedHere: true)
        }
        guard context.peers.isReachable(holder), let client = Client(stored: name) else {
            return decide(name, by, YieldedClient(wasConnected: false, days: [], session: nil))
        }
        let request = context.peers.request(
            holder,
            for: .yield(name, by, isCleanStart: isCleanStart, sinceTick: context.now.tick))
        context.places.owned[name]?.move?.holder = holder
        context.peers.send(
            .yield(
                name, isCleanStart: isCleanStart, request,
                to: by.node == Peers.here ? context.commons.node : context.peers.name(of: by.node)),
            to: holder,
            shard: context.peers.home(of: client, on: holder), at: context.now.books)
    }

    /// Notes where a client is. One that is here without another claim to it is not noted.
    private mutating func place(_ name: SessionName, at node: UInt8, _ number: UInt64) {
        if node == Peers.here {
            context.places.owned[name] = nil
            context.places.claims[name] = number
        } else {
            context.places.owned[name] = ClientPlaces.Entry(node: node, number: number)
        }
    }

    /// The client has left where it was: it may come in now.
    mutating func decide(_ name: SessionName, _ by: DisplacedBy, _ yielded: YieldedClient) {
        guard let entry = context.places.owned[name], let move = entry.move, move.to == by else {
            // Another node has become the owner meanwhile, and this one again it may be.
            let move = context.places.takeAbandoned(name, by)
            return grant(
                name, by, from: move?.holder ?? Peers.here, yielded, number: move?.number)
        }
        if by.node == Peers.here || context.peers.isReachable(by.node) {
            place(name, at: by.node, entry.number)
        } else {
            // The one that it was given to has gone: it stays where it was.
            place(name, at: move.holder, entry.number)
        }
        grant(name, by, from: move.holder, yielded)
        for message in move.messages { broker.deliver(message, in: &context) }
        for (place, target) in move.told { take(place, of: target) }
        for claim in move.claims { decide(name, claim.by, isCleanStart: claim.isCleanStart) }
    }

    private mutating func grant(
        _ name: SessionName, _ by: DisplacedBy, from holder: UInt8, _ yielded: YieldedClient?,
        number decided: UInt64? = nil
    ) {
        let number =
            decided ?? context.places.owned[name]?.number ?? context.places.claims[name] ?? 0
        let from =
            holder == Peers.here ? context.commons.node : context.peers.name(of: holder)
        var session: (content: StoredSession, from: NodeName)?
        if let content = yielded?.session, let from { session = (content, from) }
        let isHereStill = holder == Peers.here && by.node == Peers.here
        let days = isHereStill ? daysUnderWay(name) : merged(yielded?.days ?? [], name)
        let grant = ClaimGrant(
            number: number, hasDisplaced: yielded?.wasConnected ?? false, days: days,
            session: session)
        switch by {
        case .here(let waiting): granted(waiting, grant, by: Peers.here)
        case .node(_, let served):
            context.peers.answer(served, .granted(grant), at: context.now.books)
        }
    }

    /// Of a device that comes where its counts are kept: those that are not on the disk yet, where the rest is found.
    private func daysUnderWay(_ name: SessionName) -> [DayUsage] {
        guard case .device(let device) = Client(stored: name) else { return [] }
        return context.places.countsUnderWay.days(of: device.identity)
    }

    /// With what this node has heard of the device's days.
    private mutating func merged(_ days: [DayUsage], _ name: SessionName) -> [DayUsage] {
        guard case .device(let device) = Client(stored: name) else { return [] }
        var record = UsageRecord()
        for usage in knownUsage(of: device.identity) { record.record(usage) }
        for usage in days { record.record(usage) }
        // Today, wherever the device's day begins, and the days beside it.
        let today = Day(of: context.now.books, at: .utc)
        return record.days.filter { abs(Int($0.day.number) - Int(today.number)) <= 1 }
    }

    // MARK: Who goes

    /// A client has connected to another node, or takes up a session of this one elsewhere: its connection ends, and its
    /// session goes to `by`.
    mutating func yield(
        _ name: SessionName, isCleanStart: Bool, to by: DisplacedBy, of node: UInt8,
        isDecidedHere: Bool
    ) {
        guard let client = Client(stored: name) else { return }
        context.places.claims[name] = nil
        endArrival(of: name)
        var order = YieldOrder(what: .session(by), to: node, isDecidedHere: isDecidedHere)
        if case .device(let device) = client { order.days = knownUsage(of: device.identity) }
        var found: Token?
        do throws(StoreError) {
            found = try broker.session(of: client, in: &context)
            if let found { try broker.loadQueue(found.slot, in: &context) }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            found = nil
        }
        if let connection = broker.connection(of: client, in: &context),
            context.wire[connection.slot].phase == .open
        {
            order.wasConnected = true
            // What it sent before it came back is served first.
            serveAtOnce(connection)
            if context.wire[connection.slot].isReading { receive(connection.slot) }
            if context.wire.contains(connection) { end(connection.slot, .sessionTakenOver) }
            context.counters.add(.takeovers)
        }
        if let found, broker.leavesForNode(found, isCleanStart: isCleanStart, in: &context) {
            return broker.handOver(name, order)
        }
        yielded(
            name, order,
            YieldedClient(wasConnected: order.wasConnected, days: order.days, session: nil))
    }

    private mutating func yielded(
        _ name: SessionName, _ order: YieldOrder, _ client: YieldedClient
    ) {
        guard case .session(let by) = order.what else { return }
        switch by {
        case .node(_, let served) where !order.isDecidedHere:
            context.peers.answer(served, .yielded(client), at: context.now.books)
        case .node, .here: decide(name, by, client)
        }
    }

    /// What the disk has been waited for with.
    mutating func finishYields() {
        guard !context.places.finishedYields.isEmpty else { return }
        var finished: [(SessionName, DisplacedBy, YieldedClient)] = []
        swap(&finished, &context.places.finishedYields)
        for (name, by, client) in finished { decide(name, by, client) }
    }

    // MARK: Who is where

    /// Another node has the client. Of two that have it, the later claim is right; by the same one both have it only when
    /// the second has inherited it.
    mutating func take(_ place: ClientPlace, of target: NodeMail.Target) {
        // Of a partition that this node is yet to hear that it owns, too: the other one has heard of it first.
        let entry = context.places.owned[place.name]
        guard entry?.move == nil else {
            context.places.owned[place.name]?.move?.told.append((place, target))
            return
        }
        var number = place.number
        if let entry, entry.node == target.node {
            // What it tells may have crossed what it was granted.
            number = max(number, entry.number)
        } else if let entry, context.peers.isReachable(entry.node) {
            guard number >= entry.number else {
                return tellSuperseded(place.name, by: entry.number, to: target.node)
            }
            tellSuperseded(place.name, by: number, to: entry.node)
        } else if entry == nil, let own = context.places.claims[place.name] {
            guard number > own else {
                return tellSuperseded(place.name, by: own, to: target.node)
            }
            superseded(place)
        }
        context.places.owned[place.name] = ClientPlaces.Entry(node: target.node, number: number)
    }

    private mutating func tellSuperseded(_ name: SessionName, by number: UInt64, to node: UInt8) {
        guard let client = Client(stored: name) else { return }
        context.peers.send(
            .superseded(ClientPlace(name: name, number: number)), to: node,
            shard: context.peers.home(of: client, on: node), at: context.now.books)
    }

    /// Another node has this claim to the client: what is here by that one, or an earlier one, is void.
    mutating func superseded(_ place: ClientPlace) {
        guard let own = context.places.claims[place.name], own <= place.number,
            let client = Client(stored: place.name)
        else { return }
        if let connection = broker.connection(of: client, in: &context),
            context.wire[connection.slot].phase == .open
        {
            end(connection.slot, .sessionTakenOver)
        }
        endArrival(of: place.name)
        broker.dropSession(place.name, in: &context)
    }

    /// At the end of a turn: owners hear of clients of which nothing is here any more.
    mutating func releaseEnded() {
        guard !context.places.ended.isEmpty else { return }
        var ended: [SessionName] = []
        swap(&ended, &context.places.ended)
        for name in ended {
            guard let number = context.places.claims[name], let client = Client(stored: name),
                broker.known(client) == nil
            else { continue }
            context.places.claims[name] = nil
            guard case .node(let owner) = context.peers.owner(of: Partition(name)) else { continue }
            context.peers.send(
                .released(ClientPlace(name: name, number: number)), to: owner,
                shard: context.peers.home(of: client, on: owner), at: context.now.books)
        }
    }
}
