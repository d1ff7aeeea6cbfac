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

    private struct Entry {
        var product: ProductFacts

        /// Devices of the product that are connected to this shard.
        var online = 0

        /// Where its account's units are, once one of its devices has needed some.
        var stock: PackStocks.Slot?

        /// The calendar day that was last asked for, and its bounds.
        var day = Day(number: 0)
        var dayStart = Timestamp(milliseconds: 0)
        var dayEnd = Timestamp(milliseconds: 0)
    }

    private var entries: [Entry] = []
    private var slots: [ProductKey: Slot] = [:]

    /// The product's slot, if it has been read already.
    func slot(of key: ProductKey) -> Slot? { slots[key] }

    /// All that have been read.
    var keys: [ProductKey] { Array(slots.keys) }

    /// Keeps what the books say of a product.
    mutating func insert(_ product: ProductFacts) -> Slot {
        if let slot = slots[product.key] {
            let index = Int(slot.index)
            entries[index].product = product
            entries[index].dayEnd = entries[index].dayStart
            return slot
        }
        let slot = Slot(index: Int32(entries.count))
        entries.append(Entry(product: product))
        slots[product.key] = slot
        return slot
    }

    /// Counts a device in (1) or out (-1).
    mutating func count(_ change: Int, at slot: Slot) { entries[Int(slot.index)].online += change }

    /// Devices that are connected to this shard.
    func online(at slot: Slot) -> Int { entries[Int(slot.index)].online }

    /// The day's allowance in units, `nil` without one; read for every message.
    @inline(__always)
    func allowance(at slot: Slot) -> UInt32? { entries[Int(slot.index)].product.unitsPerDay }

    /// Where the product's days begin.
    func dayOffset(at slot: Slot) -> UTCOffset { entries[Int(slot.index)].product.dayOffset }

    /// Where the units of the product's account are.
    mutating func stock(at slot: Slot, in packs: inout PackStocks) -> PackStocks.Slot {
        if let stock = entries[Int(slot.index)].stock { return stock }
        let stock = packs.slot(of: entries[Int(slot.index)].product.account)
        entries[Int(slot.index)].stock = stock
        return stock
    }

    /// The product's calendar day at `time` (rule C5). A message's day is mostly that of the one before.
    @inline(__always)
    mutating func day(at slot: Slot, _ time: Timestamp) -> Day {
        let index = Int(slot.index)
        if time >= entries[index].dayStart, time < entries[index].dayEnd {
            return entries[index].day
        }
        return turn(index, to: time)
    }

    private mutating func turn(_ index: Int, to time: Timestamp) -> Day {
        let offset = entries[index].product.dayOffset
        let day = Day(of: time, at: offset)
        entries[index].day = day
        entries[index].dayStart = day.start(at: offset)
        entries[index].dayEnd = day.next.start(at: offset)
        return day
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
        self.init(
            key: key,
            account: record.account,
            dayOffset: record.dayOffset,
            unitsPerDay: record.allowance?.messagesPerDay.map { UInt32(clamping: $0) }
        )
    }

    init(key: ProductKey, account: AccountID, dayOffset: UTCOffset, unitsPerDay: UInt32?) {
        self.key = key
        self.account = account
        self.dayOffset = dayOffset
        self.unitsPerDay = unitsPerDay
    }
}
