import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// What the quota asks of the shard: its notices go to the device, its batches and leases to the stores,
// and what has waited for units is tried again.
extension Shard {
    // MARK: Counting

    /// Counts a message of or to a client; a device hears once a day that nothing covers it (rules C4, C6).
    mutating func charge(_ slot: UInt32, payloadBytes: Int) -> ChargeVerdict {
        let verdict = quota.charge(
            &connections[slot: slot].settings, payloadBytes: payloadBytes, at: clock.wall)
        if case .refused(isFirst: true) = verdict {
            notifyOfQuota(slot, "notice", "\"reason\":\"quota-exhausted\",")
        }
        return verdict
    }

    /// `sys/quota/get` is answered on `sys/quota`.
    mutating func answerQuotaQuestion(_ slot: UInt32) { notifyOfQuota(slot, "quota", "") }

    private mutating func notifyOfQuota(_ slot: UInt32, _ name: String, _ members: String) {
        let report = quota.report(&connections[slot: slot].settings, at: clock.wall)
        if let report { notify(slot, name, "{\(members)\(report)}") }
    }

    // MARK: Flushing

    /// On the schedule of rule C7: everything that has changed, and what waits for another allowance.
    mutating func flushCountersIfDue() {
        if quota.beginFlushIfDue(at: clock.monotonic) {
            carryOut(quota.settlePacks(at: clock.wall))
            resumeQuotaWaiters()
        }
        if let batch = quota.nextScheduledBatch(at: clock.wall) { submit(batch) }
    }

    /// Submits every count that has changed.
    mutating func flushCounters() {
        while let batch = quota.nextBatch(at: clock.wall) { submit(batch) }
    }

    /// Submits the counts of the devices that went in this turn (rule C7: on disconnect).
    mutating func flushReleasedCounters() {
        while let batch = quota.nextReleasedBatch(at: clock.wall) { submit(batch) }
    }

    private mutating func submit(_ batch: UsageBatch) {
        let mailbox = commons.mailboxes[index]
        let number = batch.number
        let log = commons.log
        commons.usage.submit(batch) { result in
            let isWritten = log.takes(result, of: .usageWrite)
            mailbox.post(.usageWritten(batch: number, isWritten: isWritten))
        }
    }

    // MARK: Waiting for units

    /// A PUBLISH waits for units: it stays unread, and what is behind it too.
    mutating func park(_ slot: UInt32, at stock: PackStocks.Slot) {
        guard let token = connections.token(ofSlot: slot) else { return }
        connections[slot: slot].holdsPacket = true
        _ = quota.wait(.publisher(token), at: stock)
    }

    /// A message to a device waits for units; dropped when too many do.
    mutating func hold(_ delivery: HeldDelivery, at stock: PackStocks.Slot) -> DeliveryOutcome {
        guard quota.wait(.delivery(delivery), at: stock) else {
            counters.add(.deliveriesDropped)
            return .decided(.queueFull)
        }
        sessions[slot: delivery.token.slot].holdsDeliveries = true
        return .pending
    }

    /// A device's next message in its queue waits for units.
    mutating func waitInLine(_ token: Token, at stock: PackStocks.Slot) {
        sessions[slot: token.slot].holdsDeliveries = true
        _ = quota.wait(.queue(token), at: stock)
    }

    /// Tries again what waits for the account's units, in the order in which it came.
    private mutating func retryWaiters(at stock: PackStocks.Slot) {
        let waiters = quota.takeWaiters(at: stock)
        for case let token? in waiters.lazy.map(\.session) where sessions.contains(token) {
            sessions[slot: token.slot].holdsDeliveries = false
        }
        for waiter in waiters {
            switch waiter {
            case .publisher(let token): unpark(token)
            case .delivery(let held): deliverHeld(held)
            case .queue(let token): sendInLineIfThere(token)
            case .will(let will, let isRetained, let device, let product):
                publishWill(will, isRetained: isRetained, of: device, product)
            }
        }
        for case let token? in waiters.lazy.map(\.session) { sendInLineIfThere(token) }
        quota.retried(at: stock)
    }

