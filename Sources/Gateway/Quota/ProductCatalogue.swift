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

        /// Its devices have the limit of free codes, and not the package's (rule A4).
        var isFree: Bool

        /// The day's allowance of its devices.
        var unitsPerDay: UInt32?

        /// For how many days its devices' messages are stored; 0: they are not.
        var storageDays: UInt16

        /// Devices of the product that are connected to this shard.
        var online = 0

        /// What has come of their CONNECTs since the start.
        var admissions = Admissions()

        /// Where its account's units are, once one of its devices has needed some.
        var stock: PackStocks.Slot?

        /// The calendar day that was last asked for, and its bounds.
        var day = Day(number: 0)
        var dayStart = Timestamp(milliseconds: 0)
        var dayEnd = Timestamp(milliseconds: 0)

        init(_ product: ProductFacts, isFree: Bool) {
            self.product = product
            self.isFree = isFree
            unitsPerDay = isFree ? product.freeUnitsPerDay : product.unitsPerDay
            storageDays = isFree ? product.freeStorageDays : product.storageDays
        }

        /// What the books say now. Devices of a product that has free codes only have their limit, and keep
        /// it when codes are bought.
        mutating func take(_ product: ProductFacts) {
            self.product = product
            if product.hasFreeOnly { isFree = true }
            unitsPerDay = isFree ? product.freeUnitsPerDay : product.unitsPerDay
            storageDays = isFree ? product.freeStorageDays : product.storageDays
            dayEnd = dayStart
        }
    }

    private var entries: [Entry] = []

    /// What has come of CONNECTs whose product was not known.
    private var unplaced = Admissions()

    /// Mostly one of each product: two when its free codes give something else than its package.
    private var slots: [ProductKey: [Slot]] = [:]

    /// All that have been read.
    var keys: [ProductKey] { Array(slots.keys) }

    /// Keeps what the books say of a product.
    mutating func insert(_ product: ProductFacts) {
        guard let known = slots[product.key] else {
            return append(product, isFree: product.hasFreeOnly)
        }
        for slot in known { entries[Int(slot.index)].take(product) }
    }

    private mutating func append(_ product: ProductFacts, isFree: Bool) {
        slots[product.key, default: []].append(Slot(index: Int32(entries.count)))
        entries.append(Entry(product, isFree: isFree))
    }

    /// The slot of devices of the product that have the limit of free codes, or the package's; `nil` when the
    /// product has not been read.
    mutating func slot(of key: ProductKey, isFree: Bool) -> Slot? {
        guard let known = slots[key] else { return nil }
        for slot in known where entries[Int(slot.index)].isFree == isFree { return slot }
        append(entries[Int(known[0].index)].product, isFree: isFree)
        return slots[key]?.last
    }

    /// All slots of the product's devices; none when it has not been read.
    func slots(of key: ProductKey) -> [Slot] { slots[key, default: []] }

    /// Counts a device in (1) or out (-1).
    mutating func count(_ change: Int, at slot: Slot) { entries[Int(slot.index)].online += change }

    mutating func countAdmitted(at slot: Slot) {
        entries[Int(slot.index)].admissions.admitted += 1
    }

    /// Counts a message that its device's rate does not cover.
    mutating func count(_ excess: WritableKeyPath<Admissions, UInt64>, at slot: Slot) {
        entries[Int(slot.index)].admissions[keyPath: excess] += 1
    }

    mutating func count(ending reason: Reason, at slot: Slot) {
        entries[Int(slot.index)].admissions.endings[reason, default: 0] += 1
    }

    /// The same of a CONNECT whose product is known by its name only, or not at all: counted without a product when it
    /// has not been read, as anybody can make a name up.
    mutating func count(ending reason: Reason, of key: ProductKey?) {
        if let slot = key.flatMap({ slots[$0]?.first }) {
            count(ending: reason, at: slot)
        } else {
            unplaced.endings[reason, default: 0] += 1
        }
    }

    /// By product, since the start; `nil`: of none that had been read.
    var admissions: [ProductKey?: Admissions] {
        var found: [ProductKey?: Admissions] = unplaced.isEmpty ? [:] : [nil: unplaced]
        for entry in entries where !entry.admissions.isEmpty {
            found[entry.product.key, default: Admissions()].merge(entry.admissions)
        }
        return found
    }

    /// Devices that are connected to this shard, by product.
    var online: [ProductKey: Int] {
        var counts: [ProductKey: Int] = [:]
        for entry in entries where entry.online > 0 {
            counts[entry.product.key, default: 0] += entry.online
        }
        return counts
    }

    /// Devices of the product that are connected to this shard.
    func online(of key: ProductKey) -> Int {
        slots(of: key).reduce(0) { $0 + entries[Int($1.index)].online }
    }

    /// The day's allowance in units, `nil` without one; read for every message.
    @inline(__always)
    func allowance(at slot: Slot) -> UInt32? { entries[Int(slot.index)].unitsPerDay }

    /// The stream that the product names.
    func uplink(at slot: Slot) -> UplinkStream? { entries[Int(slot.index)].product.uplink }

    /// Whether one of them names a stream.
    var hasUplinks: Bool { entries.contains { $0.product.uplink != nil } }

    /// The topics of the product's own that its devices use.
    func topics(at slot: Slot) -> TopicClasses? { entries[Int(slot.index)].product.topics }

    /// Whether what its devices say of their states is counted as messages are.
    func countsState(at slot: Slot) -> Bool { entries[Int(slot.index)].product.countsState }

    /// What its devices publish without being counted.
    func uncounted(at slot: Slot) -> PatternSet? { entries[Int(slot.index)].product.uncounted }

    /// Whether one of them has such.
    var hasUncounted: Bool { entries.contains { $0.product.uncounted != nil } }

    /// What each of its devices is limited to.
    func limits(at slot: Slot) -> TrafficLimits? { entries[Int(slot.index)].product.limits }

    /// Whether one of them has such.
    var hasOwnTopics: Bool { entries.contains { $0.product.topics != nil } }

    /// For how many days the messages of the product's devices are stored; 0: they are not.
    @inline(__always)
    func storageDays(at slot: Slot) -> UInt16 { entries[Int(slot.index)].storageDays }

    /// Whether one of them has its devices' messages stored.
    var storesMessages: Bool { entries.contains { $0.storageDays > 0 } }

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

