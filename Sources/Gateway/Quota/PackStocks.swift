import Ledger
import Metering
import Reactor
import Sessions
import Storage
import Time

/// A shard's stocks of top-up units, one for each account whose devices have come to need some, and
/// what waits for units (rule C6).
struct PackStocks {
    /// Where an account's stock is; good for the shard's lifetime.
    struct Slot: Equatable, Sendable {
        fileprivate let index: Int32
    }

    private struct Entry {
        let account: AccountID
        var stock: TopUpStock
        var waiters: [PackWaiter] = []

        /// Ends of leases that the ledger has not confirmed.
        var settling = 0
        var isStirred = false
    }

    private var entries: [Entry] = []
    private var slots: [AccountID: Slot] = [:]
    private var stirred: [Slot] = []

    /// Messages that wait for units.
    private var held = (messages: 0, bytes: 0)
    private let limits: (messages: Int, bytes: Int)
    private let peers: Int

    /// `peers`: how many other shards there are. `limits`: what may wait for units.
    init(peers: Int, limits: (messages: Int, bytes: Int)) {
        self.peers = peers
        self.limits = limits
    }

    /// The account's stock, made when it is first asked for.
    mutating func slot(of account: AccountID) -> Slot {
        if let slot = slots[account] { return slot }
        let slot = Slot(index: Int32(entries.count))
        entries.append(Entry(account: account, stock: TopUpStock(peers: peers)))
        slots[account] = slot
        return slot
    }

    var allSlots: [Slot] { entries.indices.map { Slot(index: Int32($0)) } }

    // MARK: Drawing

    /// Takes units of the account's stock for a device, and notes when there is something to be done about it.
    mutating func draw(
        _ units: UInt32, for device: DeviceIdentity, from slot: Slot, at time: Timestamp
    ) -> TopUpVerdict {
        let draw = entries[Int(slot.index)].stock.draw(units, for: device, at: time)
        if draw == .wait || entries[Int(slot.index)].stock.isLow { stir(slot) }
        return draw
    }

    /// What drawing so many units would come to.
    mutating func look(for units: UInt32, in slot: Slot, at time: Timestamp) -> TopUpVerdict {
        let verdict = entries[Int(slot.index)].stock.look(for: units, at: time)
        if verdict == .wait { stir(slot) }
        return verdict
    }

    /// Has the stock looked at by `nextAction`.
    mutating func stir(_ slot: Slot) {
        guard !entries[Int(slot.index)].isStirred else { return }
        entries[Int(slot.index)].isStirred = true
        stirred.append(slot)
    }

    /// The next thing to be done for more units.
    mutating func nextAction() -> PackAction? {
        while let slot = stirred.popLast() {
            let index = Int(slot.index)
            entries[index].isStirred = false
            switch entries[index].stock.nextRequest() {
            case .lease(let needed): return .lease(entries[index].account, needed: needed)
            case .recall: return .recall(entries[index].account)
            case nil: continue
            }
        }
        return nil
    }

    // MARK: Waiting

    /// Keeps what waits for units, in order. False when too much waits already.
    mutating func wait(_ waiter: PackWaiter, at slot: Slot) -> Bool {
        if let message = waiter.message {
            guard held.messages < limits.messages, held.bytes + message.byteCount <= limits.bytes
            else { return false }
            held.messages += 1
            held.bytes += message.byteCount
        }
        entries[Int(slot.index)].waiters.append(waiter)
        return true
    }

    /// All that waits for units of the account: it is to be tried again.
    mutating func takeWaiters(at slot: Slot) -> [PackWaiter] {
        var waiters: [PackWaiter] = []
        swap(&waiters, &entries[Int(slot.index)].waiters)
        for case let message? in waiters.lazy.map(\.message) {
            held.messages -= 1
            held.bytes -= message.byteCount
        }
        return waiters
    }

    // MARK: Notices

    /// What an account's packs have come to, and what follows from that.
    mutating func receive(_ notice: PackNotice, of account: AccountID) -> [PackAction] {
        guard let slot = slots[account] else {
            if case .recall(let shard) = notice {
                return [.answerRecall(account, by: shard, hasReturned: false)]
            }
            return []
        }
        let index = Int(slot.index)
        switch notice {
        case .leaseAnswered(let result):
            switch result {
            case .failure: entries[index].stock.leaseFailed()
            case .success(let outcome):
                if case .leased(let lease) = outcome.effect {
                    entries[index].stock.leased(lease)
                } else {
                    entries[index].stock.leased(nil)
                }
            }
            return [.retry(slot)]
        case .settled(let settlement, let isWritten):
            entries[index].settling -= 1
            if !isWritten { entries[index].stock.settleAgain(settlement) }
            return isWritten && settlement.returned > 0 ? [.announceReturn(account)] : []
        case .recall(let shard):
            // The ledger has the units back, or will have before it hears of the other shard again.
            let settlements = giveBack(account)
            let hasReturned = entries[index].settling > 0
            return settlements + [
                .answerRecall(account, by: shard, hasReturned: hasReturned)
            ]
        case .recalled(let hasReturned):
            return entries[index].stock.recalled(hasReturned: hasReturned) ? [.retry(slot)] : []
        case .unitsReturned:
            entries[index].stock.unitsReturned()
            return []
        case .packsChanged:
            entries[index].stock.packsChanged()
            return takeSettlements(at: slot)
        }
    }

