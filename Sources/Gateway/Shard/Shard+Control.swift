import Ledger
import Reactor
import Storage

// What the control side has changed, for the clients that are connected.
extension Shard {
    mutating func receiveControl(_ message: ShardMessage) {
        switch message {
        case .productChanged(let key): productChanged(key)
        case .deviceChanged(let identity): deviceChanged(identity)
        case .secretReset(let identity): secretReset(identity)
        case .keyRevoked(let key): keyRevoked(key)
        case .ask(let question): answer(question)
        default: preconditionFailure("not a message of the control side")
        }
    }

    /// Reads again what could not be read when it changed.
    mutating func readDeferredIfDue() {
        guard let (products, devices) = deferred.takeIfDue(at: clock.monotonic) else { return }
        for key in products { productChanged(key) }
        for identity in devices { deviceChanged(identity) }
    }

    /// Reads a product's settings anew; they hold for its connected devices from here on. Those of a
    /// deleted product go (rule B9).
    private mutating func productChanged(_ key: ProductKey) {
        guard let slot = quota.product(key) else { return }
        let record: ProductRecord?
        do throws(StoreError) {
            record = try books.product(key)
        } catch {
            counters.add(.changesDeferred)
            noteStoreFailure(.productRead, error)
            return deferred.insert(key, at: clock.monotonic)
        }
        guard let record else { return }
        _ = quota.keep(ProductFacts(key: key, record: record))
        guard record.isDeleted else { return }
        endAll(.kicked) { connection in connection.settings.productSlot == slot }
        endSessions { session in session.productSlot == slot }
    }

    /// A device that must not be connected any more goes (rules B8, B12); one that was given another
    /// entitlement is told nothing.
    private mutating func deviceChanged(_ identity: DeviceIdentity) {
        let session: Token?
        let standing: Standing?
        do throws(StoreError) {
            session = try self.session(of: .device(identity))
            guard session != nil else { return }
            standing = try books.withDevice(identity) { _, view throws(StoreError) in
                view?.standing
            }
        } catch {
            counters.add(.changesDeferred)
            noteStoreFailure(.productRead, error)
            return deferred.insert(identity, at: clock.monotonic)
        }
        let connection = connection(of: .device(identity))
        guard let standing, standing.isRegistered else {
            if let connection { end(connection.slot, .kicked) }
            if let session { endSession(session) }
            return
        }
        guard let token = connection else { return }
        if standing.isDisabled { return end(token.slot, .deviceDisabled) }
        connections[slot: token.slot].settings.expiresAt = standing.expiresAt
        scheduleTimer(token.slot)
    }

    /// Whoever is connected as the device proved a secret that is no more, and has to come again.
    /// One with a certificate comes again at once.
    private mutating func secretReset(_ identity: DeviceIdentity) {
        pendingAdmissions.noteReset(identity)
        guard let token = connection(of: .device(identity)) else { return }
        end(token.slot, .kicked)
    }

    private mutating func keyRevoked(_ key: KeyID) {
        endAll(.kicked) { connection in connection.settings.client.isApplication(of: key) }
        endSessions { session in session.client.isApplication(of: key) }
    }

    /// Ends all connections that `isMeant`.
    private mutating func endAll(_ reason: Reason, where isMeant: (borrowing Connection) -> Bool) {
        var next = connections.occupiedSlot(from: 0)
        while let slot = next {
            if isMeant(connections[slot: slot]) { end(slot, reason) }
            next = connections.occupiedSlot(from: slot + 1)
        }
    }

    /// Ends all sessions that `isMeant`, of clients that are away too.
    private mutating func endSessions(where isMeant: (borrowing Session) -> Bool) {
        var next = sessions.occupiedSlot(from: 0)
        while let slot = next {
            if isMeant(sessions[slot: slot]), let token = sessions.token(ofSlot: slot) {
                endSession(token)
            }
            next = sessions.occupiedSlot(from: slot + 1)
        }
    }
}
