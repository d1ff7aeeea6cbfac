import Ledger
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Sessions: begun, taken up again, left behind, and ended.
extension Broker {
    // MARK: Finding

    /// The session of a client, connected or away; `nil`: none is in memory.
    func known(_ client: Client) -> Token? {
        clients.slot(hash: client.nameHash) { sessions[slot: $0].client.hasName(of: client) }
            .flatMap { sessions.token(ofSlot: $0) }
    }

    func known(_ device: DeviceIdentity) -> Token? {
        clients.slot(hash: device.nameHash) { sessions[slot: $0].client.hasName(of: device) }
            .flatMap { sessions.token(ofSlot: $0) }
    }

    /// From now on the client's session is found by its name.
    mutating func enter(_ session: UInt32) {
        clients.insert(session, hash: sessions[slot: session].client.nameHash)
    }

    /// The reverse of `enter`.
    mutating func strike(_ session: UInt32) {
        clients.remove(session, hash: sessions[slot: session].client.nameHash)
    }

    /// The connection that serves a client's session, be it about to be closed.
    func connection(of client: Client, in context: inout ShardContext) -> Token? {
        known(client).flatMap { connection(serving: $0, in: &context) }
    }

    func connection(of device: DeviceIdentity, in context: inout ShardContext) -> Token? {
        known(device).flatMap { connection(serving: $0, in: &context) }
    }

    private func connection(serving session: Token, in context: inout ShardContext) -> Token? {
        guard let connection = sessions[slot: session.slot].connection,
            context.wire.contains(connection)
        else { return nil }
        return connection
    }

    /// The slot of the open connection that serves a session; `nil` while the client is away.
    func openConnection(of session: UInt32, in context: inout ShardContext) -> UInt32? {
        guard let connection = sessions[slot: session].connection,
            context.wire.contains(connection),
            context.wire[connection.slot].phase == .open
        else { return nil }
        return connection.slot
    }

    /// The slot of the session that an open connection serves.
    func session(of slot: UInt32, in context: inout ShardContext) -> UInt32 {
        guard let session = context.wire[slot].session else {
            preconditionFailure("an open connection serves a session")
        }
        return session.slot
    }

    // MARK: Beginning

    /// Before a code is consumed for a client: brings what the store has of its session into memory, and holds a
    /// place for a new one, until `endReservation`. False when there is no room. Throws when the store can't be
    /// read.
    mutating func reserveSession(
        of slot: UInt32, in context: inout ShardContext
    ) throws(StoreError) -> Bool {
        let client = context.wire[slot].settings.client
        if let known = try session(of: client, in: &context) {
            try loadQueue(known.slot, in: &context)
        }
        guard hasRoom else { return false }
        reservedSessions += 1
        return true
    }

    mutating func endReservation() { reservedSessions -= 1 }

    /// Whether a session may be begun for which no place is held.
    var hasRoom: Bool { sessions.count + reservedSessions < Int(sessions.limit) }

    /// Gives a connection that has just been admitted its client's session: the one that is there, or
    /// a new one in its place ([MQTT-3.1.2-4] to [MQTT-3.1.2-6]). Answers whether it was there,
    /// and `nil` when there is no room for one more. Throws when the store can't be read.
    ///
    /// - Parameter isOwed: the place was reserved, and the store has been asked: a session that there was is in
    ///   memory, so one that can't be read now is none.
    mutating func openSession(
        for connection: Token, isOwed: Bool = false, in context: inout ShardContext
    ) throws(StoreError) -> Bool? {
        let slot = connection.slot
        let client = context.wire[slot].settings.client
        let found: Token?
        do throws(StoreError) {
            found = try session(of: client, in: &context)
        } catch {
            guard isOwed else { throw error }
            context.counters.add(.sessionReadsFailed)
            context.wire.noteStoreFailure(.sessionRead, error, slot)
            found = nil
        }
        if let known = found {
            try loadQueue(known.slot, in: &context)
            if !context.wire[slot].settings.isCleanStart, isToBeKept(known.slot, in: &context) {
                resume(known, with: connection, in: &context)
                return true
            }
            detach(known.slot, isResumed: false, in: &context)
            endSession(known, in: &context)
        }
        var session = Session(context.wire[slot].settings, connection: connection)
        if session.isPersistent, let stored = Self.storeName(of: client) {
            session.stored = Session.StoredKey(
                name: stored, number: context.commons.sessions.newNumber(),
                claim: context.places.claims[stored] ?? 0)
        }
        guard isOwed || hasRoom, let token = sessions.insert(session) else { return nil }
        enter(token.slot)
        context.wire[slot].session = token
        store(token.slot, in: &context)
        return false
    }

