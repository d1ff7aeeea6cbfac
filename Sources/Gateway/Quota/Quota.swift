import Bytes
import Ledger
import Linux
import Metering
import Synchronization
import Time

/// What the devices of one shard may send and be sent: their counters, the settings of their products,
/// and units from their accounts' message packs (rules C1 to C9).
///
/// It talks to no store and no other shard: what is to be done there is a `UsageBatch` or a `PackAction`,
/// which the shard carries out. Units are counted for whole messages, or not at all.
struct Quota: ~Copyable {
    /// What devices the shard talks to, and where the time comes from, are parameters of each call.
    var meter: Meter
    private var products = ProductCatalogue()
    private var packs: PackStocks
    private let unit: MessageUnit
    private let counters: ShardCounters
    let flushMilliseconds: Int64
    var nextFlush: MonotonicInstant

    /// Before then no batch is made for departures alone.
    var nextDepartures: MonotonicInstant

    /// Devices that were refused on a day, and could not hear of it yet (rule C11).
    private var unheard: [DeviceIdentity: Day] = [:]

    /// QoS 1 messages of devices that were counted lately, and may be sent again.
    var published = CountedMessages()

    /// Retained messages that were counted when they were handed to their devices.
    var handedOut = CountedMessages()

    /// Whether a product that has been read names a stream: read for every message.
    private(set) var hasUplinks = false

    /// Whether one has its devices' messages stored: read for every message.
    private(set) var storesMessages = false

    /// Whether the devices of one have topics of their own: read for every message.
    private(set) var hasOwnTopics = false

    /// Whether the devices of one publish something that is not counted: read for every message.
    private(set) var hasUncounted = false

    /// One more whenever a product is read: what was found out about its devices' topics before may hold no longer.
    private(set) var productsVersion: UInt64 = 0

    /// Devices that alerts' digests are to tell of.
    private var seen = SeenDevices()

    /// Of the counts that were dirty when the flush was due, those that no batch has carried yet.
    var countsToFlush = 0

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    /// - Parameters:
    ///   - stored: what the usage store holds of a device; `nil` for nothing.
    ///   - peers: how many other shards there are.
    ///   - limits: what may wait for units.
    init(
        unit: MessageUnit,
        peers: Int,
        limits: (messages: Int, bytes: Int),
        flushMilliseconds: Int64,
        from start: MonotonicInstant,
        counters: ShardCounters,
        stored: @escaping (DeviceIdentity) -> UsageRecord?
    ) {
        self.unit = unit
        self.counters = counters
        self.flushMilliseconds = flushMilliseconds
        nextFlush = start.adding(milliseconds: flushMilliseconds)
        nextDepartures = start
        packs = PackStocks(peers: peers, limits: limits)
        meter = Meter(stored: stored)
    }

    // MARK: Products

    /// The slot of devices of the product that have the limit of free codes, or the package's (rule A4);
    /// `nil` when the product has not been read from the books.
    mutating func product(_ key: ProductKey, isFree: Bool) -> ProductCatalogue.Slot? {
        let slot = products.slot(of: key, isFree: isFree)
        // It may have been made just now: of free codes, which are kept for other days than the package's.
        if let slot, products.storageDays(at: slot) > 0 { storesMessages = true }
        return slot
    }

    /// Those that have been read.
    var productKeys: [ProductKey] { products.keys }

    /// Whether it has been read.
    func knows(_ key: ProductKey) -> Bool { !products.slots(of: key).isEmpty }

    /// All slots of its devices.
    func slots(of key: ProductKey) -> [ProductCatalogue.Slot] { products.slots(of: key) }

    /// Keeps what the books say of a product.
    mutating func keep(_ product: ProductFacts) {
        products.insert(product)
        productsVersion += 1
        hasUplinks = products.hasUplinks
        storesMessages = products.storesMessages
        hasOwnTopics = products.hasOwnTopics
        hasUncounted = products.hasUncounted
    }

    /// For how many days the messages of the product's devices are stored; 0: they are not.
    func storageDays(of product: ProductCatalogue.Slot) -> UInt16 {
        products.storageDays(at: product)
    }

    /// Where the messages of the product's devices go, beside the applications.
    func uplink(of product: ProductCatalogue.Slot) -> UplinkStream? { products.uplink(at: product) }

    /// The topics of the product's own that its devices use.
    func topics(of product: ProductCatalogue.Slot) -> TopicClasses? { products.topics(at: product) }

