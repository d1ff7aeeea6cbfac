public import Ledger
public import Time

/// The message counters of the devices whose home is one shard (rules C1 to C7).
///
/// A counter comes into being with a device's first message, and stays while a connection holds it;
/// then, until the store has confirmed all of it. Charging touches one slot of plain numbers and
/// allocates nothing. Counts leave in batches of whole-day values; those of a batch that the store
/// refused leave again with a later one.
///
/// The day comes in with every call. A slot counts one day. A day that it turns away from is kept on
/// the counter's shelf until the store has confirmed it, and read from the store after that: so a
/// clock that steps over midnight finds every count again, whichever way it goes (rule C5).
public struct Meter: ~Copyable {
    /// Names a counter to those who hold it.
    public struct Slot: Equatable, Sendable {
        @usableFromInline let index: Int32
    }

    /// By slot: what the packet path touches, and apart from it, whose it is; `nil`: a free slot.
    @usableFromInline var counters: [Counter] = []
    var devices: [DeviceIdentity?] = []
    var freeSlots: [Int32] = []
    var slots: [DeviceIdentity: Int32] = [:]

    /// By slot: other days than the counter's, which the store has not confirmed yet.
    var shelves: [Int32: [Tally]] = [:]

    /// Slots with dirty counts, each once. One that a batch of released counters took is clean when
    /// its turn comes.
    var dirty = SlotQueue()

    /// Slots that were dirty when their last holder went: they are flushed first.
    var released: [Int32] = []

    /// Devices that have gone and left no dirty count, since the last batch that told of departures.
    var departed: [UsageBatch.Entry] = []

    /// What the batches under way carry, by their numbers.
    var batches: [UInt64: [Carried]] = [:]
    var lastBatch: UInt64 = 0

    /// How many counts, each of a device and a day, no batch has carried yet.
    public internal(set) var dirtyCount = 0

    private let stored: (DeviceIdentity) -> UsageRecord?

    /// `stored` answers what the usage store holds of a device; it is asked when a device sends its
    /// first message, and when the clock goes back to a day that is in memory no more.
    public init(stored: @escaping (DeviceIdentity) -> UsageRecord?) {
        self.stored = stored
    }

    /// Whose a counter is that somebody holds.
    public func device(of slot: Slot) -> DeviceIdentity {
        guard let device = devices[Int(slot.index)] else {
            preconditionFailure("a counter that is held is some device's")
        }
        return device
    }

    /// How many counters are in memory.
    public var count: Int { slots.count }

    // MARK: Holding a counter

    /// The device's counter, made with what the store holds of `day` if it is not in memory. Each
    /// hold is to be followed by one release.
    public mutating func hold(_ device: DeviceIdentity, on day: Day) -> Slot {
        if let index = slots[device] {
            counters[Int(index)].holders += 1
            return Slot(index: index)
        }
        let record = stored(device)
        var counter = Counter(
            tally: Tally(usage: record?.usage(on: day) ?? DayUsage(day: day)),
            newestDay: max(day, record?.days.last?.day ?? day),
            isListed: false
        )
        let index: Int32
        if let free = freeSlots.popLast() {
            index = free
            // The queue may name this slot still, for the device that had it before.
            counter.isListed = counters[Int(index)].isListed
            counters[Int(index)] = counter
            devices[Int(index)] = device
        } else {
            index = Int32(counters.count)
            counters.append(counter)
            devices.append(device)
        }
        slots[device] = index
        return Slot(index: index)
    }

    /// Gives a hold back. With the last one the device has gone: its counts are due to be flushed,
    /// and its counter is dropped as soon as the store has all of them.
    public mutating func release(_ slot: Slot) {
        let index = Int(slot.index)
        precondition(counters[index].holders > 0, "a counter is released once by each who holds it")
        counters[index].holders -= 1
        guard counters[index].holders == 0 else { return }
        counters[index].reserved = 0
        if counters[index].isListed { released.append(slot.index) }
        dropIfSettled(slot.index)
    }

