import Ledger
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Sessions: begun, taken up again, left behind, and ended.
extension Shard {
    // MARK: Finding

    /// The connection that serves a client's session, be it about to be closed.
    func connection(of name: ClientName) -> Token? {
        guard let session = clients[name], sessions.contains(session),
            let connection = sessions[slot: session.slot].connection,
            connections.contains(connection)
        else { return nil }
        return connection
    }

    /// The slot of the open connection that serves a session; `nil` while the client is away.
    func openConnection(of session: UInt32) -> UInt32? {
        guard let connection = sessions[slot: session].connection,
            connections.contains(connection), connections[slot: connection.slot].phase == .open
        else { return nil }
        return connection.slot
    }

    /// The slot of the session that an open connection serves.
    func session(of slot: UInt32) -> UInt32 {
        guard let session = connections[slot: slot].session else {
            preconditionFailure("an open connection serves a session")
        }
        return session.slot
    }

    // MARK: Beginning

    /// Gives a connection that has just been admitted its client's session: the one that is there, or
    /// a new one in its place ([MQTT-3.1.2-4] to [MQTT-3.1.2-6]). Answers whether it was there,
    /// and `nil` when there is no room for one more. Throws when the store can't be read.
    mutating func openSession(for connection: Token) throws(StoreError) -> Bool? {
        let slot = connection.slot
        let client = connections[slot: slot].settings.client
        let name = ClientName(client)
        if let known = try session(of: client), sessions.contains(known) {
            try loadQueue(known.slot)
            if !connections[slot: slot].settings.isCleanStart, isToBeKept(known.slot) {
                resume(known, with: connection)
                return true
            }
            detach(known.slot, isResumed: false)
            endSession(known)
        }
        var session = Session(connections[slot: slot].settings, connection: connection)
        if session.isPersistent, let stored = Self.storeName(of: client) {
            session.stored = (stored, commons.sessions.newNumber())
        }
        guard let token = sessions.insert(session) else { return nil }
        clients[name] = token
        connections[slot: slot].session = token
        store(token.slot)
        return false
    }

    /// Whether a session is one that the client may find again.
    private func isToBeKept(_ session: UInt32) -> Bool {
        sessions[slot: session].isPersistent && clock.wall < sessions[slot: session].endsAt
    }

    private mutating func resume(_ token: Token, with connection: Token) {
        let session = token.slot
        let wasAbsent = sessions[slot: session].connection == nil
        if wasAbsent { absentSessions -= 1 }
        detach(session, isResumed: true)
        sessionWheel.cancel(session)
        // A connection in time makes up for the one that was lost ([MQTT-3.1.3-9]).
        sessions[slot: session].will = nil
        sessions[slot: session].connection = connection
        sessions[slot: session].endsAt = Timestamp(milliseconds: .max)
        let settings = connections[slot: connection.slot].settings
        sessions[slot: session].client = settings.client
        sessions[slot: session].version = settings.version
        sessions[slot: session].expirySeconds = settings.expirySeconds
        sessions[slot: session].queue.resume(limit: settings.receiveMaximum)
        connections[slot: connection.slot].session = token
        if wasAbsent { tellConnected(session, true) }
        store(session)
    }

    /// Takes the session from the connection that has served it, and is about to be closed. Its will
    /// is published then, unless it was to wait, and the session goes on ([MQTT-3.1.3-9]).
    private mutating func detach(_ session: UInt32, isResumed: Bool) {
        guard let connection = sessions[slot: session].connection,
            connections.contains(connection)
        else { return }
        connections[slot: connection.slot].session = nil
        if isResumed, connections[slot: connection.slot].settings.will?.delaySeconds ?? 0 > 0 {
            connections[slot: connection.slot].settings.will = nil
        }
    }

    // MARK: Leaving

    /// Changes, at its DISCONNECT, how long the client's session lasts (3.14.2.2.2). False when it
    /// was to end with its connection, and so can't be given time any more.
    mutating func changeExpiry(_ slot: UInt32, to seconds: UInt32) -> Bool {
        let session = session(of: slot)
        guard seconds == 0 || connections[slot: slot].settings.askedExpirySeconds > 0 else {
            return false
        }
        sessions[slot: session].expirySeconds = min(
            seconds, commons.limits.sessionExpiryMaximumSeconds)
        return true
    }

