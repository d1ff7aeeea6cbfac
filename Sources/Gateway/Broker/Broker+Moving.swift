import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Devices of a cluster are connected to any node, and their sessions are where they were last: messages find them, and
// sessions follow them.
extension Broker {
    // MARK: Messages to devices

    /// Hands a message to a device, wherever it is. This is its home shard.
    mutating func deliverToDeviceAnywhere(
        _ device: DeviceIdentity,
        _ message: borrowing OutboundMessage,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        guard !context.peers.isAlone, !isConnected(device, in: &context) else {
            return deliverToDevice(device, message, for: sender, sharing: &shared, in: &context)
        }
        switch context.peers.owner(of: Partition(device)) {
        case .unreachable:
            return deliverToDevice(device, message, for: sender, sharing: &shared, in: &context)
        case .node(let owner):
            return send(
                message, to: device, on: owner, isForwarded: false, for: sender, sharing: &shared,
                in: &context)
        case .here: break
        }
        let name = Self.storeName(of: device)
        guard let entry = context.places.owned[name] else {
            return deliverToDevice(device, message, for: sender, sharing: &shared, in: &context)
        }
        if entry.move != nil {
            let held = HeldDownlink(
                message: Self.shared(message, &shared), isRetained: message.isRetained,
                device: device, sender: sender)
            return context.places.hold(held, for: name) ? .pending : .decided(.queueFull)
        }
        guard context.peers.isReachable(entry.node) else { return .decided(.notConnected) }
        return send(
            message, to: device, on: entry.node, isForwarded: true, for: sender, sharing: &shared,
            in: &context)
    }

    private func isConnected(_ device: DeviceIdentity, in context: inout ShardContext) -> Bool {
        guard let session = known(device) else { return false }
        return openConnection(of: session.slot, in: &context) != nil
    }

    private func send(
        _ message: borrowing OutboundMessage,
        to device: DeviceIdentity,
        on node: UInt8,
        isForwarded: Bool,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let request =
            sender.isAwaiting ? context.peers.request(node, for: .outcome(sender)) : nil
        context.peers.send(
            .toDevice(
                Self.shared(message, &shared), isRetained: message.isRetained, device,
                isForwarded: isForwarded, request),
            to: node, shard: context.peers.home(of: device, on: node), at: context.now.books)
        return .pending
    }

    /// A message that another node has sent here: for a device that is here, or whose owner this is.
    mutating func receive(
        _ message: Message,
        isRetained: Bool,
        for device: DeviceIdentity,
        isForwarded: Bool,
        _ request: NodeRequest?,
        from target: NodeMail.Target, in context: inout ShardContext
    ) {
        let sender =
            request.map {
                DownlinkSender.node(context.peers.begin($0, of: target, wantsOutcome: true))
            } ?? .nobody
        let isOwned = !isForwarded && context.peers.owner(of: Partition(device)) == .here
        var shared: Message? = message
        message.withOutbound(isRetained: isRetained) { outbound in
            let outcome =
                isOwned
                ? deliverToDeviceAnywhere(
                    device, outbound, for: sender, sharing: &shared, in: &context)
                : deliverToDevice(device, outbound, for: sender, sharing: &shared, in: &context)
            report(outcome, to: sender, in: &context)
        }
    }

    /// A message that waited for a device that changed nodes.
    mutating func deliver(_ held: HeldDownlink, in context: inout ShardContext) {
        var shared: Message? = held.message
        held.message.withOutbound(isRetained: held.isRetained) { outbound in
            let outcome = deliverToDeviceAnywhere(
                held.device, outbound, for: held.sender, sharing: &shared, in: &context)
            report(outcome, to: held.sender, in: &context)
        }
    }

    // MARK: Sessions that leave

    /// A client has connected to another node: takes its session from the connection, which is about to be closed, and
    /// says whether it is to follow the client. One that is not has ended.
    mutating func leavesForNode(
        _ token: Token, isCleanStart: Bool, in context: inout ShardContext
    ) -> Bool {
        let session = token.slot
        let goesOn = !isCleanStart && isToBeKept(session, in: &context)
        if sessions[slot: session].connection != nil {
            detach(session, isResumed: goesOn, in: &context)
            guard goesOn else {
                endSession(token, in: &context)
                return false
            }
            setAside(session, in: &context)
        } else if !goesOn {
            endSession(token, in: &context)
        }
        return goesOn
    }

    /// Has the session of that name read, and handed to the one who wants it, when all that was written of it is on
    /// the disk.
    mutating func handOver(_ name: SessionName, _ order: YieldOrder) {
        sessionWrites.append(nil, then: .yield(name, order))
    }