    /// What devices of the product publish without being counted (rule C13).
    func uncounted(of slot: ProductCatalogue.Slot) -> PatternSet? { products.uncounted(at: slot) }

    /// What each device of the product is limited to.
    func limits(of product: ProductCatalogue.Slot) -> TrafficLimits? {
        products.limits(at: product)
    }

    /// Whether what devices of the product say of their states is counted as messages are.
    func countsState(of product: ProductCatalogue.Slot) -> Bool {
        products.countsState(at: product)
    }

    /// A device of the product has sent more than its rate covers.
    mutating func count(
        _ excess: WritableKeyPath<Admissions, UInt64>, at product: ProductCatalogue.Slot
    ) {
        products.count(excess, at: product)
    }

    /// A device of the product has come (1) or gone (-1).
    mutating func count(_ change: Int, at product: ProductCatalogue.Slot) {
        products.count(change, at: product)
    }

    /// A device was let in.
    mutating func countAdmitted(at product: ProductCatalogue.Slot) {
        products.countAdmitted(at: product)
    }

    /// A device was refused, or its connection has ended.
    mutating func count(ending reason: Reason, at product: ProductCatalogue.Slot) {
        products.count(ending: reason, at: product)
    }

    /// A CONNECT that was refused before its product was looked up; `nil`: before it named one.
    mutating func count(ending reason: Reason, of product: ProductKey?) {
        products.count(ending: reason, of: product)
    }

    /// A device was refused as its product has no code left.
    mutating func noteRefusedForCode(_ device: DeviceIdentity) {
        seen.note(device, for: .refusedForCode)
    }

    /// What digests are to tell of since the last call.
    mutating func takeSeen() -> SeenDevices {
        defer { seen = SeenDevices() }
        return seen
    }

    /// What has come of the devices' CONNECTs since the start, by product; `nil`: of none that had been read.
    var admissions: [ProductKey?: Admissions] { products.admissions }

    /// Devices that are connected to this shard, by product.
    var online: [ProductKey: Int] { products.online }

    /// Devices of the product that are connected to this shard.
    func onlineCount(of key: ProductKey) -> Int {
        products.online(of: key)
    }

    // MARK: Counting

    /// Units that a message counts as (rule C2).
    func units(payloadBytes: Int) -> UInt32 { unit.units(payloadBytes: payloadBytes) }

    /// Counts a message of or to a client. Applications are not counted: the device that they write to
    /// is. `isReserved`: it is one that units were reserved for.
    mutating func charge(
        _ client: inout NegotiatedSettings,
        payloadBytes: Int,
        isReserved: Bool = false,
        at time: Timestamp
    ) -> ChargeVerdict {
        guard let product = client.productSlot else { return .counted }
        let day = products.day(at: product, time)
        let counter = counter(of: &client, day)
        let units = unit.units(payloadBytes: payloadBytes)
        return charge(counter, product, units: units, isReserved: isReserved, day, time)
    }

    /// Sets units of the day aside for messages that wait for a device, so that what it sends itself does
    /// not use them up (rule C10).
    mutating func reserve(
        _ client: inout NegotiatedSettings, units: UInt64, at time: Timestamp
    ) {
        guard let product = client.productSlot else { return }
        let counter = counter(of: &client, products.day(at: product, time))
        meter.reserve(counter, units: UInt32(clamping: units))
    }

    /// The same for a device that is away.
    mutating func charge(
        absent device: DeviceIdentity,
        of product: ProductCatalogue.Slot,
        payloadBytes: Int,
        at time: Timestamp
    ) -> ChargeVerdict {
        let day = products.day(at: product, time)
        let counter = meter.hold(device, on: day)
        defer { meter.release(counter) }
        return charge(counter, product, units: unit.units(payloadBytes: payloadBytes), day, time)
    }

    private mutating func charge(
        _ counter: Meter.Slot,
        _ product: ProductCatalogue.Slot,
        units: UInt32,
        isReserved: Bool = false,
        _ day: Day,
        _ time: Timestamp
    ) -> ChargeVerdict {
        let allowance = products.allowance(at: product)
        let verdict = meter.charge(
            counter, units: units, allowance: allowance, isReserved: isReserved, day: day)
        guard case .short(let missing) = verdict else {
            counters.add(.unitsCounted, Int(units))
            return .counted
        }
        let stock = products.stock(at: product, in: &packs)
        switch packs.draw(missing, for: meter.device(of: counter), from: stock, at: time) {
        case .wait: return .waits(stock)
        case .nothingLeft:
            noteOverAllowance(counter, day)
            return .refused(isFirst: meter.noteExhausted(counter, on: day))
        case .drawn:
            noteOverAllowance(counter, day)
            meter.charge(counter, units: units, drawn: missing, day: day)
            counters.add(.unitsCounted, Int(units))
            counters.add(.unitsToppedUp, Int(missing))
            return .counted
        }
    }

