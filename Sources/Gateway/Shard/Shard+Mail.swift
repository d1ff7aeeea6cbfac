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
        defer { swap(&batch, &mail) }
        context.commons.mailboxes[context.index].drain(into: &batch)
        if batch.isEmpty { return }
        for message in batch where !isTooLate(message) { receive(message) }
        batch.removeAll(keepingCapacity: true)
    }

    /// What other nodes want of a shard that only waits for its stores: what they are not answered, they keep.
    private func isTooLate(_ message: ShardMessage) -> Bool {
        guard areAllClosed || isStopped else { return false }
        return switch message {
        case .nodeArrived, .nodeMail, .nodeLost, .ownersChanged, .followings, .inherit,
            .partInherited:
            true
        case .handOver, .deliver, .deliverToDevice, .confirmed, .gathered, .storedElsewhere,
            .sessionsWritten, .retainedWritten, .stateWritten, .decided, .subscribe, .unsubscribe,
            .connected,
            .subscribed, .crowded, .pass, .passed, .admissionAnswered, .registrationAnswered,
            .renewalAnswered, .usageWritten, .packs, .nodeRemoved, .handOut, .handedOut, .takeKept,
            .keptForward, .inheritanceSettled, .sessionsVoid, .countsAdopted, .productChanged,
            .upgradeReported, .upgradeOffered,
            .productsChanged, .deviceChanged, .entitlementTaken, .secretReset, .pinsSet,
            .keyRevoked, .ask,
            .contextsReplaced, .authoritiesChanged, .authorityEnded, .certificatesRevoked,
            .refusedElsewhere, .systemTopics, .tick, .drain, .stop, .desiredChanged,
            .stateForgotten, .statesForgotten:
            false
        }
    }

    private mutating func receive(_ message: ShardMessage) {
        switch message {
        case .handOver(let handOver): takeIn(handOver)
        case .deliver(let message, let deliveries, let sender):
            broker.receive(message, for: deliveries, from: sender, in: &context)
        case .deliverToDevice(let message, let isRetained, let device, let sender):
            broker.receive(
                message, isRetained: isRetained, for: device, from: sender, in: &context)
        case .confirmed(let token, let packetID, let count, let outcome):
            broker.confirmed(token, packetID, count, outcome, in: &context)
        case .gathered(let token, let packetID, let answer):
            broker.gathered(token, packetID, answer, in: &context)
        case .storedElsewhere(let place, let isWritten):
            broker.storedElsewhere(place, isWritten, in: &context)
        case .sessionsWritten(let isWritten): broker.sessionsWritten(isWritten, in: &context)
        case .retainedWritten(let session): broker.retainedWritten(session)
        case .stateWritten(let identity, let outcome):
            if let waiting = broker.stateWritten(identity, outcome, in: &context) {
                unpark(waiting)
            }
        case .decided(let token, let packetID, let outcome):
            broker.decided(token, packetID, outcome, in: &context)
        case .subscribe(let filter, let subscriber, let confirmation):
            broker.subscribeHere(subscriber, to: filter, confirming: confirmation, in: &context)
        case .unsubscribe(let filter, let session, let confirmation):
            broker.unsubscribeHere(session, from: filter, confirming: confirmation, in: &context)
        case .connected(let session, let isConnected):
            broker.noteConnected(session, isConnected)
        case .subscribed(let confirmation): broker.confirmed(confirmation, in: &context)
        case .crowded(let session, let isCrowded): broker.noteCrowded(session, isCrowded)
        case .pass(let number, let shard): broker.answerPass(number, to: shard, in: &context)
        case .passed(let number): broker.passed(number)
        case .admissionAnswered(let token, let result): admissionAnswered(token, result)
        case .registrationAnswered(let token, let result): registrationAnswered(token, result)
        case .renewalAnswered(let token, let result): renewalAnswered(token, result)
        case .usageWritten(let batch, let isWritten):
            context.quota.settle(batch: batch, isWritten: isWritten)
        case .packs(let account, let notice):
            carryOut(context.quota.receive(notice, of: account))
            answerRecalls(of: account)
        case .nodeArrived(let node): nodeArrived(node)
        case .nodeMail(let node, let batch): receive(batch, from: node)
        case .nodeLost(let node): nodeLost(node)
        case .nodeRemoved(let node): nodeRemoved(node)
        case .ownersChanged(let owners): ownersChanged(owners)
        case .followings(let followings): followingsChanged(followings)
        case .inherit(let inheritance): inherit(inheritance)
        case .handOut(let message, let delivery, let number, let shard):
            broker.handOut(message, delivery, number, from: shard, in: &context)
        case .handedOut(let number): broker.handedOut(number)
        case .partInherited(let inheritance): partInherited(inheritance)
        case .takeKept(let keep): broker.take(keep, in: &context)
        case .keptForward(let keep): broker.forwardInherited(keep, in: &context)
        case .inheritanceSettled(let inheritance): inheritanceSettled(inheritance)
        case .sessionsVoid: broker.voidSessions(in: &context)
        case .countsAdopted(let devices, let isWritten):
            context.places.countsUnderWay.end(devices, isWritten: isWritten)
        case .productChanged(let key): productChanged(key)
        case .productsChanged: productsChanged()
        case .deviceChanged(let identity): deviceChanged(identity)
        case .desiredChanged(let identity): desiredChanged(identity)
        case .stateForgotten(let identity): stateForgotten(identity)
        case .statesForgotten(let product): statesForgotten(product)
        case .upgradeOffered(let identity): broker.tellOfOffer(to: identity, in: &context)
        case .upgradeReported(let token, let id):
            broker.upgradeReported(token, id, in: &context)
        case .entitlementTaken(let identity): entitlementTaken(identity)
        case .secretReset(let identity): secretReset(identity)
        case .pinsSet(let identity): pinsSet(identity)
        case .keyRevoked(let key): keyRevoked(key)
        case .refusedElsewhere(let device, let outcome):
            context.wire.journal.remember(outcome, of: device, wasOpen: false)
        case .ask(let question): answer(question)
        case .contextsReplaced(let contexts): context.wire.tlsContexts = contexts
        case .authoritiesChanged(let authorities, let rules):
            context.wire.trust(authorities)
            door.adopt(rules)
        case .authorityEnded(let authority, let sequence):
            authorityEnded(authority, at: sequence)
        case .certificatesRevoked(let authority): certificatesRevoked(by: authority)
        case .systemTopics(let messages): broker.publishSystemTopics(messages, in: &context)
        case .tick: lookAtClock()
        case .drain: beginDraining()
        case .stop: isStopped = true
        }
    }

    private mutating func beginDraining() {
        isDraining = true
        listeners = []
        drainDeadline = context.now.monotonic.adding(milliseconds: Self.drainMilliseconds)
    }

    /// How long counts and leases are tried to be brought to stores that refuse them.
    private static var drainMilliseconds: Int64 { 10_000 }

    /// Shutting down: the clients are told to go, a few at a time so that they do not come back to the
    /// next gateway all at once.
    mutating func drainSome() {
        for _ in 0..<context.commons.drainStep {
            guard let slot = context.wire.nextSlot(from: drainCursor) else { break }
            end(slot, .shuttingDown)
            drainCursor = slot + 1
        }
        if context.wire.nextSlot(from: drainCursor) == nil {
            // From the start again: another shard may have handed over a connection meanwhile.
            drainCursor = 0
            finishDraining()
        }
    }

    /// Everybody has been told: the last counts go to the store, the leases to the ledger, and the
    /// shard stops when they have them, and when it has read what the other shards' last clients have left.
    private mutating func finishDraining() {
        // Then what their ends had to say was posted with an earlier turn.
        let wasEmpty = context.wire.count == 0
        closeAll()
        guard context.wire.count == 0 else { return }
        if wasEmpty, !isClosed {
            isClosed = true
            context.commons.closedShards.note()
        }
        // Also while others are not done: that may take all of the time that there is.
        flushCounters()
        carryOut(context.quota.giveBackPacks())
        broker.submitSessionWrites(in: &context)
        guard areAllClosed || context.now.monotonic > drainDeadline else {
            // Its mail is read at the beginning of the next turn.
            areAllClosed = context.commons.closedShards.count == context.commons.mailboxes.count
            return
        }
        let isSettled = context.quota.isSettled && broker.isSettled
        if isSettled || context.now.monotonic > drainDeadline { isStopped = true }
    }
}
