import Bytes
import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Stored sessions: each change is written, and what depends on it waits for the disk.
extension Broker {
    // MARK: Writing

    /// Writes what the session is, besides its messages.
    mutating func store(
        _ session: UInt32, then followUp: SessionWrites.FollowUp? = nil,
        in context: inout ShardContext
    ) {
        guard let stored = sessions[slot: session].stored else { return }
        var will = sessions[slot: session].will?.will
        if let connection = sessions[slot: session].connection,
            context.wire.contains(connection)
        {
            will = context.wire[connection.slot].will
        }
        var record = SessionRecord(
            number: stored.number,
            version: sessions[slot: session].version,
            expiryIntervalSeconds: sessions[slot: session].expirySeconds,
            will: will,
            subscriptions: sessions[slot: session].subscriptions,
            claim: stored.claim,
            connectedAt: context.now.books
        )
        if sessions[slot: session].connection == nil {
            record.end(at: sessions[slot: session].leftAt)
        }
        sessionWrites.append(.put(stored.name, record), then: followUp)
    }

    /// Writes that a message has left the queue.
    mutating func storeGone(_ session: UInt32, _ sequence: UInt64) {
        guard let number = sessions[slot: session].stored?.number else { return }
        sessionWrites.append(.delete(number, sequence: sequence))
    }

    /// At the end of a turn.
    mutating func submitSessionWrites(in context: inout ShardContext) {
        guard let changes = sessionWrites.nextBatch(at: context.now.monotonic) else { return }
        let mailbox = context.commons.mailboxes[context.index]
        let log = context.commons.log
        context.commons.write(changes) { result in
            let isWritten = log.takes(result, of: .sessionWrite)
            mailbox.post(.sessionsWritten(isWritten))
        }
    }

    /// The batch that was under way is on disk, or could not be written.
    mutating func sessionsWritten(_ isWritten: Bool, in context: inout ShardContext) {
        guard isWritten else {
            context.counters.add(.sessionWritesFailed)
            for write in sessionWrites.failed(at: context.now.monotonic) {
                giveUp(write, in: &context)
            }
            return
        }
        var moved: [(Token, UInt64, DownlinkSender)] = []
        for write in sessionWrites.written() {
            switch write.followUp {
            case nil: break
            case .stored(let token, let sequence, let sender):
                if sessions.contains(token) { sessions[slot: token.slot].queue.stored(sequence) }
                moved.append((token, sequence, sender))
            case .storedAt(let place, let sender):
                context.outgoing[place.shard].append(.storedElsewhere(place, isWritten: true))
                tell(sender, .queued, in: &context)
            case .release(let token, let sequence): releaseStored(token, sequence, in: &context)
            case .complete(let connection, let packetID):
                complete(connection, packetID, in: &context)
            case .received(_, _, let sender), .confirm(let sender):
                tell(sender, .queued, in: &context)
            case .subscribed(let confirmation): confirmed(confirmation, in: &context)
            case .removed(let name): forgetRemoval(name)
            case .yield(let name, let order): handOverSettled(name, order, in: &context)
            case .taken(let name, let target):
                context.peers.send(
                    .taken(name), to: target.node, shard: target.shard, at: context.now.books)
            case .left(let name, let target):
                context.peers.send(
                    .left(name), to: target.node, shard: target.shard, at: context.now.books)
            case .inherited(let name, let inheritance):
                inheritedWritten(name, inheritance, in: &context)
            case .handedOut(let number, let shard):
                if shard == context.index {
                    handedOut(number)
                } else {
                    context.outgoing[shard].append(.handedOut(number))
                }
            case .forward(let target, let number, let sender):
                forwards.written(number, to: target)
                if !context.peers.isReachable(target.node) { keptForAway.insert(target.node) }
                sendForwards(to: target, in: &context)
                tell(sender, .queued, in: &context)
            case .forwarded(let number, let node, let arrival):
                forwarded(number, to: node, arrival, in: &context)
            case .tookKept(let key, let keep):
                takings.remove(key)
                inheritedForwardWritten(keep, in: &context)
            case .inheritedForward(let keep): inheritedForwardWritten(keep, in: &context)
            case .took(let key, let sender):
                takings.remove(key)
                tell(sender, .queued, in: &context)
            case .held(let request, let target):
                context.peers.send(
                    .answer(request, .done), to: target.node, shard: target.shard,
                    at: context.now.books)
            }
        }
        for (token, sequence, sender) in moved {
            guard sessions.contains(token) else {
                tell(sender, .notConnected, in: &context)
                continue
            }
            sendInLine(token, in: &context)
            tell(
                sender, sessions[slot: token.slot].sentBelow > sequence ? .delivered : .queued,
                in: &context)
        }
    }

    private mutating func releaseStored(
        _ token: Token, _ sequence: UInt64, in context: inout ShardContext
    ) {
        guard sessions.contains(token),
            let packetID = sessions[slot: token.slot].queue.release(sequence),
            let slot = openConnection(of: token.slot, in: &context)
        else { return }
        release(slot, packetID, in: &context)
        context.wire.flushLater(slot)
    }