    /// Whether the will of a connection that is being closed waits, as the client may come back
    /// (3.1.3.2.2). It then stays with the session.
    mutating func leavesWillBehind(_ slot: UInt32) -> Bool {
        guard let session = connections[slot: slot].session,
            let will = connections[slot: slot].settings.will, will.delaySeconds > 0,
            sessions[slot: session.slot].isPersistent
        else { return false }
        let dueAt = clock.wall.adding(milliseconds: Int64(will.delaySeconds) * 1_000)
        sessions[slot: session.slot].will = (will, dueAt)
        connections[slot: slot].settings.will = nil
        return true
    }

    /// The connection is being closed: its session goes with it, or waits for the client to come back.
    mutating func leaveSession(_ slot: UInt32) {
        guard let token = connections[slot: slot].session else { return }
        connections[slot: slot].session = nil
        let session = token.slot
        guard sessions[slot: session].isPersistent else { return endSession(token) }
        sessions[slot: session].connection = nil
        absentSessions += 1
        tellConnected(session, false)
        redistribute(session)
        sessions[slot: session].leftAt = clock.wall
        let seconds = sessions[slot: session].expirySeconds
        if seconds < .max {
            sessions[slot: session].endsAt = clock.wall.adding(milliseconds: Int64(seconds) * 1_000)
        }
        store(session)
        scheduleAbsent(session)
    }

    // MARK: Ending

    /// Forgets all that was kept for a client. A will that waited is due now ([MQTT-3.1.2-8]).
    mutating func endSession(_ token: Token) {
        guard sessions.contains(token) else { return }
        let session = token.slot
        let name = ClientName(sessions[slot: session].client)
        if clients[name] == token { clients[name] = nil }
        if let connection = sessions[slot: session].connection {
            if connections.contains(connection) { connections[slot: connection.slot].session = nil }
        } else {
            absentSessions -= 1
        }
        sessionWheel.cancel(session)
        while let subscription = sessions[slot: session].subscriptions.popLast() {
            withdraw(session, subscription)
        }
        redistribute(session)
        publishWaitingWill(session)
        if let stored = sessions[slot: session].stored { remove(stored.name, stored.number) }
        _ = sessions.remove(token)
    }

    private mutating func publishWaitingWill(_ session: UInt32) {
        guard let (will, _) = sessions[slot: session].will else { return }
        sessions[slot: session].will = nil
        let message = will.message.expiring(
            afterSeconds: will.messageExpirySeconds, from: clock.wall)
        switch sessions[slot: session].client {
        case .unknown: break
        case .device(let device):
            guard let product = sessions[slot: session].productSlot else { return }
            publishWill(message, isRetained: will.isRetained, of: device, product)
        case .application:
            var shared: Message? = message
            let publisher = sessions.token(ofSlot: session)
            message.withOutbound(isRetained: will.isRetained) { message in
                if will.isRetained { _ = retain(message, for: .nobody, sharing: &shared) }
                _ = routeFromApplication(message, from: publisher, for: .nothing, sharing: &shared)
            }
        }
    }

    // MARK: Time

    /// Sets the timer of an absent client's session. Looked at once an hour at least, as the calendar
    /// may be set meanwhile.
    mutating func scheduleAbsent(_ session: UInt32) {
        let left = sessions[slot: session].dueAt.milliseconds(since: clock.wall)
        let isHeld = sessions[slot: session].stored != nil && sessions[slot: session].isLoaded
        let limit: Int64 = isHeld ? Self.quietMilliseconds : 3_600_000
        let ticks = Self.ticks(milliseconds: min(max(left, 1), limit))
        sessionWheel.schedule(session, at: tick + ticks)
    }

    /// Does what is due for a client that is away: its will, or the end of its session.
    mutating func lookAtAbsent(_ session: UInt32) {
        guard sessions.isOccupied(slot: session), sessions[slot: session].connection == nil,
            let token = sessions.token(ofSlot: session)
        else { return }
        if sessions[slot: session].endsAt <= clock.wall { return endSession(token) }
        if let will = sessions[slot: session].will, will.dueAt <= clock.wall {
            publishWaitingWill(session)
            store(session)
        }
        scheduleAbsent(session)
    }

    /// How long an absent client's stored session stays in memory when nothing happens to it.
    static var quietMilliseconds: Int64 { 60_000 }

    /// Its timer has fired.
    mutating func absentTimerFired(_ session: UInt32) {
        lookAtAbsent(session)
        guard sessions.isOccupied(slot: session), sessions[slot: session].connection == nil,
            let token = sessions.token(ofSlot: session)
        else { return }
        unload(token)
    }
}