    private mutating func noteOverAllowance(_ counter: Meter.Slot, _ day: Day) {
        guard meter.noteOverAllowance(counter, on: day) else { return }
        seen.note(meter.device(of: counter), for: .atDailyLimit)
    }

    // MARK: The day's notice

    /// A device that is to be told that nothing covers its messages can't hear it: that is due until it can
    /// (rule C11).
    mutating func noteUnheard(_ client: inout NegotiatedSettings, at time: Timestamp) {
        guard let product = client.productSlot, case .device(let device) = client.client else {
            return
        }
        let day = products.day(at: product, time)
        noteUnheard(device.identity, counter(of: &client, day), day)
    }

    /// The same for a device that is away.
    mutating func noteUnheard(
        absent device: DeviceIdentity, of product: ProductCatalogue.Slot, at time: Timestamp
    ) {
        let day = products.day(at: product, time)
        let counter = meter.hold(device, on: day)
        defer { meter.release(counter) }
        noteUnheard(device, counter, day)
    }

    private mutating func noteUnheard(
        _ device: DeviceIdentity, _ counter: Meter.Slot, _ day: Day
    ) {
        meter.withdrawNotice(counter, on: day)
        if unheard.count >= Self.unheardLimit { unheard = unheard.filter { $0.value >= day } }
        if unheard.count < Self.unheardLimit { unheard[device] = day }
    }

    /// Whether a device that can hear it now is still to be told of this day. If so, it counts as told.
    mutating func takeOwedNotice(_ client: inout NegotiatedSettings, at time: Timestamp) -> Bool {
        guard !unheard.isEmpty, let product = client.productSlot,
            case .device(let device) = client.client,
            let owed = unheard.removeValue(forKey: device.identity)
        else { return false }
        let day = products.day(at: product, time)
        return owed == day && meter.noteExhausted(counter(of: &client, day), on: day)
    }

    /// Devices that are remembered so. Any other is told with its next message.
    private static var unheardLimit: Int { 65_536 }

    /// The device's counter, looked up with its first message.
    @inline(__always)
    private mutating func counter(of client: inout NegotiatedSettings, _ day: Day) -> Meter.Slot {
        if let held = client.meterSlot { return held }
        return firstHold(of: &client, day)
    }

    private mutating func firstHold(of client: inout NegotiatedSettings, _ day: Day) -> Meter.Slot {
        guard case .device(let device) = client.client else {
            preconditionFailure("only devices are metered")
        }
        let held = meter.hold(device.identity, on: day)
        client.meterSlot = held
        return held
    }

    /// A device goes: when it was seen last comes to the disk with the counts of those that have gone.
    mutating func noteDeparture(of client: NegotiatedSettings, at time: Timestamp) {
        guard let product = client.productSlot, case .device(let device) = client.client else {
            return
        }
        meter.noteDeparture(
            of: device.identity, client.meterSlot, on: products.day(at: product, time), at: time)
    }

    /// A connection goes, and with it its hold of the device's counter.
    mutating func release(_ counter: Meter.Slot) { meter.release(counter) }

    /// A device comes from another node, where so much of its days was counted: it goes on from there.
    mutating func adopt(
        _ days: [DayUsage], by client: inout NegotiatedSettings, at time: Timestamp
    ) {
        guard let product = client.productSlot else { return }
        let day = products.day(at: product, time)
        guard let known = days.first(where: { $0.day == day }) else { return }
        meter.adopt(known, by: counter(of: &client, day))
    }

    // MARK: Looking ahead

    /// What counting `units` now would come to: whether what is left of a device's allowance, or a pack,
    /// covers them. A client that is not metered needs none.
    mutating func coverage(
        of client: inout NegotiatedSettings,
        units: UInt32,
        at time: Timestamp
    ) -> CoverageVerdict {
        guard let product = client.productSlot, let allowance = products.allowance(at: product)
        else { return .covered }
        let day = products.day(at: product, time)
        let used = meter.usage(counter(of: &client, day), on: day).used
        return coverage(product, units: units, left: allowance - min(allowance, used), time)
    }

