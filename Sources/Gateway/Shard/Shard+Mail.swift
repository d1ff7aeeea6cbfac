import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Storage
import TLS

// What other threads want of the shard.
extension Shard {
    mutating func readMail() {
        var batch: [ShardMessage] = []
        swap(&batch, &mail)
        commons.mailboxes[index].drain(into: &batch)
        for message in batch { receive(message) }
        batch.removeAll(keepingCapacity: true)
        swap(&batch, &mail)
    }

    private mutating func receive(_ message: ShardMessage) {
        switch message {
        case .handOver(let handOver): takeIn(handOver)
        case .deliver(let message, let deliveries):
            var shared: Message? = message
            message.withOutbound { outbound in
                for delivery in deliveries {
                    deliver(delivery.token, outbound, qos: delivery.qos, sharing: &shared)
                }
            }
        case .deliverToDevice(let message, let identity, let sender):
            var shared: Message? = message
            message.withOutbound { outbound in
                let fate = deliverToDevice(identity, outbound, for: sender, sharing: &shared)
                if let fate { tell(sender, fate) }
            }
        case .decided(let token, let packetID, let fate): decided(token, packetID, fate)
        case .subscribe(let filter, let subscriber, let confirmation):
            subscriptions.insert(subscriber, filter: filter.span)
            if let confirmation {
                outgoing[confirmation.shard].append(.subscribed(confirmation))
            }
        case .unsubscribe(let filter, let subscriber):
            subscriptions.remove(filter: filter.span) { $0 == subscriber }
        case .subscribed(let confirmation): confirmed(confirmation)
        case .admissionAnswered(let token, let result): admissionAnswered(token, result)
        case .registrationAnswered(let token, let result): registrationAnswered(token, result)
        case .renewalAnswered(let token, let result): renewalAnswered(token, result)
        case .usageWritten(let batch, let isWritten):
            meter.settle(batch: batch, isWritten: isWritten)
        case .topUp(let account, let news): receive(news, of: account)
        case .productChanged, .deviceChanged, .keyRevoked, .ask: receiveControl(message)
        case .contextReplaced(let context): tlsContext = context
        case .tick: lookAtClock()
        case .drain: beginDraining()
        case .stop: isStopped = true
        }
    }

    private mutating func receiveControl(_ message: ShardMessage) {
        switch message {
        case .productChanged(let key): productChanged(key)
        case .deviceChanged(let identity): deviceChanged(identity)
        case .keyRevoked(let key): keyRevoked(key)
        case .ask(let question): answer(question)
        default: preconditionFailure("not a message of the control side")
        }
    }

    /// Reads a product's settings anew; they hold for its connected devices from here on. Those of a
    /// deleted product go (rule B9).
    private mutating func productChanged(_ key: ProductKey) {
        guard let slot = products.slot(of: key), let record = try? books.product(key) else {
            return
        }
        _ = products.insert(ProductFacts(key: key, record: record))
        guard record.isDeleted else { return }
        endAll(.kicked) { connection in connection.session.productSlot == slot }
    }

    /// A device that must not be connected any more goes (rules B8, B12); one that was given another
    /// entitlement is told nothing.
    private mutating func deviceChanged(_ identity: DeviceIdentity) {
        guard let token = clients[.device(identity)], connections.contains(token) else { return }
        let standing: Standing?
        do throws(StoreError) {
            standing = try books.withDevice(identity) { _, view throws(StoreError) in
                view?.standing
            }
        } catch {
            return
        }
        guard let standing, standing.isRegistered else { return end(token.slot, .kicked) }
        if standing.isDisabled { return end(token.slot, .deviceDisabled) }
        connections[slot: token.slot].session.expiresAt = standing.expiresAt
        scheduleTimer(token.slot)
    }

    private mutating func keyRevoked(_ key: KeyID) {
        endAll(.kicked) { connection in
            if case .application(let application) = connection.session.client {
                application.key == key
            } else {
                false
            }
        }
    }

    /// Ends all connections that `isMeant`.
    private mutating func endAll(_ reason: Reason, where isMeant: (borrowing Connection) -> Bool) {
        var next = connections.occupiedSlot(from: 0)
        while let slot = next {
            if isMeant(connections[slot: slot]) { end(slot, reason) }
            next = connections.occupiedSlot(from: slot + 1)
        }
    }

    private mutating func beginDraining() {
        isDraining = true
        listeners = []
        drainDeadline = clock.monotonic.adding(milliseconds: Self.drainMilliseconds)
    }

    /// How long counts and leases are tried to be brought to stores that refuse them.
    private static var drainMilliseconds: Int64 { 10_000 }

    /// Shutting down: the clients are told to go, a few at a time so that they do not come back to the
    /// next gateway all at once.
    mutating func drainSome() {
        for _ in 0..<commons.drainStep {
            guard let slot = connections.occupiedSlot(from: drainCursor) else { break }
            end(slot, .shuttingDown)
            drainCursor = slot + 1
        }
        if connections.occupiedSlot(from: drainCursor) == nil {
            // From the start again: another shard may have handed over a connection meanwhile.
            drainCursor = 0
            finishDraining()
        }
    }

    /// Everybody has been told: the last counts go to the store, the leases to the ledger, and the
    /// shard stops when they have them.
    private mutating func finishDraining() {
        closeAll()
        guard connections.isEmpty else { return }
        flushCounters()
        giveBackTopUps()
        let isSettled = !meter.isAwaitingStore && topUps.isSettled
        if isSettled || clock.monotonic > drainDeadline { isStopped = true }
    }
}
