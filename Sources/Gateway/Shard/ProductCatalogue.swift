import Ledger
import Metering
import Time

/// The products whose devices have connected to a shard, as the packet path needs them: read from
/// the books once, and again when they change.
struct ProductCatalogue {
    /// Where a product is; good for the shard's lifetime.
    struct Slot: Equatable, Sendable {
        fileprivate let index: Int32
    }

    struct Entry {
        var product: ProductFacts

        /// Devices of the product that are connected to this shard.
        var online = 0

        /// Where its account's top-up units are, once one of its devices has needed some.
        var stock: TopUpDesk.Slot?
    }

    private var entries: [Entry] = []
    private var slots: [ProductKey: Slot] = [:]

    subscript(slot: Slot) -> Entry {
        get { entries[Int(slot.index)] }
        set { entries[Int(slot.index)] = newValue }
    }

    /// The product's slot, if it has been read already.
    func slot(of key: ProductKey) -> Slot? { slots[key] }

    /// Keeps what the books say of a product.
    mutating func insert(_ product: ProductFacts) -> Slot {
        if let slot = slots[product.key] {
            entries[Int(slot.index)].product = product
            return slot
        }
        let slot = Slot(index: Int32(entries.count))
        entries.append(Entry(product: product))
        slots[product.key] = slot
        return slot
    }

    /// Counts a device in (1) or out (-1).
    mutating func count(_ change: Int, at slot: Slot) { entries[Int(slot.index)].online += change }

    /// The day's allowance in units, `nil` without one; read for every message.
    func allowance(at slot: Slot) -> UInt32? { entries[Int(slot.index)].product.unitsPerDay }

    /// Where the top-up units of the product's account are.
    mutating func stock(at slot: Slot, in topUps: inout TopUpDesk) -> TopUpDesk.Slot {
        if let stock = entries[Int(slot.index)].stock { return stock }
        let stock = topUps.slot(of: entries[Int(slot.index)].product.account)
        entries[Int(slot.index)].stock = stock
        return stock
    }

    /// The product's calendar day at `time` (rule C5).
    func day(at slot: Slot, _ time: Timestamp) -> Day {
        Day(of: time, at: entries[Int(slot.index)].product.dayOffset)
    }
}

/// What a shard has to know of a product.
struct ProductFacts {
    let key: ProductKey
    let account: AccountID
    let dayOffset: UTCOffset

    /// The package's messages per day, as far as 32 bits count; `nil`: no limit (rule C9).
    let unitsPerDay: UInt32?

    init(key: ProductKey, record: ProductRecord) {
        self.key = key
        account = record.account
        dayOffset = record.dayOffset
        unitsPerDay = record.allowance?.messagesPerDay.map { UInt32(clamping: $0) }
    }
}