    private mutating func sendInLineIfThere(_ token: Token) {
        if sessions.contains(token) { sendInLine(token) }
    }

    private mutating func unpark(_ token: Token) {
        guard connections.contains(token), connections[slot: token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        connections[slot: slot].holdsPacket = false
        connections[slot: slot].receivedTick = tick
        resumeReading(slot)
        scheduleTimer(slot)
        guard !connections[slot: slot].holdsPacket, connections[slot: slot].phase == .open,
            let successor = connections[slot: slot].successor
        else { return }
        connections[slot: slot].successor = nil
        admitSuccessor(successor, after: nil)
    }

    private mutating func deliverHeld(_ held: HeldDelivery) {
        var shared: Message? = held.message
        held.message.withOutbound(isRetained: held.terms.isRetained) { message in
            let outcome = deliver(
                held.token, message, held.terms, for: held.sender, sharing: &shared)
            report(outcome, to: held.sender)
        }
    }

    /// The will of a device that has gone meanwhile.
    mutating func publishWill(
        _ will: Message,
        isRetained: Bool,
        of device: DeviceIdentity,
        _ product: ProductCatalogue.Slot
    ) {
        let verdict = quota.charge(
            absent: device, of: product, payloadBytes: will.payload.count, at: clock.wall)
        switch verdict {
        case .counted:
            var shared: Message? = will
            will.withOutbound(isRetained: isRetained) { message in
                if isRetained { _ = retain(message, for: .nobody, sharing: &shared) }
                guard !subscriptions.isEmpty else { return }
                _ = deliverToApplications(message, from: nil, sharing: &shared)
            }
        case .refused: counters.add(.publishesOverQuota)
        case .waits(let stock):
            _ = quota.wait(
                .will(will, isRetained: isRetained, device, product), at: stock)
        }
    }

    /// The shard ends: the senders of what waits are told that nobody is connected any more.
    mutating func dropHeldDeliveries() {
        for case .delivery(let held) in quota.takeAllWaiters() { tell(held.sender, .notConnected) }
    }

    // MARK: Packs

    /// At the end of a turn, so that one lease covers all that the turn has come to need.
    mutating func runPackActions() {
        while let action = quota.nextPackAction() { carryOut(action) }
    }

    mutating func carryOut(_ actions: [PackAction]) {
        for action in actions { carryOut(action) }
    }

    private mutating func carryOut(_ action: PackAction) {
        let mailbox = commons.mailboxes[index]
        let log = commons.log
        switch action {
        case .lease(let account, let needed):
            note(.asked, of: account)
            let lease = TopUpAction.lease(
                account,
                holder: commons.leaseHolder,
                needed: needed,
                block: TopUpStock.block
            )
            submit(.topUp(lease)) { result in
                log.noteLease(result, of: account)
                mailbox.post(.packs(account, .leaseAnswered(result)))
            }
        case .settle(let account, let settlement):
            let end = TopUpAction.settle(lease: settlement.lease, used: settlement.used)
            note(.ended, of: account)
            submit(.topUp(end)) { result in
                let isWritten = log.takes(result, of: .lease)
                mailbox.post(.packs(account, .settled(settlement, isWritten: isWritten)))
            }
        case .recall(let account): tellOthers(.packs(account, .recall(by: index)))
        case .answerRecall(let account, let shard, let hasReturned):
            outgoing[shard].append(.packs(account, .recalled(hasReturned: hasReturned)))
        case .announceReturn(let account): tellOthers(.packs(account, .unitsReturned))
        case .retry(let stock): retryWaiters(at: stock)
        }
    }

    private mutating func tellOthers(_ message: ShardMessage) {
        for shard in outgoing.indices where shard != index { outgoing[shard].append(message) }
    }
}