    /// A device has gone: the store is to know when, unless a count says so. What a departure without a count costs is
    /// the store's transaction, so it is for the caller to say when they are due (`nextReleasedBatch`).
    ///
    /// - Parameter slot: of its counter, which is not released yet, if there is one.
    public mutating func noteDeparture(
        of device: DeviceIdentity, _ slot: Slot?, on day: Day, at time: Timestamp
    ) {
        if let slot, counters[Int(slot.index)].tally.isDirty { return }
        departed.append(UsageBatch.Entry(device: device, usage: DayUsage(day: day), seenAt: time))
    }

    func isSettled(_ index: Int32) -> Bool {
        counters[Int(index)].tally.isSettled && shelves[index] == nil
    }

    mutating func dropIfSettled(_ index: Int32) {
        guard counters[Int(index)].holders == 0, isSettled(index),
            let device = devices[Int(index)]
        else { return }
        slots[device] = nil
        devices[Int(index)] = nil
        freeSlots.append(index)
    }

    // MARK: Counting

    /// Counts `units` on `day` unless they would cross `allowance` (`nil`: no limit, rule C9; a count
    /// then ends at what 32 bits hold): then nothing is counted, and `charge(_:units:drawn:day:)` or
    /// `noteExhausted` follows.
    ///
    /// - Parameter isReserved: the units are among those that were set aside by `reserve`; others leave
    ///   these alone.
    @inlinable
    public mutating func charge(
        _ slot: Slot,
        units: UInt32,
        allowance: UInt32?,
        isReserved: Bool = false,
        day: Day
    ) -> MeterVerdict {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        var free = allowance
        if !isReserved, counters[index].reserved > 0, let allowance {
            free = allowance - min(allowance, counters[index].reserved)
        }
        let verdict = counters[index].tally.usage.charge(units, allowance: free)
        if verdict == .counted { soil(slot.index) }
        return verdict
    }

    /// Counts `units` on `day`, of which `drawn` were past the allowance and come from a top-up pack
    /// (rule C6).
    public mutating func charge(_ slot: Slot, units: UInt32, drawn: UInt32, day: Day) {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        counters[index].tally.usage.charge(units, drawn: drawn)
        soil(slot.index)
    }

    /// The device was counted elsewhere on that day: what is more than is known here holds. The store is told by
    /// `UsageStore.adopt`.
    public mutating func adopt(_ usage: DayUsage, by slot: Slot) {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != usage.day { turn(slot.index, to: usage.day) }
        counters[index].tally.usage.raise(to: usage)
    }

    /// Sets so many units of the day's allowance aside, for messages to the device that were accepted and
    /// wait for their turn (rule C10); with the device's last connection it ends.
    public mutating func reserve(_ slot: Slot, units: UInt32) {
        counters[Int(slot.index)].reserved = units
    }

    /// Notes that the device can't send more on `day`. True once per device and day, for the one
    /// notice that rule C4 asks for.
    public mutating func noteExhausted(_ slot: Slot, on day: Day) -> Bool {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        guard !counters[index].tally.usage.isNoticed else { return false }
        counters[index].tally.usage.isNoticed = true
        soil(slot.index)
        return true
    }

    /// Notes that the device wants more than its allowance on `day`. True once per device and day, as far as this process
    /// remembers.
    public mutating func noteOverAllowance(_ slot: Slot, on day: Day) -> Bool {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        guard !counters[index].tally.isOverAllowance else { return false }
        counters[index].tally.isOverAllowance = true
        return true
    }

    /// The device could not hear the notice of `day`: it counts as not given.
    public mutating func withdrawNotice(_ slot: Slot, on day: Day) {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        guard counters[index].tally.usage.isNoticed else { return }
        counters[index].tally.usage.isNoticed = false
        soil(slot.index)
    }

    @inlinable
    mutating func soil(_ index: Int32) {
        guard !counters[Int(index)].tally.isDirty else { return }
        counters[Int(index)].tally.isDirty = true
        list(index)
    }

    /// What was counted for the device on `day`.
    public mutating func usage(_ slot: Slot, on day: Day) -> DayUsage {
        let index = Int(slot.index)
        if counters[index].tally.usage.day != day { turn(slot.index, to: day) }
        return counters[index].tally.usage
    }

    /// What memory knows of a device that may or may not be connected, by day: the counts that the
    /// store may not have yet.
    public func unsettled(_ device: DeviceIdentity) -> [DayUsage] {
        guard let index = slots[device] else { return [] }
        let tallies = [counters[Int(index)].tally] + (shelves[index] ?? [])
        return tallies.map(\.usage).sorted { $0.day < $1.day }
    }

