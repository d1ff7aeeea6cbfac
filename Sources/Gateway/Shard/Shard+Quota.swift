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
    // MARK: Flushing

    /// On the schedule of rule C7: everything that has changed, and what waits for another allowance.
    mutating func flushCountersIfDue() {
        if context.quota.beginFlushIfDue(at: context.now.monotonic) {
            carryOut(context.quota.settlePacks(at: context.now.wall))
            broker.resumeQuotaWaiters(in: &context)
        }
        if let batch = context.quota.nextScheduledBatch(at: context.now.books) { submit(batch) }
    }

    /// Submits every count that has changed, and every departure.
    mutating func flushCounters() {
        while let batch = context.quota.nextDepartureBatch(at: context.now.books) { submit(batch) }
        while let batch = context.quota.nextBatch(at: context.now.books) { submit(batch) }
    }

    /// Submits the counts of the devices that went in this turn (rule C7: on disconnect), and departures when they are due.
    mutating func flushReleasedCounters() {
        while let batch = context.quota.nextReleasedBatch(
            at: context.now.books, context.now.monotonic)
        {
            submit(batch)
        }
    }

    private mutating func submit(_ batch: UsageBatch) {
        if !context.peers.isAlone { tellOwners(of: batch) }
        let mailbox = context.commons.mailboxes[context.index]
        let number = batch.number
        let log = context.commons.log
        context.commons.usage.submit(batch) { result in
            let isWritten = log.takes(result, of: .usageWrite)
            mailbox.post(.usageWritten(batch: number, isWritten: isWritten))
        }
    }

    /// The devices' owners hear of their counts, and of those that this node owns their deputies: so the counts of a node
    /// that is killed are at most one flush behind (rule C7).
    private mutating func tellOwners(of batch: UsageBatch) {
        var entries: [NodeMail.Target: [UsageBatch.Entry]] = [:]
        for entry in batch.entries {
            let partition = Partition(entry.device)
            var keeper = context.peers.owner(of: partition)
            if keeper == .here { keeper = context.peers.deputy(of: partition) }
            guard case .node(let node) = keeper else { continue }
            let shard = context.peers.home(of: entry.device, on: node)
            entries[NodeMail.Target(node: node, shard: shard), default: []].append(entry)
        }
        for (target, entries) in entries {
            context.peers.send(
                .counted(entries, at: batch.takenAt), to: target.node, shard: target.shard,
                at: context.now.books)
        }
    }

    // MARK: Waiting for units

    /// Tries again what waits for the account's units, in the order in which it came.
    private mutating func retryWaiters(at stock: PackStocks.Slot) {
        let waiters = context.quota.takeWaiters(at: stock)
        for case let token? in waiters.lazy.map(\.session) { broker.endHold(token) }
        for waiter in waiters {
            switch waiter {
            case .publisher(let token): unpark(token)
            case .delivery(let held): broker.deliverHeld(held, in: &context)
            case .queue(let token): broker.sendInLineIfThere(token, in: &context)
            case .will(let will, let isRetained, let device, let product):
                broker.publishWill(will, isRetained: isRetained, of: device, product, in: &context)
            }
        }
        for case let token? in waiters.lazy.map(\.session) {
            broker.sendInLineIfThere(token, in: &context)
        }
        context.quota.retried(at: stock)
    }

    /// Has the packet that a connection was held at served, and those behind it.
    mutating func unpark(_ token: Token) {
        guard context.wire.contains(token), context.wire[token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        context.wire[slot].holdsPacket = false
        context.wire[slot].receivedTick = context.now.tick
        resumeReading(slot)
        context.wire.scheduleTimer(slot, at: context.now)
        guard !context.wire[slot].holdsPacket || context.wire[slot].isDelayed,
            context.wire[slot].phase == .open,
            let successor = context.wire[slot].successor
        else { return }
        context.wire[slot].successor = nil
        admitSuccessor(successor, after: nil)
    }

    /// The shard ends: the senders of what waits are told that nobody is connected any more.
    mutating func dropHeldDeliveries() {
        for case .delivery(let held) in context.quota.takeAllWaiters() {
            broker.tell(held.sender, .notConnected, in: &context)
        }
    }

    // MARK: Packs

    /// At the end of a turn, so that one lease covers all that clients lacked in the turn.
    mutating func runPackActions() {
        while let action = context.quota.nextPackAction() { carryOut(action) }
    }

    mutating func carryOut(_ actions: [PackAction]) {
        for action in actions { carryOut(action) }
    }

    // MARK: Other nodes

    /// Another node wants what is held here of the account's packs: it is answered when the ledger has that back, so
    /// that what it asks the ledger for comes behind.
    mutating func giveBack(
        _ account: AccountID, answering request: NodeRequest, to target: NodeMail.Target
    ) {
        carryOut(context.quota.giveBackPacks(of: account))
        guard context.quota.isSettling(account) else {
            return answer(request, .flag(false), to: target)
        }
        context.peers.recalls[account, default: []].append((request, target))
    }

    /// What the ledger has back by now, those are told who wait for it.
    mutating func answerRecalls(of account: AccountID) {
        guard context.peers.recalls[account] != nil, !context.quota.isSettling(account) else {
            return
        }
        for (request, target) in context.peers.recalls.removeValue(forKey: account) ?? [] {
            answer(request, .flag(true), to: target)
        }
    }

    private mutating func carryOut(_ action: PackAction) {
        let mailbox = context.commons.mailboxes[context.index]
        let log = context.commons.log
        switch action {
        case .lease(let account, let needed):
            context.wire.journal.note(.asked, of: account)
            let lease = TopUpAction.lease(
                account,
                holder: context.commons.leaseHolder,
                needed: needed,
                block: TopUpStock.block
            )
            submit(.topUps(lease)) { result in
                log.noteLease(result, of: account)
                mailbox.post(.packs(account, .leaseAnswered(result)))
            }
        case .settle(let account, let settlement):
            context.wire.journal.note(.ended, of: account)
            submit(.topUps(settlement.action)) { result in
                let isWritten = log.takes(result, of: .lease)
                mailbox.post(.packs(account, .settled(settlement, isWritten: isWritten)))
            }
        case .recall(let account):
            context.tellOthers(.packs(account, .recall(by: context.index)))
            guard !context.peers.isAlone else { return }
            askNodes(.recall(account), home: nil) { answers in
                let hasReturned = answers.contains {
                    if case .flag(true) = $0 { true } else { false }
                }
                mailbox.post(.packs(account, .recalled(hasReturned: hasReturned)))
            }
        case .answerRecall(let account, let shard, let hasReturned):
            context.outgoing[shard].append(.packs(account, .recalled(hasReturned: hasReturned)))
        case .announceReturn(let account): context.tellOthers(.packs(account, .unitsReturned))
        case .retry(let stock): retryWaiters(at: stock)
        }
    }

}
