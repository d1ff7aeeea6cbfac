import Ledger
import Metering
import Sessions
import Time

/// A shard's stocks of top-up units, one for each account whose devices have come to need some, and
/// what waits for units (rule C6).
struct TopUpDesk {
    /// Where an account's stock is; good for the shard's lifetime.
    struct Slot: Equatable, Sendable {
        fileprivate let index: Int32
    }

    private struct Entry {
        let account: AccountID
        var stock: TopUpStock
        var waiters: [TopUpWaiter] = []

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

    /// The account's stock, if it has one.
    func existingSlot(of account: AccountID) -> Slot? { slots[account] }

    var allSlots: [Slot] { entries.indices.map { Slot(index: Int32($0)) } }

    func account(at slot: Slot) -> AccountID { entries[Int(slot.index)].account }

    subscript(slot: Slot) -> TopUpStock {
        get { entries[Int(slot.index)].stock }
        _modify { yield &entries[Int(slot.index)].stock }
    }

    // MARK: Drawing

    /// Takes units of the account's stock, and notes when there is something to be done about it.
    mutating func draw(_ units: UInt32, from slot: Slot, at time: Timestamp) -> TopUpVerdict {
        let draw = entries[Int(slot.index)].stock.draw(units, at: time)
        if draw == .wait || entries[Int(slot.index)].stock.isLow { stir(slot) }
        return draw
    }

    /// What drawing so many units would come to.
    mutating func look(for units: UInt32, in slot: Slot, at time: Timestamp) -> TopUpVerdict {
        let verdict = entries[Int(slot.index)].stock.look(for: units, at: time)
        if verdict == .wait { stir(slot) }
        return verdict
    }

    /// Whether some stock has an errand to run.
    var isStirred: Bool { !stirred.isEmpty }

    mutating func stir(_ slot: Slot) {
        guard !entries[Int(slot.index)].isStirred else { return }
        entries[Int(slot.index)].isStirred = true
        stirred.append(slot)
    }

    /// The next thing to be done for more units.
    mutating func nextErrand() -> (Slot, TopUpErrand)? {
        while let slot = stirred.popLast() {
            entries[Int(slot.index)].isStirred = false
            if let errand = entries[Int(slot.index)].stock.nextErrand() { return (slot, errand) }
        }
        return nil
    }

    // MARK: Waiting

    /// Keeps what waits for units, in order. False when too much waits already.
    mutating func wait(_ waiter: TopUpWaiter, at slot: Slot) -> Bool {
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
    mutating func takeWaiters(at slot: Slot) -> [TopUpWaiter] {
        var waiters: [TopUpWaiter] = []
        swap(&waiters, &entries[Int(slot.index)].waiters)
        for case let message? in waiters.lazy.map(\.message) {
            held.messages -= 1
            held.bytes -= message.byteCount
        }
        return waiters
    }

    // MARK: Settling

    /// The ends of leases that the ledger has not heard of; each is to be answered by `settled`.
    mutating func takeSettlements(at slot: Slot) -> [TopUpSettlement] {
        let settlements = entries[Int(slot.index)].stock.takeSettlements()
        entries[Int(slot.index)].settling += settlements.count
        return settlements
    }

    mutating func settled(_ settlement: TopUpSettlement, isWritten: Bool, at slot: Slot) {
        entries[Int(slot.index)].settling -= 1
        if !isWritten { entries[Int(slot.index)].stock.settleAgain(settlement) }
    }

    /// Whether ends of leases are on their way to the ledger.
    func isSettling(at slot: Slot) -> Bool { entries[Int(slot.index)].settling > 0 }

    /// No unit is here, and none is on its way.
    var isSettled: Bool { entries.allSatisfy { $0.stock.isSettled && $0.settling == 0 } }
}

extension TopUpWaiter {
    /// The message that is kept with it.
    var message: Message? {
        switch self {
        case .publisher: nil
        case .delivery(let delivery): delivery.message
        case .will(let message, _, _): message
        }
    }
}