    private mutating func complete(
        _ connection: Token, _ packetID: UInt16, in context: inout ShardContext
    ) {
        guard context.wire.contains(connection),
            context.wire[connection.slot].phase == .open
        else { return }
        Pubcomp.encode(
            packetID: packetID,
            version: context.wire[connection.slot].settings.version,
            into: &context.wire[connection.slot].output
        )
        context.wire.flushLater(connection.slot)
    }

    // MARK: Names

    /// What a session that outlives its connection is called in the store; `nil` for a client whose name
    /// is too long for it: its session is kept in memory only.
    static func storeName(of client: Client) -> SessionName? {
        switch client {
        case .unknown: nil
        case .device(let device): SessionName(product: device.product, device: device.device)
        case .application(let application):
            if let key = application.key {
                SessionName(
                    key: key.text.utf8Span.span, clientID: application.clientID.utf8Span.span)
            } else {
                SessionName(anonymous: application.clientID.utf8Span.span)
            }
        }
    }

    static func storeName(of device: DeviceIdentity) -> SessionName {
        SessionName(
            product: device.product.text.utf8Span.span,
            device: device.device.text.utf8Span.span
        )
    }

    // MARK: Loading

    /// A client's session, from memory or the store; `nil` when it has none.
    mutating func session(of client: Client, in context: inout ShardContext) throws(StoreError)
        -> Token?
    {
        if let known = known(client) { return known }
        return try loadSession(of: client, in: &context)
    }

    /// A device's. Allocates nothing when it is in memory.
    mutating func session(of device: DeviceIdentity, in context: inout ShardContext)
        throws(StoreError) -> Token?
    {
        if let known = known(device) { return known }
        return try loadSession(of: .device(DeviceClient(device)), in: &context)
    }

    /// Brings a client's stored session into memory, as one of a client that is away; `nil` when there
    /// is none, or it has expired.
    mutating func loadSession(of client: Client, in context: inout ShardContext) throws(StoreError)
        -> Token?
    {
        guard let name = Self.storeName(of: client) else { return nil }
        if let inherited = try takeInherited(name, in: &context) { return inherited }
        guard removedSessions[name] == nil, let stored = try sessionReader.session(name) else {
            return nil
        }
        return try takeIn(stored, name, of: client, in: &context)
    }

    private mutating func takeIn(
        _ stored: StoredSession,
        _ name: SessionName,
        of client: Client, in context: inout ShardContext
    ) throws(StoreError) -> Token? {
        let record = stored.record
        var product: ProductCatalogue.Slot?
        if case .device(let device) = client {
            product = try context.productSlot(of: device.identity)
        }
        var session = Session(record, name, of: client, product: product, start: startedWall)
        session.restore(stored)
        guard hasRoom, let token = sessions.insert(session) else { return nil }
        enter(token.slot)
        absentSessions += 1
        // It may have expired, and its will be due.
        lookAtAbsent(token.slot, in: &context)
        return sessions.contains(token) ? token : nil
    }

    /// Brings the queue of an application's session into memory, which was left on disk until now.
    mutating func loadQueue(_ session: UInt32, in context: inout ShardContext) throws(StoreError) {
        guard !sessions[slot: session].isLoaded, let name = sessions[slot: session].stored?.name
        else { return }
        if let stored = try sessionReader.session(name) {
            sessions[slot: session].restore(stored)
        }
        sessions[slot: session].isLoaded = true
        if sessions[slot: session].connection == nil { scheduleAbsent(session, in: &context) }
    }

    /// Writes that a session is over. Until that is on disk it is not to be found there.
    mutating func remove(_ name: SessionName, _ number: SessionNumber) {
        removedSessions[name, default: 0] += 1
        sessionWrites.append(.remove(name, number), then: .removed(name))
    }

    private mutating func forgetRemoval(_ name: SessionName) {
        guard let count = removedSessions[name] else { return }
        removedSessions[name] = count > 1 ? count - 1 : nil
    }

    // MARK: Looking around

    /// Loads the stored sessions of devices whose time has come, so that their wills are published, and
    /// they end; those in memory have timers.
    mutating func sweepDueSessions(in context: inout ShardContext) {
        guard context.now.monotonic >= nextSessionSweep else { return }
        nextSessionSweep = context.now.monotonic.adding(milliseconds: Self.sweepMilliseconds)
        sendRefusedForwards(in: &context)
        if context.index == 0 { context.commons.retained.sweep(at: context.now.books) }
        do throws(StoreError) {
            var last: DueSession?
            repeat {
                let page = try sessionReader.due(at: context.now.books, after: last, limit: 256)
                for due in page { try lookAt(due, in: &context) }
                last = page.count == 256 ? page.last : nil
            } while last != nil
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
        }
    }