    /// Makes `day` the one that the slot counts, whichever way the clock went.
    @usableFromInline
    mutating func turn(_ index: Int32, to day: Day) {
        let counter = counters[Int(index)]
        let arriving = takeFromShelf(index, day) ?? Tally(usage: settledUsage(index, day))
        if !counter.tally.isSettled { shelves[index, default: []].append(counter.tally) }
        counters[Int(index)].tally = arriving
        counters[Int(index)].newestDay = max(counter.newestDay, day)
    }

    private mutating func takeFromShelf(_ index: Int32, _ day: Day) -> Tally? {
        guard let place = shelves[index]?.firstIndex(where: { $0.usage.day == day }) else {
            return nil
        }
        return removeFromShelf(index, at: place)
    }

    /// The count of a day that is not in memory. A day later than all before it has none, so that
    /// midnight asks the store nothing.
    private func settledUsage(_ index: Int32, _ day: Day) -> DayUsage {
        guard day <= counters[Int(index)].newestDay, let device = devices[Int(index)] else {
            return DayUsage(day: day)
        }
        return stored(device)?.usage(on: day) ?? DayUsage(day: day)
    }

    /// Takes a tally off its shelf, and with the last one the shelf.
    @discardableResult
    mutating func removeFromShelf(_ index: Int32, at place: Int) -> Tally? {
        let tally = shelves[index]?.remove(at: place)
        if shelves[index]?.isEmpty == true { shelves[index] = nil }
        return tally
    }

    /// Notes that one more of the slot's counts is dirty.
    @usableFromInline
    mutating func list(_ index: Int32) {
        dirtyCount += 1
        guard !counters[Int(index)].isListed else { return }
        counters[Int(index)].isListed = true
        dirty.append(index)
    }
}

/// What became of a message's units.
public enum MeterVerdict: Equatable, Sendable {
    /// The units are counted.
    case counted

    /// So many of the units are past the day's allowance, and nothing is counted yet: they are to be
    /// had from a top-up pack (rule C6), or the message is refused whole (rule C3).
    case short(UInt32)
}

/// What the packet path touches of a device: plain numbers, without a reference to count.
@usableFromInline
struct Counter {
    /// The day that was counted last.
    @usableFromInline var tally: Tally

    /// No later day has a count, in memory or in the store.
    var newestDay: Day

    /// Connections that hold it: two for a moment, when one displaces the other.
    var holders: UInt32 = 1

    /// Units of the allowance that are set aside for messages to the device.
    @usableFromInline var reserved: UInt32 = 0

    /// Whether its slot is in the queue of dirty ones.
    var isListed: Bool
}

/// A device's count of one day, and how much of it the store has.
///
/// Counts are absolute, so only the last batch that carried a count matters: once that one is
/// written, the store has it, whatever became of those before.
@usableFromInline
struct Tally {
    @usableFromInline var usage: DayUsage

    /// Changed since a batch carried it last.
    @usableFromInline var isDirty = false

    /// The device has wanted more than the allowance. Not stored.
    var isOverAllowance = false

    /// The last batch that carried it, until the store has answered; 0 then.
    var batchUnderWay: UInt64 = 0

    /// Whether the store has confirmed all of it.
    var isSettled: Bool { !isDirty && batchUnderWay == 0 }

    /// The store's answer for the last batch that carried it. True when the count has to go again and
    /// was not dirty before.
    mutating func settle(isWritten: Bool) -> Bool {
        batchUnderWay = 0
        if isWritten || isDirty { return false }
        isDirty = true
        return true
    }
}

/// Slots of counters, first in, first out. Keeps its memory.
struct SlotQueue {
    private var slots: [Int32] = []
    private var head = 0

    mutating func append(_ slot: Int32) { slots.append(slot) }

    mutating func popFirst() -> Int32? {
        guard head < slots.count else { return nil }
        defer {
            head += 1
            // Half of it is behind the head: moving the rest down costs no more than reading it did.
            if head * 2 >= slots.count {
                slots.removeFirst(head)
                head = 0
            }
        }
        return slots[head]
    }
}
