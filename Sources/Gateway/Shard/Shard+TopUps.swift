import Bytes
import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Units past the allowance, from the account's message packs (rule C6). Leases of them are counted in
// memory; whoever needs more than is held waits for the ledger's answer.
extension Shard {
    // MARK: Drawing

    /// Counts a message whose `missing` units are past the allowance, if the account's packs cover
    /// them.
    mutating func chargeTopUp(
        _ counter: Meter.Slot,
        _ product: ProductCatalogue.Slot,
        units: UInt32,
        missing: UInt32,
        _ day: Day
    ) -> ChargeVerdict {
        let stock = products.stock(at: product, in: &topUps)
        switch topUps.draw(missing, from: stock, at: clock.wall) {
        case .wait: return .waits(stock)
        case .nothingLeft: return .refused
        case .drawn:
            meter.charge(counter, units: units, drawn: missing, day: day)
            counters.add(.unitsCounted, Int(units))
            counters.add(.unitsToppedUp, Int(missing))
            return .counted
        }
    }

    /// What counting so many units past the allowance would come to.
    mutating func topUpCoverage(
        _ product: ProductCatalogue.Slot,
        missing: UInt32
    ) -> ChargeVerdict {
        let stock = products.stock(at: product, in: &topUps)
        return switch topUps.look(for: missing, in: stock, at: clock.wall) {
        case .drawn: .counted
        case .wait: .waits(stock)
        case .nothingLeft: .refused
        }
    }

    /// Where the units for a device are; `nil` for a client that is not metered.
    mutating func stock(of slot: UInt32) -> TopUpDesk.Slot? {
        guard let product = connections[slot: slot].agreement.productSlot else { return nil }
        return products.stock(at: product, in: &topUps)
    }

    // MARK: Waiting

    /// A PUBLISH waits for units: it stays unread, and what is behind it too.
    mutating func park(_ slot: UInt32, at stock: TopUpDesk.Slot) {
        guard let token = connections.token(ofSlot: slot) else { return }
        connections[slot: slot].holdsPacket = true
        _ = topUps.wait(.publisher(token), at: stock)
    }

    /// A message to a device waits for units; dropped when too many do.
    mutating func hold(_ delivery: HeldDelivery, at stock: TopUpDesk.Slot) -> DeliveryOutcome {
        guard topUps.wait(.delivery(delivery), at: stock) else {
            counters.add(.deliveriesDropped)
            return .decided(.queueFull)
        }
        sessions[slot: delivery.token.slot].holdsDeliveries = true
        return .pending
    }

    /// A device's next message in line waits for units.
    mutating func waitInLine(_ token: Token, at stock: TopUpDesk.Slot) {
        sessions[slot: token.slot].holdsDeliveries = true
        _ = topUps.wait(.line(token), at: stock)
    }

