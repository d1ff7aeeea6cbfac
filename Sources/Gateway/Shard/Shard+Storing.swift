import Bytes
import Ledger
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Stored sessions: each change is written, and what depends on it waits for the disk.
extension Shard {
    // MARK: Writing

    /// Writes what the session is, besides its messages.
    mutating func store(_ session: UInt32, then followUp: SessionWrites.FollowUp? = nil) {
        guard let stored = sessions[slot: session].stored else { return }
        var will = sessions[slot: session].will?.will
        if let connection = sessions[slot: session].connection, connections.contains(connection) {
            will = connections[slot: connection.slot].agreement.will
        }
        var record = SessionRecord(
            number: stored.number,
            version: sessions[slot: session].version,
            expiryIntervalSeconds: sessions[slot: session].expirySeconds,
            will: will,
            subscriptions: sessions[slot: session].subscriptions,
            connectedAt: clock.wall
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
    mutating func submitSessionWrites() {
        guard let changes = sessionWrites.nextBatch(at: clock.monotonic) else { return }
        let mailbox = commons.mailboxes[index]
        commons.sessions.submit(changes) { result in
            let isWritten = if case .success = result { true } else { false }
            mailbox.post(.sessionsWritten(isWritten))
        }
    }

    /// The batch that was under way is on disk, or could not be written.
    mutating func sessionsWritten(_ isWritten: Bool) {
        guard isWritten else {
            counters.add(.sessionWritesFailed)
            for write in sessionWrites.failed(at: clock.monotonic) {
                guard case .stored(let token, let sequence, let sender) = write.followUp else {
                    continue
                }
                if sessions.contains(token) { sessions[slot: token.slot].queue.drop(sequence) }
                tell(sender, .notStored)
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
            case .release(let token, let sequence): releaseStored(token, sequence)
            case .complete(let connection, let packetID): complete(connection, packetID)
            case .confirm(let sender): tell(sender, .queued)
            case .subscribed(let confirmation): confirmed(confirmation)
            case .removed(let name): removedSessions.remove(name)
            }
        }
        for (token, sequence, sender) in moved {
            guard sessions.contains(token) else {
                tell(sender, .notConnected)
                continue
            }
            sendInLine(token)
            tell(sender, sessions[slot: token.slot].lastSent > sequence ? .delivered : .queued)
        }
    }

    private mutating func releaseStored(_ token: Token, _ sequence: UInt64) {
        guard sessions.contains(token),
            let packetID = sessions[slot: token.slot].queue.release(sequence),
            let slot = openConnection(of: token.slot)
        else { return }
        release(slot, packetID)
        flushLater(slot)
    }

    private mutating func complete(_ connection: Token, _ packetID: UInt16) {
        guard connections.contains(connection), connections[slot: connection.slot].phase == .open
        else { return }
        Pubcomp.encode(
            packetID: packetID,
            version: connections[slot: connection.slot].agreement.version,
            into: &connections[slot: connection.slot].output
        )
        flushLater(connection.slot)
    }

    // MARK: Names

    /// What a session that outlives its connection is called in the store; `nil` for a client whose name
    /// is too long for it: its session is kept in memory only.
    static func storeName(of client: Client) -> SessionName? {
        switch client {
        case .unknown: nil
        case .device(let identity):
            SessionName(
                product: identity.product.text.utf8Span.span,
                device: identity.device.text.utf8Span.span
            )
        case .application(let application):
            if let key = application.key {
                SessionName(
                    key: key.text.utf8Span.span, clientID: application.clientID.utf8Span.span)
            } else {
                SessionName(anonymous: application.clientID.utf8Span.span)
            }
        }
    }

    // MARK: Loading

    /// Brings a client's stored session into memory, as one of a client that is away; `nil` when there
    /// is none, or it has expired.
    mutating func loadSession(of client: Client) throws(StoreError) -> Token? {
        guard let name = Self.storeName(of: client), !removedSessions.contains(name),
            let stored = try sessionReader.session(name)
        else { return nil }
        return takeIn(stored, name, of: client)
    }

    private mutating func takeIn(
        _ stored: StoredSession,
        _ name: SessionName,
        of client: Client
    ) -> Token? {
        let record = stored.record
        var product: ProductCatalogue.Slot?
        if case .device(let identity) = client { product = productSlot(of: identity) }
        let session = Session(restoring: stored, name, of: client, product, startedAt: startedWall)
        guard session.endsAt > clock.wall || session.will != nil else {
            remove(name, record.number)
            return nil
        }
        guard let token = sessions.insert(session) else { return nil }
        clients[ClientName(client)] = token
        absentSessions += 1
        lookAtAbsent(token.slot)
        return sessions.contains(token) ? token : nil
    }

    /// The product of a device that is away.
    private mutating func productSlot(of identity: DeviceIdentity) -> ProductCatalogue.Slot? {
        if let known = products.slot(of: identity.product) { return known }
        guard let record = try? books.product(identity.product) else { return nil }
        return products.insert(ProductFacts(key: identity.product, record: record))
    }

    /// Brings the queue of an application's session into memory, which was left on disk until now.
    mutating func loadQueue(_ session: UInt32) throws(StoreError) {
        guard !sessions[slot: session].isLoaded, let name = sessions[slot: session].stored?.name
        else { return }
        if let stored = try sessionReader.session(name) {
            sessions[slot: session].restore(stored)
        }
        sessions[slot: session].isLoaded = true
    }

    /// Writes that a session is over. Until that is on disk it is not to be found there.
    mutating func remove(_ name: SessionName, _ number: SessionNumber) {
        removedSessions.insert(name)
        sessionWrites.append(.remove(name, number), then: .removed(name))
    }
}