    private static var sweepMilliseconds: Int64 { 10_000 }

    private mutating func lookAt(_ due: DueSession, in context: inout ShardContext)
        throws(StoreError)
    {
        guard let client = Client(stored: due.name), isAtHome(client, in: &context) else { return }
        guard let known = known(client) else {
            _ = try loadSession(of: client, in: &context)
            return
        }
        // Connected for so long that it is looked at: it will be again.
        if sessions[slot: known.slot].connection != nil { store(known.slot, in: &context) }
    }

    private func isAtHome(_ client: Client, in context: inout ShardContext) -> Bool {
        context.commons.homes.shard(of: client) == context.index
    }

    /// Takes up the stored sessions of applications, whose filters have to be known before their clients
    /// come: every shard reads all of them, before any of them runs, and so knows each one's token at
    /// its home. The home has the session itself, without its queue.
    mutating func loadApplications(in context: inout ShardContext) throws(StoreError) {
        var counts = [UInt32](repeating: 0, count: context.commons.mailboxes.count)
        let store = context.commons.sessions
        var found: [(SessionName, SessionRecord, Client)] = []
        try store.forEachApplication { (name, record) throws(StoreError) in
            if let client = Client(stored: name) { found.append((name, record, client)) }
            return .proceed
        }
        for (name, record, client) in found {
            let home = context.commons.homes.shard(of: client)
            guard counts[home] < UInt32(context.commons.limits.sessionsPerShard) else { continue }
            // The slots of a fresh table are handed out in order, each for the first time.
            let token = Token(slot: counts[home], generation: 1)
            counts[home] += 1
            for subscription in record.subscriptions {
                let subscriber = Subscriber(
                    subscription, shard: home, token: token, isStored: true)
                subscriptions.insert(
                    subscriber, filter: subscription.filter.span, isConnected: false)
                if home == context.index, !context.peers.isAlone {
                    own.insert(subscriber, filter: subscription.filter.span, isConnected: false)
                }
            }
            guard home == context.index else { continue }
            let session = Session(record, name, of: client, product: nil, start: startedWall)
            let own = sessions.insert(session)
            precondition(own == token, "a fresh table's slots come in order")
            enter(token.slot)
            absentSessions += 1
            scheduleAbsent(token.slot, in: &context)
        }
    }

    /// Takes up whose sessions are in the store, so that their owners hear of them: of a cluster only.
    func loadPlaces(in context: inout ShardContext) throws(StoreError) {
        guard !context.peers.isAlone else { return }
        var found: [(SessionName, UInt64)] = []
        try context.commons.sessions.forEachClaim { found.append(($0, $1)) }
        for (name, claim) in found {
            guard let client = Client(stored: name), isAtHome(client, in: &context) else {
                continue
            }
            context.places.claims[name] = claim
        }
    }

    /// Gives back the memory of a session whose client is away, and that nothing has happened to for a
    /// while: the store has all of it.
    mutating func unload(_ token: Token, in context: inout ShardContext) {
        let session = token.slot
        let quiet =
            sessions[slot: session].touchedTick
            + ShardTime.ticks(milliseconds: Self.quietMilliseconds)
        guard sessions[slot: session].stored != nil, sessionWrites.isSettled,
            quiet <= context.now.tick
        else {
            return
        }
        if case .device = sessions[slot: session].client {
            sessionWheel.cancel(session)
            strike(session)
            absentSessions -= 1
            _ = sessions.remove(token)
        } else {
            sessions[slot: session].unload()
        }
    }
}

extension Homes {
    /// Where a client lives that is known by its name.
    func shard(of client: Client) -> Int {
        switch client {
        case .unknown: 0
        case .device(let device): shard(of: device.identity)
        case .application(let application):
            shard(ofClientID: application.clientID.utf8Span.span)
        }
    }
}

extension Client {
    /// The client of a stored session. What an application may do is found out when it comes.
    init?(stored name: SessionName) {
        let rest = name.bytes.dropFirst()
        switch name.kind {
        case .device:
            guard let dot = rest.firstIndex(of: UInt8(ascii: ".")),
                let product = ProductKey(String(decoding: rest[..<dot], as: UTF8.self)),
                let device = DeviceKey(String(decoding: rest[(dot + 1)...], as: UTF8.self))
            else { return nil }
            self = .device(DeviceClient(DeviceIdentity(product: product, device: device)))
        case .application:
            guard let end = rest.firstIndex(of: 0),
                let key = KeyID(String(decoding: rest[..<end], as: UTF8.self))
            else { return nil }
            self = .application(
                ApplicationClient(
                    clientID: String(decoding: rest[(end + 1)...], as: UTF8.self),
                    key: key,
                    rights: .products([])
                )
            )
        case .anonymous:
            self = .application(
                ApplicationClient(
                    clientID: String(decoding: rest, as: UTF8.self),
                    key: nil,
                    rights: .products([])
                )
            )
        }
    }
}