/// How often devices of a product were let in, and how often they were not, or their connections ended, by reason; and
/// what their rates have not covered.
struct Admissions: Sendable {
    var admitted: UInt64 = 0

    /// PUBLISHes that had to wait, and that were refused or ended their connections.
    var delayed: UInt64 = 0
    var overRate: UInt64 = 0
    var endings: [Reason: UInt64] = [:]

    var isEmpty: Bool { admitted == 0 && endings.isEmpty }

    /// To see which products have the most.
    var total: UInt64 { endings.values.reduce(admitted, +) }

    mutating func merge(_ other: Admissions) {
        admitted += other.admitted
        delayed += other.delayed
        overRate += other.overRate
        endings.merge(other.endings) { $0 + $1 }
    }
}

/// What a shard has to know of a product.
struct ProductFacts {
    let key: ProductKey
    let account: AccountID
    let dayOffset: UTCOffset

    /// Where its devices' messages go, beside the applications.
    let uplink: UplinkStream?

    /// The topics of its own that its devices use; `nil`: those of Wire.md alone.
    let topics: TopicClasses?

    /// What each of its devices may send and have under way.
    let limits: TrafficLimits?

    /// Whether what they say of their states is counted as messages are.
    let countsState: Bool

    /// What they publish without being counted (rule C13); `nil`: nothing.
    let uncounted: PatternSet?

    /// The package's messages per day, as far as 32 bits count; `nil`: no limit (rule C9).
    let unitsPerDay: UInt32?

    /// The same of its free codes, which may give something else (rule A4).
    let freeUnitsPerDay: UInt32?

    /// For how many days its devices' messages are stored (rule D3), and those of devices with free codes; 0: they
    /// are not.
    let storageDays: UInt16
    let freeStorageDays: UInt16

    /// None of its codes was bought.
    let hasFreeOnly: Bool

    init(key: ProductKey, record: ProductRecord) {
        let free = record.freeAllowance ?? record.allowance
        let isStoring = record.messageLog && !record.isDeleted
        self.init(
            key: key,
            account: record.account,
            dayOffset: record.dayOffset,
            uplink: record.isDeleted ? nil : record.uplink,
            topics: record.dialect?.topics.map(TopicClasses.init),
            limits: record.limits,
            countsState: record.countsState,
            uncounted: record.uncounted.isEmpty ? nil : PatternSet(record.uncounted),
            unitsPerDay: record.allowance?.messagesPerDay.map { UInt32(clamping: $0) },
            freeUnitsPerDay: free?.messagesPerDay.map { UInt32(clamping: $0) },
            storageDays: isStoring ? UInt16(clamping: record.allowance?.storageDays ?? 7) : 0,
            freeStorageDays: isStoring ? UInt16(clamping: free?.storageDays ?? 7) : 0,
            hasFreeOnly: record.freeDevices == .all
        )
    }

    init(
        key: ProductKey,
        account: AccountID,
        dayOffset: UTCOffset,
        uplink: UplinkStream? = nil,
        topics: TopicClasses? = nil,
        limits: TrafficLimits? = nil,
        countsState: Bool = false,
        uncounted: PatternSet? = nil,
        unitsPerDay: UInt32?,
        freeUnitsPerDay: UInt32?,
        storageDays: UInt16 = 0,
        freeStorageDays: UInt16 = 0,
        hasFreeOnly: Bool
    ) {
        self.key = key
        self.account = account
        self.dayOffset = dayOffset
        self.uplink = uplink
        self.topics = topics
        self.limits = limits
        self.countsState = countsState
        self.uncounted = uncounted
        self.unitsPerDay = unitsPerDay
        self.freeUnitsPerDay = freeUnitsPerDay
        self.storageDays = storageDays
        self.freeStorageDays = freeStorageDays
        self.hasFreeOnly = hasFreeOnly
    }
}
