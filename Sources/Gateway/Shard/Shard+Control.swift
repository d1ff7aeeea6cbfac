import Ledger
import Reactor
import Storage
import TLS

// What the control side has changed, for the clients that are connected.
extension Shard {
    /// Reads again what could not be read when it changed.
    mutating func readDeferredIfDue() {
        guard let (products, devices) = door.takeDeferredIfDue(at: context.now) else {
            return
        }
        for key in products { productChanged(key) }
        for identity in devices {
            deviceChanged(identity)
            desiredChanged(identity)
        }
    }

    /// Reads a product's settings anew; they hold for its connected devices from here on. Those of a
    /// deleted product go (rule B9).
    mutating func productChanged(_ key: ProductKey) {
        guard context.quota.knows(key) else { return }
        let record: ProductRecord?
        do throws(StoreError) {
            record = try context.books.product(key)
        } catch {
            context.counters.add(.changesDeferred)
            context.wire.journal.noteStoreFailure(.productRead, error)
            return door.deferChange(of: key, at: context.now)
        }
        guard let record else { return }
        let slots = context.quota.slots(of: key)
        let before = slots.first.flatMap { context.quota.topics(of: $0)?.topics }
        let limits = slots.first.flatMap { context.quota.limits(of: $0) }
        context.quota.keep(ProductFacts(key: key, record: record))
        if record.limits != limits { limitAnew(devicesAt: slots) }
        if record.dialect?.topics != before, !record.isDeleted {
            endSubscriptions(of: slots, hadOwn: before != nil)
        }
        guard record.isDeleted else { return }
        func isOfProduct(_ slot: ProductCatalogue.Slot?) -> Bool {
            slot.map { slots.contains($0) } ?? false
        }
        endAll(.kicked) { connection in isOfProduct(connection.settings.productSlot) }
        broker.endSessions(in: &context) { session in isOfProduct(session.productSlot) }
    }

    /// Devices of a product with other topics from now on: those whose subscriptions are allowed no longer come again.
    private mutating func endSubscriptions(of slots: [ProductCatalogue.Slot], hadOwn: Bool) {
        let classes = slots.first.flatMap { context.quota.topics(of: $0) }
        let losers = broker.endSubscriptions(
            ofProductAt: slots, now: classes, hadOwn: hadOwn, in: &context)
        for slot in losers where context.wire[slot].phase == .open { end(slot, .kicked) }
    }

    /// The same of all products that the shard knows.
    mutating func productsChanged() {
        for key in context.quota.productKeys { productChanged(key) }
    }

    /// The device's entitlement was taken back, or is another device's: it has to come again.
    mutating func entitlementTaken(_ identity: DeviceIdentity) {
        readLimit(of: identity)
        guard let token = broker.connection(of: identity, in: &context) else { return }
        end(token.slot, .kicked)
    }

    /// A device that must not be connected any more goes (rules B8, B12); one that was given another
    /// entitlement is told nothing.
    mutating func deviceChanged(_ identity: DeviceIdentity) {
        let session: Token?
        let standing: Standing?
        let limits: TrafficLimits?
        let product: ProductCatalogue.Slot?
        do throws(StoreError) {
            session = try broker.session(of: identity, in: &context)
            guard session != nil else { return }
            product = try context.productSlot(of: identity)
            (standing, limits) = try context.books.withDevice(identity) {
                _, view throws(StoreError) in
                (view?.standing, try view?.ownLimits)
            }
        } catch {
            return deferChange(of: identity, error)
        }
        let connection = broker.connection(of: identity, in: &context)
        guard let standing, standing.isRegistered else {
            if let connection { end(connection.slot, .kicked) }
            if let session { broker.endSession(session, in: &context) }
            return
        }
        if let product { place(identity, at: product) }
        guard let token = connection else { return }
        if standing.isDisabled { return end(token.slot, .deviceDisabled) }
        context.wire[token.slot].settings.expiresAt = standing.expiresAt
        context.wire.scheduleTimer(token.slot, at: context.now)
        if context.wire[token.slot].phase == .open { limitAnew(token.slot, own: limits) }
    }

    /// A device is to be something else. What can't be read now is read later.
    mutating func desiredChanged(_ identity: DeviceIdentity) {
        do throws(StoreError) {
            try broker.desiredChanged(identity, in: &context)
        } catch {
            deferChange(of: identity, error)
        }
    }

    /// A device was deleted. What can't be removed now is of no use, as it names the time of the registration.
    mutating func stateForgotten(_ identity: DeviceIdentity) {
        do throws(StoreError) {
            try broker.forgetState(of: identity, in: &context)
        } catch {
            context.wire.journal.noteStoreFailure(.retainedRead, error, .device(identity))
        }
    }

    /// A product was deleted: the same of all its devices.
    mutating func statesForgotten(_ product: ProductKey) {
        do throws(StoreError) {
            try broker.forgetStates(of: product, in: &context)
        } catch {
            context.wire.journal.noteStoreFailure(.retainedRead, error)
        }
    }

    mutating func deferChange(of identity: DeviceIdentity, _ error: StoreError) {
        context.counters.add(.changesDeferred)
        context.wire.journal.noteStoreFailure(.productRead, error, .device(identity))
        door.deferChange(of: identity, at: context.now)
    }

    // MARK: A device's own limit

    /// A connected device has another entitlement: what its code gives holds from here on (rule A4). What can't be
    /// read now is read later.
    mutating func heed(_ entitlement: Entitlement, of identity: DeviceIdentity, _ slot: UInt32) {
        do throws(StoreError) {
            guard let record = try context.books.product(identity.product) else { return }
            let product = try context.productSlot(
                of: identity.product, record, entitledBy: entitlement.code)
            place(slot, at: product)
        } catch {
            deferChange(of: identity, error)
        }
    }

    /// The same of a device whose session is in memory, as the books have it.
    private mutating func readLimit(of identity: DeviceIdentity) {
        guard broker.known(identity) != nil else { return }
        do throws(StoreError) {
            let product = try context.productSlot(of: identity)
            if let product { place(identity, at: product) }
        } catch {
            deferChange(of: identity, error)
        }
    }

    private mutating func place(_ identity: DeviceIdentity, at product: ProductCatalogue.Slot) {
        if let session = broker.known(identity) { broker.place(session.slot, at: product) }
        guard let token = broker.connection(of: identity, in: &context) else { return }
        place(token.slot, at: product)
    }

    private mutating func place(_ slot: UInt32, at product: ProductCatalogue.Slot) {
        guard let old = context.wire[slot].settings.productSlot, old != product else { return }
        context.wire[slot].settings.productSlot = product
        if let session = context.wire[slot].session { broker.place(session.slot, at: product) }
        if context.wire[slot].phase == .open || context.wire[slot].wasOpen {
            context.quota.count(-1, at: old)
            context.quota.count(1, at: product)
        }
    }

    /// The client that is connected as the device proved a secret that is no more, and has to come again.
    /// One with a certificate comes again at once.
    mutating func secretReset(_ identity: DeviceIdentity) {
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
