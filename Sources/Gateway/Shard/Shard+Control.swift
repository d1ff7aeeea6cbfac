import Ledger
import Reactor
import Storage

// What the control side has changed, for the clients that are connected.
extension Shard {
    /// Reads again what could not be read when it changed.
    mutating func readDeferredIfDue() {
        guard let (products, devices) = door.takeDeferredIfDue(at: context.now) else {
            return
        }
        for key in products { productChanged(key) }
        for identity in devices { deviceChanged(identity) }
    }

    /// Reads a product's settings anew; they hold for its connected devices from here on. Those of a
    /// deleted product go (rule B9).
    mutating func productChanged(_ key: ProductKey) {
        guard let slot = context.quota.product(key) else { return }
        let record: ProductRecord?
        do throws(StoreError) {
            record = try context.books.product(key)
        } catch {
            context.counters.add(.changesDeferred)
            context.wire.journal.noteStoreFailure(.productRead, error)
            return door.deferChange(of: key, at: context.now)
        }
        guard let record else { return }
        _ = context.quota.keep(ProductFacts(key: key, record: record))
        guard record.isDeleted else { return }
        endAll(.kicked) { connection in connection.settings.productSlot == slot }
        broker.endSessions(in: &context) { session in session.productSlot == slot }
    }

    /// The same of all products that the shard knows.
    mutating func productsChanged() {
        for key in context.quota.productKeys { productChanged(key) }
    }

    /// The device's entitlement was taken back, or is another device's: it has to come again.
    mutating func entitlementTaken(_ identity: DeviceIdentity) {
        guard let token = broker.connection(of: identity, in: &context) else { return }
        end(token.slot, .kicked)
    }

    /// A device that must not be connected any more goes (rules B8, B12); one that was given another
    /// entitlement is told nothing.
    mutating func deviceChanged(_ identity: DeviceIdentity) {
        let session: Token?
        let standing: Standing?
        do throws(StoreError) {
            session = try broker.session(of: identity, in: &context)
            guard session != nil else { return }
            standing = try context.books.withDevice(identity) { _, view throws(StoreError) in
                view?.standing
            }
        } catch {
            context.counters.add(.changesDeferred)
            context.wire.journal.noteStoreFailure(.productRead, error, .device(identity))
            return door.deferChange(of: identity, at: context.now)
        }
        let connection = broker.connection(of: identity, in: &context)
        guard let standing, standing.isRegistered else {
            if let connection { end(connection.slot, .kicked) }
            if let session { broker.endSession(session, in: &context) }
            return
        }
        guard let token = connection else { return }
        if standing.isDisabled { return end(token.slot, .deviceDisabled) }
        context.wire[token.slot].settings.expiresAt = standing.expiresAt
        context.wire.scheduleTimer(token.slot, at: context.now)
    }

    /// The client that is connected as the device proved a secret that is no more, and has to come again.
    /// One with a certificate comes again at once.
    mutating func secretReset(_ identity: DeviceIdentity) {
        door.noteReset(identity)
        guard let token = broker.connection(of: identity, in: &context) else { return }
        end(token.slot, .kicked)
    }

    mutating func keyRevoked(_ key: KeyID) {
        endAll(.kicked) { connection in connection.settings.client.isApplication(of: key) }
        broker.endSessions(in: &context) { session in session.client.isApplication(of: key) }
    }

    /// Ends all connections that `isMeant`.
    private mutating func endAll(_ reason: Reason, where isMeant: (borrowing Connection) -> Bool) {
        var next = context.wire.nextSlot(from: 0)
        while let slot = next {
            if isMeant(context.wire[slot]) { end(slot, reason) }
            next = context.wire.nextSlot(from: slot + 1)
        }
    }

}