    /// Whether a session is one that the client may find again.
    func isToBeKept(_ session: UInt32, in context: inout ShardContext) -> Bool {
        sessions[slot: session].isPersistent && context.now.books < sessions[slot: session].endsAt
    }

    /// The device has the limit of that slot of its product from now on.
    mutating func place(_ session: UInt32, at product: ProductCatalogue.Slot) {
        sessions[slot: session].productSlot = product
    }

    private mutating func resume(
        _ token: Token, with connection: Token, in context: inout ShardContext
    ) {
        let session = token.slot
        let wasAbsent = sessions[slot: session].connection == nil
        if wasAbsent { absentSessions -= 1 }
        detach(session, isResumed: true, in: &context)
        sessionWheel.cancel(session)
        // A connection in time makes up for the one that was lost ([MQTT-3.1.3-9]).
        sessions[slot: session].will = nil
        sessions[slot: session].connection = connection
        sessions[slot: session].endsAt = Timestamp(milliseconds: .max)
        let settings = context.wire[connection.slot].settings
        sessions[slot: session].client = settings.client
        sessions[slot: session].productSlot = settings.productSlot
        sessions[slot: session].version = settings.version
        sessions[slot: session].expirySeconds = settings.expirySeconds
        sessions[slot: session].queue.resume(limit: settings.receiveMaximum)
        context.wire[connection.slot].session = token
        if wasAbsent { tellConnected(session, true, in: &context) }
        store(session, in: &context)
    }

    /// Takes the session from the connection that has served it, and is about to be closed. Its will
    /// is published then, unless it was to wait, and the session goes on ([MQTT-3.1.3-9]).
    mutating func detach(_ session: UInt32, isResumed: Bool, in context: inout ShardContext) {
        guard let connection = sessions[slot: session].connection,
            context.wire.contains(connection)
        else { return }
        context.wire[connection.slot].session = nil
        announceDeparture(connection.slot, in: &context)
        if isResumed, context.wire[connection.slot].will?.delaySeconds ?? 0 > 0 {
            context.wire[connection.slot].will = nil
        }
        // Before anything that the client says on its new connection.
        publishWill(connection.slot, in: &context)
    }

    // MARK: Leaving

    /// Changes, at its DISCONNECT, how long the client's session lasts (3.14.2.2.2). False when it
    /// was to end with its connection, and so can't be given time any more.
    mutating func changeExpiry(_ slot: UInt32, to seconds: UInt32, in context: inout ShardContext)
        -> Bool
    {
        let session = session(of: slot, in: &context)
        guard seconds == 0 || context.wire[slot].settings.askedExpirySeconds > 0 else {
            return false
        }
        sessions[slot: session].expirySeconds = min(
            seconds, context.commons.limits.sessionExpiryMaximumSeconds)
        return true
    }

    /// Whether the will of a connection that is being closed waits, as the client may come back
    /// (3.1.3.2.2). It then stays with the session.
    mutating func leavesWillBehind(_ slot: UInt32, in context: inout ShardContext) -> Bool {
        guard let session = context.wire[slot].session,
            let will = context.wire[slot].will, will.delaySeconds > 0,
            sessions[slot: session.slot].isPersistent
        else { return false }
        let dueAt = context.now.books.adding(milliseconds: Int64(will.delaySeconds) * 1_000)
        sessions[slot: session.slot].will = (will, dueAt)
        context.wire[slot].will = nil
        return true
    }

    /// The connection is being closed: its session goes with it, or waits for the client to come back.
    mutating func leaveSession(_ slot: UInt32, in context: inout ShardContext) {
        guard let token = context.wire[slot].session else { return }
        context.wire[slot].session = nil
        guard sessions[slot: token.slot].isPersistent else {
            return endSession(token, in: &context)
        }
        setAside(token.slot, in: &context)
        scheduleAbsent(token.slot, in: &context)
    }