    // MARK: Settling

    /// Ends leases that have not been drawn from since the last time.
    mutating func settle(at time: Timestamp) -> [PackAction] {
        allSlots.flatMap { slot in
            entries[Int(slot.index)].stock.lookAround(at: time)
            return takeSettlements(at: slot)
        }
    }

    /// Ends the leases of one account.
    mutating func giveBack(_ account: AccountID) -> [PackAction] {
        guard let slot = slots[account] else { return [] }
        entries[Int(slot.index)].stock.giveBack()
        return takeSettlements(at: slot)
    }

    /// Whether the ledger has not answered to an end of a lease of the account's.
    func isSettling(_ account: AccountID) -> Bool {
        slots[account].map { entries[Int($0.index)].settling > 0 } ?? false
    }

    /// Ends all leases.
    mutating func giveBackAll() -> [PackAction] {
        allSlots.flatMap { slot in
            entries[Int(slot.index)].stock.giveBackForGood()
            return takeSettlements(at: slot)
        }
    }

    /// The ends of leases that the ledger has not heard of; each is answered by a `settled`.
    private mutating func takeSettlements(at slot: Slot) -> [PackAction] {
        let account = entries[Int(slot.index)].account
        let settlements = entries[Int(slot.index)].stock.takeSettlements()
        entries[Int(slot.index)].settling += settlements.count
        return settlements.map { .settle(account, $0) }
    }

    /// No unit is here, and none is on its way.
    var isSettled: Bool { unsettledCount == 0 }

    /// Accounts of which something is here still, or on its way.
    var unsettledCount: Int { entries.count { !$0.stock.isSettled || $0.settling > 0 } }
}

/// What is to be done about an account's message packs.
enum PackAction: Equatable {
    /// Ask the ledger for a lease of at least so many units.
    case lease(AccountID, needed: UInt64)

    /// Tell the ledger that a lease has ended.
    case settle(AccountID, TopUpSettlement)

    /// Have the other shards give back what they hold.
    case recall(AccountID)

    /// Tell the shard that has asked for it whether something goes back.
    case answerRecall(AccountID, by: Int, hasReturned: Bool)

    /// Tell the other shards that the packs have units again.
    case announceReturn(AccountID)

    /// Try again what waits at the stock, in the order in which it came.
    case retry(PackStocks.Slot)
}

/// What a shard hears of an account's message packs (rule C6).
enum PackNotice: Sendable {
    /// The ledger's answer to a wish for a lease.
    case leaseAnswered(Result<Outcome, StoreError>)

    /// The ledger's answer to the end of a lease.
    case settled(TopUpSettlement, isWritten: Bool)

    /// Another shard asks for what is held here to be given back.
    case recall(by: Int)

    /// What another shard has answered to that.
    case recalled(hasReturned: Bool)

    /// Another shard has given units back.
    case unitsReturned

    /// A pack was bought or given.
    case packsChanged
}

/// What waits for units of a pack (rule C6).
enum PackWaiter: Sendable {
    /// A device whose PUBLISH is not served yet; nothing more is read from it meanwhile.
    case publisher(Token)

    /// A message to a device.
    case delivery(HeldDelivery)

    /// A device whose next message in its queue needs units.
    case queue(Token)

    /// The will of a device that has gone.
    case will(Message, isRetained: Bool, DeviceIdentity, ProductCatalogue.Slot)

    /// The message that is kept with it.
    var message: Message? {
        switch self {
        case .publisher, .queue: nil
        case .delivery(let delivery): delivery.message
        case .will(let message, _, _, _): message
        }
    }

    /// Whose deliveries wait.
    var session: Token? {
        switch self {
        case .delivery(let held): held.token
        case .queue(let token): token
        case .publisher, .will: nil
        }
    }
}

/// A message to a device of this shard that waits for units.
struct HeldDelivery: Sendable {
    let token: Token
    let message: Message
    let terms: DeliveryTerms

    /// Who is to be told what becomes of it.
    let sender: DownlinkSender

    init(
        _ token: Token,
        _ message: Message,
        _ terms: DeliveryTerms,
        _ sender: DownlinkSender
    ) {
        self.token = token
        self.message = message
        self.terms = terms
        self.sender = sender
    }
}