    /// Tries again what waits for the account's units, in the order in which it came.
    private mutating func resumeWaiters(_ stock: TopUpDesk.Slot) {
        let waiters = topUps.takeWaiters(at: stock)
        for case let token? in waiters.lazy.map(\.session) where sessions.contains(token) {
            sessions[slot: token.slot].holdsDeliveries = false
        }
        for waiter in waiters {
            switch waiter {
            case .publisher(let token): unpark(token)
            case .delivery(let held): deliverHeld(held)
            case .line(let token): sendInLineIfThere(token)
            case .will(let will, let isRetained, let device, let product):
                publishWill(will, isRetained: isRetained, of: device, product)
            }
        }
        for case let token? in waiters.lazy.map(\.session) { sendInLineIfThere(token) }
        topUps.stir(stock)
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
        let day = products.day(at: product, clock.wall)
        let units = commons.messageUnit.units(payloadBytes: will.payload.count)
        let counter = meter.hold(device, on: day)
        defer { meter.release(counter) }
        let allowance = products.allowance(at: product)
        var verdict = ChargeVerdict.counted
        if case .short(let missing) = meter.charge(
            counter, units: units, allowance: allowance, day: day)
        {
            verdict = chargeTopUp(counter, product, units: units, missing: missing, day)
        } else {
            counters.add(.unitsCounted, Int(units))
        }
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
            _ = topUps.wait(
                .will(will, isRetained: isRetained, device, product), at: stock)
        }
    }

    /// The shard ends: whoever waits to hear of a message is told that there is nobody any more.
    mutating func dropHeldDeliveries() {
        for stock in topUps.allSlots {
            for case .delivery(let held) in topUps.takeWaiters(at: stock) {
                tell(held.sender, .notConnected)
            }
        }
    }

    // MARK: Coming by more

    /// At the end of a turn, so that one lease covers all that the turn has come to need.
    mutating func runTopUpErrands() {
        while let (stock, errand) = topUps.nextErrand() {
            let account = topUps.account(at: stock)
            switch errand {
            case .lease(let needed):
                let action = TopUpAction.lease(
                    account,
                    holder: commons.leaseHolder,
                    needed: needed,
                    block: TopUpStock.block
                )
                let mailbox = commons.mailboxes[index]
                submit(.topUp(action)) { mailbox.post(.topUp(account, .leaseAnswered($0))) }
            case .recall: tellOthers(account, .recall(by: index))
            }
        }
    }

    private mutating func tellOthers(_ account: AccountID, _ news: TopUpNews) {
        for shard in outgoing.indices where shard != index {
            outgoing[shard].append(.topUp(account, news))
        }
    }

    mutating func receive(_ news: TopUpNews, of account: AccountID) {
        if case .recall(let shard) = news { return answerRecall(of: account, by: shard) }
        guard let stock = topUps.existingSlot(of: account) else { return }
        switch news {
        case .leaseAnswered(let result): leaseAnswered(stock, result)
        case .settled(let settlement, let isWritten):
            topUps.settled(settlement, isWritten: isWritten, at: stock)
            if isWritten, settlement.returned > 0 { tellOthers(account, .unitsReturned) }
        case .recall: break
        case .recalled(let hasReturned):
            if topUps[stock].recalled(hasReturned: hasReturned) { resumeWaiters(stock) }
        case .unitsReturned: topUps[stock].unitsReturned()
        case .packsChanged:
            topUps[stock].packsChanged()
            submitSettlements(stock)
        }
    }

    private mutating func leaseAnswered(
        _ stock: TopUpDesk.Slot,
        _ result: Result<Outcome, StoreError>
    ) {
        switch result {
        case .failure: topUps[stock].leaseFailed()
        case .success(let outcome):
            if case .leased(let lease) = outcome.effect {
                topUps[stock].leased(lease)
            } else {
                topUps[stock].leased(nil)
            }
        }
        resumeWaiters(stock)
    }

    /// Another shard is in need: what is held here goes back to its pack. The ledger has it back, or
    /// will have before it hears of the other shard again.
    private mutating func answerRecall(of account: AccountID, by shard: Int) {
        var hasReturned = false
        if let stock = topUps.existingSlot(of: account) {
            topUps[stock].giveBack()
            submitSettlements(stock)
            hasReturned = topUps.isSettling(at: stock)
        }
        outgoing[shard].append(.topUp(account, .recalled(hasReturned: hasReturned)))
    }

    // MARK: Giving back

    /// On the schedule of rule C7: leases that have not been drawn from since the last time go back,
    /// and the ledger hears of those that are used up.
    mutating func settleTopUps() {
        for stock in topUps.allSlots {
            topUps[stock].lookAround(at: clock.wall)
            submitSettlements(stock)
        }
    }

    /// Everything goes back: the shard is about to end.
    mutating func giveBackTopUps() {
        for stock in topUps.allSlots {
            topUps[stock].giveBack()
            submitSettlements(stock)
        }
    }

    private mutating func submitSettlements(_ stock: TopUpDesk.Slot) {
        let account = topUps.account(at: stock)
        let mailbox = commons.mailboxes[index]
        for settlement in topUps.takeSettlements(at: stock) {
            let action = TopUpAction.settle(lease: settlement.lease, used: settlement.used)
            submit(.topUp(action)) { result in
                let isWritten = if case .success = result { true } else { false }
                mailbox.post(.topUp(account, .settled(settlement, isWritten: isWritten)))
            }
        }
    }
}
