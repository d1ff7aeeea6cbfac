import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Other nodes of the cluster: they come and go, and their shards speak to this one.
extension Shard {
    // MARK: Coming and going

    mutating func nodeArrived(_ node: NodeArrival) {
        context.peers.add(node, at: context.now.tick)
        broker.announceFilters(to: node.number, in: &context)
        broker.announceCrowded(to: node.number, in: &context)
        if isAboutToBeTold(of: node.number) { broker.holdForwards(to: node.number, in: &context) }
        broker.beginForwards(to: node.number, in: &context)
        broker.endInheritance(from: node.number)
        awaitWelcome(of: node)
        tellPlaces { $0 == .node(node.number) }
        markPlacesTold(to: node.number)
        context.places.told.isComplete = nil
    }

    mutating func nodeLost(_ node: UInt8) {
        let waits = context.peers.remove(node)
        context.places.lostTicks[node] = context.now.tick
        broker.loseFilters(of: node)
        // One that has come since the node was heard of last has heard nothing of it, and did not hear of it from here.
        let silence = ShardTime.ticks(milliseconds: Self.silenceMilliseconds)
        let tick = context.now.tick
        for newcomer in context.peers.reachable(since: tick > silence ? tick - silence : 0) {
            broker.announceFilters(of: node, to: newcomer, in: &context)
        }
        broker.loseCrowded(of: node)
        broker.forwardAgain(to: node)
        context.places.told.forget(node)
        loseArrivals(of: node)
        if isTold(of: node) {
            for (name, entry) in context.places.owned
            where entry.node == node && entry.move == nil {
                context.places.owned[name] = nil
            }
        }
        readdressForwards(of: node)
        for wait in waits { lost(wait) }
    }

    /// More than a link takes to notice that a node is gone.
    private static var silenceMilliseconds: Int64 { 30_000 }

    mutating func nodeRemoved(_ node: UInt8) {
        broker.forgetFilters(of: node, in: &context)
        broker.forgetForwards(to: node, in: &context)
    }

    /// Asks each of its shards for nothing: the answer comes behind the filters that they tell when they hear of us.
    private mutating func awaitWelcome(of node: NodeArrival) {
        guard isAwaitingWelcomes else { return }
        context.peers.welcomes.ask(node.number, shards: node.shards)
        for shard in 0..<node.shards {
            let request = context.peers.request(node.number, for: .welcome(node.number))
            context.peers.send(
                .ask(.lastSeen([]), request), to: node.number, shard: shard, at: context.now.books)
        }
    }

    /// Takes connections when all who own clients have told what their applications want.
    private mutating func lookAtWelcomes() {
        guard isAwaitingWelcomes, context.peers.owners.number > 0,
            context.peers.welcomes.areComplete(of: context.peers.owners.others)
        else { return }
        acceptAgainAt = context.now.monotonic
    }

    /// No answer comes any more.
    private mutating func lost(_ wait: NodeWait) {
        switch wait {
        case .filter(let confirmation):
            if let confirmation { broker.confirmed(confirmation, in: &context) }
        case .delivery(let sender, let content, let target):
            broker.deliveryLost(content, to: target, for: sender, in: &context)
        case .forward: break
        case .outcome(let sender): broker.tell(sender, .notConnected, in: &context)
        case .claim(let waiting): admitUnclaimed(waiting)
        case .yield(let name, let by, let isCleanStart, _):
            if isCleanStart || !waitsForHeir(name, by) {
                decide(name, by, YieldedClient(wasConnected: false, days: [], session: nil))
            }
        case .welcome(let node): context.peers.welcomes.lose(node)
        case .question(let answer): answer(nil)
        }
    }

    /// Partitions have other owners: those are told which of their clients are here.
    mutating func ownersChanged(_ owners: PartitionOwners) {
        guard owners.number > context.peers.owners.number else { return }
        let before = context.peers.owners
        context.peers.owners = owners
        for name in context.places.owned.keys {
            if owners.owner(of: Partition(name)) == Peers.here {
                settle(name)
            } else if !isToldAhead(of: name) {
                forgetPlace(of: name)
            }
        }
        // Who was the owner under a table that this node has not seen has forgotten what it was told.
        let hasSeenAll = owners.number == before.number + 1
        tellPlaces(of: { !hasSeenAll || before.owner(of: $0) != owners.owner(of: $0) }) { _ in
            true
        }
        markPlacesTold()
        context.places.told.isComplete = nil
        lookAtWelcomes()
        lookAtOwnerless()
        lookAtUndecided()
    }

