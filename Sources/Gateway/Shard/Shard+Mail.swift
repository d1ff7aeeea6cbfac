import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Sessions
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
        case .deliver(let message, let deliveries, let sender):
            var shared: Message? = message
            message.withOutbound(isRetained: false) { outbound in
                beginFanOut(deliveries.count)
                for delivery in deliveries {
                    let awaited: DownlinkSender = delivery.isStored ? sender : .nobody
                    let outcome = deliver(
                        delivery.token, outbound, delivery.terms, for: awaited, sharing: &shared)
                    report(outcome, to: awaited)
                    if case .decided(.notConnected) = outcome, delivery.terms.sharedFilter != nil {
                        // Gone since it was chosen: another member of the share gets it.
                        let earlier = SessionAddress(shard: index, token: delivery.token)
                        passOn(message, delivery.terms, from: earlier)
                    }
                }
                isFanningOut = false
            }
        case .deliverToDevice(let message, let isRetained, let identity, let sender):
            var shared: Message? = message
            message.withOutbound(isRetained: isRetained) { outbound in
                let outcome = deliverToDevice(identity, outbound, for: sender, sharing: &shared)
                report(outcome, to: sender)
            }
        case .confirmed(let token, let packetID, let count, let confirmed):
            self.confirmed(token, packetID, count, confirmed)
        case .gathered(let token, let packetID, let answer): gathered(token, packetID, answer)
        case .storedElsewhere(let place, let isWritten): storedElsewhere(place, isWritten)
        case .sessionsWritten(let isWritten): sessionsWritten(isWritten)
        case .retainedWritten(let session): retainedWritten(session)
        case .decided(let token, let packetID, let outcome): decided(token, packetID, outcome)
        case .subscribe(let filter, let subscriber, let confirmation):
            subscriptions.insert(subscriber, filter: filter.span)
            if let confirmation {
                outgoing[confirmation.shard].append(.subscribed(confirmation))
            }
        case .unsubscribe(let filter, let session, let confirmation):
            subscriptions.remove(session, filter: filter.span)
            if let confirmation {
                outgoing[confirmation.shard].append(.subscribed(confirmation))
            }
        case .connected(let session, let isConnected):
            subscriptions.setConnected(session, isConnected)
        case .subscribed(let confirmation): confirmed(confirmation)
        case .admissionAnswered(let token, let result): admissionAnswered(token, result)
        case .registrationAnswered(let token, let result): registrationAnswered(token, result)
        case .renewalAnswered(let token, let result): renewalAnswered(token, result)
        case .usageWritten(let batch, let isWritten):
            quota.settle(batch: batch, isWritten: isWritten)
        case .packs(let account, let notice): carryOut(quota.receive(notice, of: account))
        case .productChanged, .deviceChanged, .secretReset, .keyRevoked, .ask:
            receiveControl(message)
        case .contextReplaced(let context): tlsContext = context
        case .tick: lookAtClock()
        case .drain: beginDraining()
        case .stop: isStopped = true
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
        carryOut(quota.giveBackPacks())
        submitSessionWrites()
        let isSettled = quota.isSettled && sessionWrites.isSettled
        if isSettled || clock.monotonic > drainDeadline { isStopped = true }
    }
}