    /// The same for a device that is away.
    mutating func coverage(
        ofAbsent device: DeviceIdentity,
        of product: ProductCatalogue.Slot,
        units: UInt32,
        at time: Timestamp
    ) -> CoverageVerdict {
        guard let allowance = products.allowance(at: product) else { return .covered }
        let day = products.day(at: product, time)
        let counter = meter.hold(device, on: day)
        defer { meter.release(counter) }
        let used = meter.usage(counter, on: day).used
        return coverage(product, units: units, left: allowance - min(allowance, used), time)
    }

    private mutating func coverage(
        _ product: ProductCatalogue.Slot,
        units: UInt32,
        left: UInt32,
        _ time: Timestamp
    ) -> CoverageVerdict {
        guard units > left else { return .covered }
        let stock = products.stock(at: product, in: &packs)
        return switch packs.look(for: units - left, in: stock, at: time) {
        case .drawn: .covered
        case .wait: .waits(stock)
        case .nothingLeft: .refused
        }
    }

    // MARK: Figures

    /// What the device is told of its day: members of a JSON object. `nil` for a client that is not
    /// metered.
    mutating func report(_ client: inout NegotiatedSettings, at time: Timestamp) -> String? {
        guard let product = client.productSlot else { return nil }
        let day = products.day(at: product, time)
        let usage = meter.usage(counter(of: &client, day), on: day)
        let limit = products.allowance(at: product).map(String.init) ?? "null"
        let resetsAt = day.next.start(at: products.dayOffset(at: product))
        return "\"day\":\"\(day)\",\"limit\":\(limit),\"used\":\(usage.used),"
            + "\"topUp\":\(usage.topUp),\"resetsAt\":\"\(resetsAt)\""
    }

    /// What memory knows of a device that the store may not have yet.
    func unsettled(_ device: DeviceIdentity) -> [DayUsage] { meter.unsettled(device) }

    /// How many counters are in memory.
    var counterCount: Int { meter.count }

    // MARK: Packs

    /// Accounts with units of packs here that the ledger does not know to be used or given back.
    var unsettledLeases: Int { packs.unsettledCount }

    /// No batch is on its way, and no unit of a pack is here.
    var isSettled: Bool { !meter.isAwaitingStore && packs.isSettled }

    /// Where the units for a device are; `nil` for a client that is not metered.
    mutating func stock(of client: borrowing NegotiatedSettings) -> PackStocks.Slot? {
        guard let product = client.productSlot else { return nil }
        return products.stock(at: product, in: &packs)
    }

    /// Keeps what waits for units, in order. False when too much waits already.
    mutating func wait(_ waiter: PackWaiter, at stock: PackStocks.Slot) -> Bool {
        packs.wait(waiter, at: stock)
    }

    /// All that waits for units of a stock: it is to be tried again.
    mutating func takeWaiters(at stock: PackStocks.Slot) -> [PackWaiter] {
        packs.takeWaiters(at: stock)
    }

    /// All that waits for units of any account: the shard ends.
    mutating func takeAllWaiters() -> [PackWaiter] {
        packs.allSlots.flatMap { packs.takeWaiters(at: $0) }
    }

    /// What waited at a stock has been tried again; more may be needed.
    mutating func retried(at stock: PackStocks.Slot) { packs.stir(stock) }

    /// The next request for units that clients lacked in this turn.
    mutating func nextPackAction() -> PackAction? { packs.nextAction() }

    /// What an account's packs have come to, and what follows from that.
    mutating func receive(_ notice: PackNotice, of account: AccountID) -> [PackAction] {
        packs.receive(notice, of: account)
    }

    /// With each flush interval: leases that have not been drawn from since the last time go back, and
    /// the ledger hears of those that are used up.
    mutating func settlePacks(at time: Timestamp) -> [PackAction] { packs.settle(at: time) }

    /// Everything goes back: the shard is about to end.
    mutating func giveBackPacks() -> [PackAction] { packs.giveBackAll() }

    /// Ends the leases of one account.
    mutating func giveBackPacks(of account: AccountID) -> [PackAction] { packs.giveBack(account) }

    /// Whether the ledger is yet to hear of an end of the account's leases.
    func isSettling(_ account: AccountID) -> Bool { packs.isSettling(account) }
}

/// What became of the units of a device's message.
enum ChargeVerdict {
    case counted

    /// Neither the allowance nor a pack covers them (rule C3). `isFirst`: of the device's day, and so it
    /// is to be told (rule C4).
    case refused(isFirst: Bool)

    /// Units of that stock have been asked for: nothing is counted yet (rule C6).
    case waits(PackStocks.Slot)
}