    /// Whether the node that has the client has said so under these owners, or later ones, of whom this node may be one: it
    /// does not say it again.
    private func isToldAhead(of name: SessionName) -> Bool {
        guard let entry = context.places.owned[name], entry.move == nil, entry.node != Peers.here,
            context.peers.isReachable(entry.node), let client = Client(stored: name)
        else { return false }
        let target = NodeMail.Target(
            node: entry.node, shard: context.peers.home(of: client, on: entry.node))
        return context.places.told.hasTold(target, under: context.peers.owners.number)
    }

    /// Another node decides about the client from here on; those who wait for this one are let in by it.
    private mutating func forgetPlace(of name: SessionName) {
        guard let entry = context.places.owned.removeValue(forKey: name), let move = entry.move
        else { return }
        // What comes of it is said to who has been promised the client, with the number that was decided.
        context.places.abandoned[name, default: []].append(
            ClientPlaces.AbandonedMove(to: move.to, holder: move.holder, number: entry.number))
        for message in move.messages { broker.deliver(message, in: &context) }
        for claim in move.claims { handBack(claim.by) }
    }

    /// In one message, which a link has to carry: names have at most 500 bytes.
    private static var placesAtOnce: Int { 4_096 }

    /// Tells owners of the clients that are here.
    private mutating func tellPlaces(
        of isMeant: (Partition) -> Bool = { _ in true }, at isOwner: (NodePlace) -> Bool
    ) {
        tell(context.places.claims.map { ($0.key, $0.value) }, of: isMeant, at: isOwner)
    }

    /// Of these only.
    mutating func tellPlaces(named names: [SessionName]) {
        tell(names.map { ($0, context.places.claims[$0] ?? 0) }, of: { _ in true }) { _ in true }
    }

    private mutating func tell(
        _ claims: [(SessionName, UInt64)], of isMeant: (Partition) -> Bool,
        at isOwner: (NodePlace) -> Bool
    ) {
        var places: [NodeMail.Target: [ClientPlace]] = [:]
        for (name, number) in claims {
            let partition = Partition(name)
            let owner = context.peers.owner(of: partition)
            guard isMeant(partition), isOwner(owner), case .node(let node) = owner,
                let client = Client(stored: name)
            else { continue }
            let target = NodeMail.Target(
                node: node, shard: context.peers.home(of: client, on: node))
            places[target, default: []].append(ClientPlace(name: name, number: number))
        }
        for (target, places) in places {
            for start in stride(from: 0, to: places.count, by: Self.placesAtOnce) {
                let part = places[start..<min(start + Self.placesAtOnce, places.count)]
                context.peers.send(
                    .holds(Array(part)), to: target.node, shard: target.shard,
                    at: context.now.books)
            }
        }
    }

    // MARK: Mail

    mutating func receive(_ batch: [UInt8], from node: UInt8) {
        guard context.peers.isReachable(node) else { return }
        var mail: [(NodeMail, NodeMail.Target)] = []
        do throws(MalformedRecord) {
            let unread = try NodeBatch.read(batch, at: context.now.books) { message, shard in
                mail.append((message, NodeMail.Target(node: node, shard: shard)))
            }
            context.counters.add(.nodeMailUnread, unread)
        } catch {
            context.counters.add(.nodeMailUnread)
            return
        }
        for (message, target) in mail { receive(message, from: target) }
    }