    /// The session waits for its client.
    mutating func setAside(_ session: UInt32, in context: inout ShardContext) {
        sessions[slot: session].connection = nil
        absentSessions += 1
        tellConnected(session, false, in: &context)
        redistribute(session, in: &context)
        sessions[slot: session].leftAt = context.now.books
        let seconds = sessions[slot: session].expirySeconds
        if seconds < .max {
            sessions[slot: session].endsAt = context.now.books.adding(
                milliseconds: Int64(seconds) * 1_000)
        }
        store(session, in: &context)
    }

    // MARK: Ending

    /// Forgets all that was kept for a client. A will that waited is due now ([MQTT-3.1.2-8]).
    mutating func endSession(_ token: Token, in context: inout ShardContext) {
        guard sessions.contains(token) else { return }
        let session = token.slot
        strike(session)
        if let connection = sessions[slot: session].connection {
            if context.wire.contains(connection) {
                announceDeparture(connection.slot, in: &context)
                context.wire[connection.slot].session = nil
            }
        } else {
            absentSessions -= 1
        }
        sessionWheel.cancel(session)
        while let subscription = sessions[slot: session].subscriptions.popLast() {
            withdraw(session, subscription, in: &context)
        }
        redistribute(session, in: &context)
        publishWaitingWill(session, in: &context)
        if let stored = sessions[slot: session].stored { remove(stored.name, stored.number) }
        if !context.peers.isAlone, let name = Self.storeName(of: sessions[slot: session].client) {
            context.places.ended.append(name)
        }
        _ = sessions.remove(token)
    }

    private mutating func publishWaitingWill(_ session: UInt32, in context: inout ShardContext) {
        guard let (will, _) = sessions[slot: session].will else { return }
        sessions[slot: session].will = nil
        let message = will.message.expiring(
            afterSeconds: will.messageExpirySeconds, from: context.now.books)
        switch sessions[slot: session].client {
        case .unknown: break
        case .device(let device):
            guard let product = sessions[slot: session].productSlot else { return }
            publishWill(
                message, isRetained: will.isRetained, of: device.identity, product, in: &context)
        case .application:
            var shared: Message? = message
            let publisher = sessions.token(ofSlot: session)
            message.withOutbound(isRetained: will.isRetained) { message in
                if will.isRetained {
                    _ = retain(message, for: .nobody, sharing: &shared, in: &context)
                }
                _ = routeFromApplication(
                    message, from: publisher, for: .nothing, sharing: &shared, in: &context)
            }
        }
    }

    // MARK: Time

    /// Sets the timer of an absent client's session. Looked at once an hour at least, as the calendar
    /// may be set meanwhile.
    mutating func scheduleAbsent(_ session: UInt32, in context: inout ShardContext) {
        let left = sessions[slot: session].dueAt.milliseconds(since: context.now.books)
        let isHeld = sessions[slot: session].stored != nil && sessions[slot: session].isLoaded
        let limit: Int64 = isHeld ? Self.quietMilliseconds : 3_600_000
        let ticks = ShardTime.ticks(milliseconds: min(max(left, 1), limit))
        sessionWheel.schedule(session, at: context.now.tick + ticks)
    }

    /// Does what is due for a client that is away: its will, or the end of its session.
    mutating func lookAtAbsent(_ session: UInt32, in context: inout ShardContext) {
        guard sessions.isOccupied(slot: session), sessions[slot: session].connection == nil,
            let token = sessions.token(ofSlot: session)
        else { return }
        if sessions[slot: session].endsAt <= context.now.books {
            return endSession(token, in: &context)
        }
        if let will = sessions[slot: session].will, will.dueAt <= context.now.books {
            publishWaitingWill(session, in: &context)
            store(session, in: &context)
        }
        scheduleAbsent(session, in: &context)
    }

    /// How long an absent client's stored session stays in memory when nothing happens to it.
    static var quietMilliseconds: Int64 { 60_000 }

    /// Its timer has fired.
    mutating func absentTimerFired(_ session: UInt32, in context: inout ShardContext) {
        lookAtAbsent(session, in: &context)
        guard sessions.isOccupied(slot: session), sessions[slot: session].connection == nil,
            let token = sessions.token(ofSlot: session)
        else { return }
        unload(token, in: &context)
    }
}