    /// All that was being written is on the disk. What has come meanwhile is waited for as well.
    mutating func handOverSettled(
        _ name: SessionName, _ order: YieldOrder, in context: inout ShardContext
    ) {
        // A message of QoS 2 that is being taken goes with its packet identifier.
        let isTaking = gathers.contains { gather in
            sessions.contains(gather.session)
                && sessions[slot: gather.session.slot].stored?.name == name
        }
        if isTaking { return handOver(name, order) }
        guard sessionWrites.isSettled || order.tries == 0 else {
            return handOver(name, order.again)
        }
        var stored: StoredSession?
        do throws(StoreError) {
            stored = try sessionReader.session(name)
            if let found = stored,
                !found.canTravel(
                    record: Self.transferBytes, message: Self.messageBytes)
            {
                // Of thousands of long filters, or with a message from before the gateway was a node: it stays, and
                // the client begins anew.
                context.counters.add(.sessionsTooLargeToMove)
                stored = nil
            }
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
        switch order.what {
        case .session(let by):
            let part = stored?.beginning(upTo: Self.transferBytes)
            if let part { give(stored?.record.claim ?? 0, name, part.next, order, in: &context) }
            let client = YieldedClient(
                wasConnected: order.wasConnected, days: order.days, session: part?.session)
            switch by {
            case .node(_, let served) where !order.isDecidedHere:
                context.peers.answer(served, .yielded(client), at: context.now.books)
            case .node, .here: context.places.finishedYields.append((name, by, client))
            }
        case .rest(let target, let sequence):
            // Unless it was taken back, as the node was lost.
            guard context.places.yielded[name] != nil else { return }
            context.places.yielded[name] = nil
            let pieces = stored?.messages(from: sequence, inPiecesOf: Self.transferBytes) ?? []
            for piece in pieces {
                context.peers.send(
                    .rest(name, piece), to: target.node, shard: target.shard,
                    at: context.now.books)
            }
            dropSession(name, in: &context)
            sessionWrites.append(nil, then: .left(name, target))
        }
    }

    /// A copy of a session goes to another node, unless that is lost by now.
    private func give(
        _ claim: UInt64, _ name: SessionName, _ next: UInt64, _ order: YieldOrder,
        in context: inout ShardContext
    ) {
        if order.to == Peers.unknown || context.peers.isReachable(order.to) {
            context.places.yielded[name] = ClientPlaces.Yielded(
                to: order.to, claim: claim, next: next)
        } else {
            context.places.claims[name] = claim
        }
    }

    /// The node has it by that claim, for good.
    mutating func noteClaim(_ number: UInt64, to name: SessionName, in context: inout ShardContext)
    {
        guard let token = Client(stored: name).flatMap({ known($0) }),
            let stored = sessions[slot: token.slot].stored, stored.claim != number
        else { return }
        sessions[slot: token.slot].stored?.claim = number
        store(token.slot, in: &context)
    }

    /// The largest message that a node takes, with what is about it.
    private static var messageBytes: Int { 4_194_304 }

    /// What of a queue travels at once.
    private static var transferBytes: Int { 1 << 20 }

    /// Forgets a session that another node has: it is not over, so its will stays unpublished. A connection that it
    /// serves ends: its client is elsewhere by now, or comes by another one.
    mutating func dropSession(_ name: SessionName, in context: inout ShardContext) {
        guard let client = Client(stored: name) else { return }
        context.places.claims[name] = nil
        do throws(StoreError) {
            guard let token = try session(of: client, in: &context) else { return }
            sessions[slot: token.slot].will = nil
            if let connection = sessions[slot: token.slot].connection,
                context.wire.contains(connection)
            {
                context.wire[connection.slot].will = nil
                context.wire.end(connection.slot, .sessionTakenOver)
            }
            endSession(token, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
    }

    // MARK: Sessions that come

    /// Takes in a session that another node had, as one of a client that is away. `taken` is done when it is on the
    /// disk. False when there is no room for it: the client gets a new one.
    ///
    /// - Parameter claim: 0: of none, as the other node has it still.
    mutating func takeIn(
        _ content: StoredSession,
        _ name: SessionName,
        claim: UInt64,
        from target: NodeMail.Target?, in context: inout ShardContext
    ) -> Bool {
        guard let client = Client(stored: name), hasRoom else { return false }
        // One that was on its way from here, and comes back.
        dropSession(name, in: &context)
        context.places.yielded[name] = nil
        let (stored, changes) = content.taken(
            as: context.commons.sessions.newNumber(), named: name, claim: claim)
        var product: ProductCatalogue.Slot?
        if case .device(let device) = client {
            do throws(StoreError) {
                product = try context.productSlot(of: device.identity)
            } catch {
                context.wire.journal.noteStoreFailure(.productRead, error)
                return false
            }
        }
        var session = Session(
            stored.record, name, of: client, product: product, start: context.now.books)
        session.restore(stored)
        guard let token = sessions.insert(session) else { return false }
        enter(token.slot)
        absentSessions += 1
        for change in changes { sessionWrites.append(change) }
        sessionWrites.append(nil, then: target.map { .taken(name, $0) })
        if case .application = client {
            _ = spread(
                stored.record.subscriptions, of: token, isStored: true, isConnected: false, nil,
                in: &context)
        }
        scheduleAbsent(token.slot, in: &context)
        return true
    }

    /// What has come for a session on the node that it has left.
    mutating func takeRest(
        _ messages: [QueuedMessage], of name: SessionName, in context: inout ShardContext
    ) {
        guard let client = Client(stored: name) else { return }
        do throws(StoreError) {
            guard let token = try session(of: client, in: &context) else { return }
            try loadQueue(token.slot, in: &context)
            for message in messages { queue(message, token, in: &context) }
            sendInLine(token, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
    }
}

/// What is to be done when all that was written of a session is on the disk.
struct YieldOrder: Sendable {
    enum What: Sendable {
        /// The session goes to the one who has come.
        case session(DisplacedBy)

        /// The node has it: what has come since, from that sequence on, follows.
        case rest(NodeMail.Target, from: UInt64)
    }

    let what: What

    /// The node that the client is at now.
    let to: UInt8
    var wasConnected = false
    var days: [DayUsage] = []

    /// The claim is decided by this shard, so what comes of it is not sent.
    var isDecidedHere = false

    /// How often it waits for what is written meanwhile.
    var tries = 8

    var again: YieldOrder {
        var order = self
        order.tries -= 1
        return order
    }
}