    private mutating func receive(_ mail: NodeMail, from target: NodeMail.Target) {
        switch mail {
        case .subscribe(let filter, let hasConnected, let isStored, let request):
            broker.subscribeElsewhere(
                filter, hasConnected: hasConnected, isStored: isStored, request, target,
                in: &context)
        case .unsubscribe(let filter, let request):
            broker.unsubscribeElsewhere(filter, target, in: &context)
            answer(request, .done, to: target)
        case .filtersTold: broker.dropUntoldFilters(of: target, in: &context)
        case .away(let node, let shard, let shards, let filter):
            broker.learnFilter(filter, of: node, shard: shard, shards: shards, in: &context)
        case .crowded(let session, let filters):
            broker.noteCrowded(session, filters, on: target)
        case .connected(let share, let isConnected):
            broker.noteShareConnected(share, isConnected, target)
        case .deliver(let message, let delivery, let request):
            broker.receive(message, delivery, request, from: target, in: &context)
        case .forward(let number, let message, let delivery, let request):
            broker.receive(number, message, delivery, request, from: target, in: &context)
        case .forwarding(let numbers, let first):
            broker.settleOthers(than: numbers, first: first, from: target, in: &context)
        case .settled(let numbers, let keeper):
            broker.settle(numbers, keptBy: keeper, from: target.node, in: &context)
        case .toDevice(let message, let isRetained, let device, let isForwarded, let request):
            broker.receive(
                message, isRetained: isRetained, for: device, isForwarded: isForwarded, request,
                from: target, in: &context)
        case .claim(let name, let isCleanStart, let request):
            let served = context.peers.begin(request, of: target)
            decide(name, .node(target.node, served: served), isCleanStart: isCleanStart)
        case .yield(let name, let isCleanStart, let request, let node):
            let served = context.peers.begin(request, of: target)
            yield(
                name, isCleanStart: isCleanStart, to: .node(target.node, served: served),
                of: node.flatMap { context.commons.neighbours?.number(of: $0) } ?? Peers.unknown,
                isDecidedHere: false)
        case .taken(let name):
            guard let yielded = context.places.yielded[name] else { return }
            broker.handOver(
                name, YieldOrder(what: .rest(target, from: yielded.next), to: target.node))
        case .left(let name): left(name, by: target.node)
        case .rest(let name, let messages): broker.takeRest(messages, of: name, in: &context)
        case .holds(let places): for place in places { take(place, of: target) }
        case .released(let place):
            let entry = context.places.owned[place.name]
            if entry?.node == target.node, entry?.number == place.number, entry?.move == nil {
                context.places.owned[place.name] = nil
            }
        case .superseded(let place): superseded(place)
        case .placesTold(let mark): placesTold(mark, by: target)
        case .counted(let entries, let time):
            adopt(entries, at: time)
        case .ask(let question, let request): answer(question, request, to: target)
        case .answer(let request, let answer): take(answer, to: request, from: target)
        }
    }

    mutating func answer(
        _ request: NodeRequest, _ answer: NodeAnswer, to target: NodeMail.Target
    ) {
        context.peers.send(
            .answer(request, answer), to: target.node, shard: target.shard, at: context.now.books)
    }

    private mutating func take(
        _ answer: NodeAnswer, to request: NodeRequest, from target: NodeMail.Target
    ) {
        guard let wait = context.peers.take(request, from: target.node) else { return }
        switch (wait, answer) {
        case (.delivery(let sender, _, _), .done): broker.tell(sender, .queued, in: &context)
        case (.delivery(let sender, _, _), .notStored):
            broker.tell(sender, .notStored, in: &context)
        case (.forward(let place, let number), .done):
            broker.forwardAnswered(number, to: place, isTaken: true, in: &context)
        case (.forward(let place, let number), _):
            broker.forwardAnswered(number, to: place, isTaken: false, in: &context)
        case (.outcome(let sender), .outcome(let outcome)):
            broker.tell(sender, outcome, in: &context)
        case (.claim(let waiting), .granted(let grant)):
            granted(waiting, grant, by: target.node)
        case (.claim(let waiting), .askAgain): claimAgain(waiting)
        case (.yield(let name, let by, _, _), .yielded(let client)): decide(name, by, client)
        case (.question(let body), .unknown): body(nil)
        case (.question(let body), _): body(answer)
        case (.welcome(let node), _):
            context.peers.welcomes.answered(node)
            lookAtWelcomes()
        case (.filter, _), (.delivery, _), (.outcome, _), (.claim, _), (.yield, _): lost(wait)
        }
    }

    // MARK: Questions

    private mutating func answer(
        _ question: NodeQuestion, _ request: NodeRequest, to target: NodeMail.Target
    ) {
        switch question {
        case .onlineCount(let product):
            answer(request, .count(UInt64(context.quota.onlineCount(of: product))), to: target)
        case .connection(let device):
            answer(request, .connection(deviceConnection(device)), to: target)
        case .outcomes(let device):
            answer(request, .outcomes(context.wire.journal.outcomes(of: device)), to: target)
        case .refusals(let devices):
            let refusals = devices.map { context.wire.journal.lastRefusal(of: $0) }
            answer(request, .refusals(refusals), to: target)
        case .lastSeen(let devices):
            answer(request, .times(devices.map { lastSeen($0) }), to: target)
        case .usage(let device): answer(request, .days(knownUsage(of: device)), to: target)
        case .kick(let device): answer(request, .flag(kick(device)), to: target)
        case .recall(let account): giveBack(account, answering: request, to: target)
        case .follow(let source, let number): answer(request, follow(source, number), to: target)
        case .endFollowing(let source, let number):
            endFollowing(source, number)
            answer(request, .done, to: target)
        case .connections(let slot, let product, let limit):
            let limit = min(limit, SlotsSeen.answerMaximum)
            answer(
                request, .connections(connections(from: slot, of: product, limit: limit)),
                to: target)
        case .productDays(let product, let from, let to):
            // Once for all shards of the node.
            let days = context.index == 0 ? productDays(of: product, from: from, to: to) : []
            answer(request, .productDays(days), to: target)
        case .daysOfProducts(let products, let from, let to):
            answer(
                request, .daysOfProducts(days(of: products, from: from, to: to)), to: target)
        case .online(let products, let from, let to):
            let counts = online(of: products, from: from, to: to)
            answer(request, counts.map { .online($0) } ?? .unknown, to: target)
        case .figures: answer(request, .figures(figures()), to: target)
        case .imagePiece(let file, let offset):
            let files = context.commons.firmwareFiles
            answer(request, .piece(files.piece(of: file, at: offset)), to: target)
        case .images(let files):
            let flags = files.prefix(NodeQuestion.imagesMaximum)
                .map { context.commons.firmwareFiles.open($0) != nil }
            answer(request, .flags(flags), to: target)
        case .pass: answer(request, .done, to: target)
        case .unknown:
            context.counters.add(.nodeMailUnread)
            answer(request, .unknown, to: target)
        }
    }

    /// What this node has counted of a device, on the disk or not.
    mutating func knownUsage(of device: DeviceIdentity) -> [DayUsage] {
        var record = UsageRecord()
        do throws(StoreError) {
            record = try context.commons.usage.usage(of: device) ?? record
        } catch {
            context.wire.journal.noteStoreFailure(.usageRead, error)
        }
        for usage in context.places.countsUnderWay.days(of: device) { record.record(usage) }
        for usage in context.quota.unsettled(device) { record.record(usage) }
        return record.days
    }

    /// What other nodes have counted of devices.
    mutating func adopt(_ entries: [UsageBatch.Entry], at time: Timestamp) {
        context.places.countsUnderWay.begin(entries)
        let devices = entries.map(\.device)
        let mailbox = context.commons.mailboxes[context.index]
        let log = context.commons.log
        context.commons.usage.adopt(entries, at: time) { result in
            let isWritten = log.takes(result, of: .usageWrite)
            mailbox.post(.countsAdopted(devices, isWritten: isWritten))
        }
    }

    private func productDays(of product: ProductKey, from: Day, to: Day) -> [ProductDay] {
        guard from <= to else { return [] }
        do throws(StoreError) {
            return try context.commons.usage.totals(of: product, in: from...to)
        } catch {
            context.wire.journal.noteStoreFailure(.usageRead, error)
            return []
        }
    }

    /// The nodes that can be reached, and how many shards each has.
    func reachableNodes() -> [NodeName: Int] {
        var found: [NodeName: Int] = [:]
        for node in context.peers.reachable {
            if let name = context.peers.name(of: node) {
                found[name] = context.peers.shards(of: node)
            }
        }
        return found
    }

    /// Asks one shard of a node; `nil` when there is no answer.
    mutating func askNode(
        _ name: NodeName, shard: Int, _ question: NodeQuestion,
        _ answer: @escaping @Sendable (NodeAnswer?) -> Void
    ) {
        guard let node = context.peers.node(named: name), shard < context.peers.shards(of: node)
        else { return answer(nil) }
        let request = context.peers.request(node, for: .question(answer))
        context.peers.send(
            .ask(question, request), to: node, shard: shard, at: context.now.books)
    }

    /// Asks the shards of all other nodes: those that are a device's home, or all. `answer` is called once, with as
    /// many answers as have come.
    mutating func askNodes(
        _ question: NodeQuestion,
        home device: DeviceIdentity?,
        _ answer: @escaping @Sendable ([NodeAnswer]) -> Void
    ) {
        var targets: [NodeMail.Target] = []
        for node in context.peers.reachable {
            if let device {
                targets.append(
                    NodeMail.Target(node: node, shard: context.peers.home(of: device, on: node)))
            } else {
                targets += (0..<context.peers.shards(of: node)).map {
                    NodeMail.Target(node: node, shard: $0)
                }
            }
        }
        let answers = NodeAnswers(of: targets.count, answer)
        for target in targets {
            let request = context.peers.request(
                target.node, for: .question { answers.add($0) })
            context.peers.send(
                .ask(question, request), to: target.node, shard: target.shard,
                at: context.now.books)
        }
    }
}
