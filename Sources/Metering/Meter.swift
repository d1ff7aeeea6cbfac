public import Ledger
public import Time

/// What became of a message's units.
public enum MeterVerdict: Equatable, Sendable {
    /// The units are counted.
    case counted

    /// The units would have crossed the day's allowance: nothing is counted (rule C3). `isFirst` once
    /// per device and day, for the one notice that rule C4 asks for.
    case exhausted(isFirst: Bool)
}

/// The message counters of the devices whose home is one shard (rules C1 to C7).
///
/// A counter comes into being with a device's first message, stays while the device is connected,
/// and after that until the store has confirmed its last count. Charging touches one slot and
/// allocates nothing. Counts leave in batches of whole-day values; a batch that the store refused is
/// sent again with the counts of that later time.
///
/// The day comes in with every call. A slot holds two days, so that a clock which steps over
/// midnight and back finds both counts (rule C5); a third day is looked up in what is on its way to
/// the store, and then in the store.
public struct Meter: ~Copyable {
    /// Names a counter while its device holds it.
    public struct Slot: Equatable, Sendable {
        let index: Int32
    }

    private struct Counter {
        let device: DeviceIdentity
        var current: DayUsage
        var previous: DayUsage
        var noticedDay: Day?
        var isCurrentDirty = false
        var isPreviousDirty = false
        var isListed = false
        var isHeld = true
        var batchesUnderWay: UInt16 = 0
    }

    private struct DeviceDay: Hashable {
        let device: DeviceIdentity
        let day: Day
    }

    private var counters: [Counter?] = []
    private var freeSlots: [Int32] = []
    private var slots: [DeviceIdentity: Int32] = [:]

    /// Slots with counts that no batch holds yet; a slot that is not `isListed` any more went with a
    /// batch of released ones.
    private var dirty: [Int32] = []

    /// Dirty slots whose device has gone: they are flushed first.
    private var released: [Int32] = []

    /// Counts of days that had to leave their slot before the store confirmed them.
    private var parked: [DeviceDay: UInt32] = [:]
    private var unsentParked: [DeviceDay] = []

    private var batches: [UInt64: (slots: [Int32], parked: [DeviceDay])] = [:]
    private var lastBatch: UInt64 = 0

    private let stored: (DeviceIdentity) -> UsageRecord?

    /// `stored` answers what the usage store holds of a device; it is asked when a device sends its
    /// first message and when the day changes.
    public init(stored: @escaping (DeviceIdentity) -> UsageRecord?) {
        self.stored = stored
    }

    /// How many counters are in memory.
    public var count: Int { slots.count }

    /// Whether counts are waiting to be flushed.
    public var isDirty: Bool { !dirty.isEmpty || !unsentParked.isEmpty }

    /// Whether the store has yet to answer for a batch.
    public var isAwaitingStore: Bool { !batches.isEmpty }

    // MARK: Holding a counter

    /// The device's counter, made with what the store holds of `day` if it is not in memory. To be
    /// released when the device has gone.
    public mutating func hold(_ device: DeviceIdentity, on day: Day) -> Slot {
        if let index = slots[device] {
            counters[Int(index)]?.isHeld = true
            return Slot(index: index)
        }
        let usage = stored(device)
        let counter = Counter(
            device: device,
            current: known(device, on: day, usage),
            previous: known(device, on: day.adding(days: -1), usage),
            noticedDay: usage?.noticedDay
        )
        let index: Int32
        if let reused = freeSlots.popLast() {
            index = reused
            counters[Int(index)] = counter
        } else {
            index = Int32(counters.count)
            counters.append(counter)
        }
        slots[device] = index
        return Slot(index: index)
    }

    /// The device has gone: its counter is dropped as soon as the store has all of it.
    public mutating func release(_ slot: Slot) {
        counters[Int(slot.index)]?.isHeld = false
        if counters[Int(slot.index)]?.isListed == true { released.append(slot.index) }
        dropIfSettled(slot.index)
    }

    // MARK: Counting

    /// Counts `units` on `day` unless they would cross `allowance` (`nil`: no limit, rule C9).
    public mutating func charge(
        _ slot: Slot,
        units: UInt32,
        allowance: UInt32?,
        day: Day
    ) -> MeterVerdict {
        let index = Int(slot.index)
        if counters[index]!.current.day != day { turn(index, to: day) }
        let used = counters[index]!.current.used
        let (total, overflows) = used.addingReportingOverflow(units)
        if overflows || total > allowance ?? .max {
            let isFirst = counters[index]!.noticedDay != day
            if isFirst {
                counters[index]!.noticedDay = day
                markDirty(slot.index)
            }
            return .exhausted(isFirst: isFirst)
        }
        counters[index]!.current.used = total
        if !counters[index]!.isCurrentDirty { markDirty(slot.index) }
        return .counted
    }

    /// Whether `units` more would still be within the allowance; counts nothing.
    public mutating func hasRoom(
        _ slot: Slot,
        units: UInt32,
        allowance: UInt32?,
        day: Day
    ) -> Bool {
        guard let allowance else { return true }
        return UInt64(used(slot, on: day)) + UInt64(units) <= UInt64(allowance)
    }

    /// Units counted for the device on `day`.
    public mutating func used(_ slot: Slot, on day: Day) -> UInt32 {
        let index = Int(slot.index)
        if counters[index]!.current.day != day { turn(index, to: day) }
        return counters[index]!.current.used
    }

    /// What memory knows of a device that may or may not be connected: the days that the store may
    /// not have yet.
    public func unsettled(_ device: DeviceIdentity) -> [DayUsage] {
        guard let index = slots[device], let counter = counters[Int(index)] else { return [] }
        return [counter.previous, counter.current]
    }

    /// Makes `day` the current one, whichever way the clock went.
    private mutating func turn(_ index: Int, to day: Day) {
        guard var counter = counters[index] else { return }
        if counter.previous.day == day {
            swap(&counter.previous, &counter.current)
            swap(&counter.isPreviousDirty, &counter.isCurrentDirty)
            counters[index] = counter
            return
        }
        // The day that leaves the slot may be unknown to the store still.
        if counter.isPreviousDirty || counter.batchesUnderWay > 0 {
            let leaving = DeviceDay(device: counter.device, day: counter.previous.day)
            parked[leaving] = counter.previous.used
            unsentParked.append(leaving)
        }
        counter.previous = counter.current
        counter.isPreviousDirty = counter.isCurrentDirty
        counter.current = known(counter.device, on: day, stored(counter.device))
        counter.isCurrentDirty = false
        counters[index] = counter
    }

    /// A day's count: what is on its way to the store is newer than what the store has.
    private func known(_ device: DeviceIdentity, on day: Day, _ usage: UsageRecord?) -> DayUsage {
        let used = parked[DeviceDay(device: device, day: day)] ?? usage?.used(on: day) ?? 0
        return DayUsage(day: day, used: used)
    }

    private mutating func markDirty(_ index: Int32) {
        counters[Int(index)]!.isCurrentDirty = true
        guard !counters[Int(index)]!.isListed else { return }
        counters[Int(index)]!.isListed = true
        dirty.append(index)
    }

    // MARK: Flushing

    /// Up to `maximum` devices' counts for the store, or `nil` when there are none. The store's answer
    /// goes to `settle`.
    public mutating func nextBatch(at time: Timestamp, maximum: Int = 4_096) -> UsageBatch? {
        while isDirty {
            let taken = Array(dirty.suffix(maximum))
            dirty.removeLast(taken.count)
            if let batch = batch(of: taken, at: time) { return batch }
        }
        return nil
    }

    /// The same for devices that have gone, which need not wait for the schedule (rule C7).
    public mutating func nextReleasedBatch(
        at time: Timestamp,
        maximum: Int = 4_096
    ) -> UsageBatch? {
        while !released.isEmpty {
            let taken = Array(released.suffix(maximum))
            released.removeLast(taken.count)
            if let batch = batch(of: taken, at: time) { return batch }
        }
        return nil
    }

    private mutating func batch(of taken: [Int32], at time: Timestamp) -> UsageBatch? {
        var entries: [UsageBatch.Entry] = []
        entries.reserveCapacity(taken.count + unsentParked.count)
        var slots: [Int32] = []
        slots.reserveCapacity(taken.count)
        for index in taken where counters[Int(index)]?.isListed == true {
            take(index, into: &entries)
            slots.append(index)
        }
        for parkedDay in unsentParked {
            guard let used = parked[parkedDay] else { continue }
            entries.append(
                UsageBatch.Entry(
                    device: parkedDay.device,
                    day: parkedDay.day,
                    used: used,
                    isNoticed: false
                )
            )
        }
        let parkedDays = unsentParked
        unsentParked.removeAll()
        guard !entries.isEmpty else { return nil }
        lastBatch += 1
        batches[lastBatch] = (slots, parkedDays)
        return UsageBatch(number: lastBatch, takenAt: time, entries: entries)
    }

    private mutating func take(_ index: Int32, into entries: inout [UsageBatch.Entry]) {
        guard var counter = counters[Int(index)] else { return }
        for (usage, isDirty) in [
            (counter.current, counter.isCurrentDirty), (counter.previous, counter.isPreviousDirty),
        ] where isDirty {
            entries.append(
                UsageBatch.Entry(
                    device: counter.device,
                    day: usage.day,
                    used: usage.used,
                    isNoticed: counter.noticedDay == usage.day
                )
            )
        }
        counter.isCurrentDirty = false
        counter.isPreviousDirty = false
        counter.isListed = false
        counter.batchesUnderWay += 1
        counters[Int(index)] = counter
    }

    /// The store's answer: written, or to be sent again.
    public mutating func settle(batch number: UInt64, isWritten: Bool) {
        guard let batch = batches.removeValue(forKey: number) else { return }
        for index in batch.slots {
            counters[Int(index)]!.batchesUnderWay -= 1
            if isWritten {
                dropIfSettled(index)
            } else {
                counters[Int(index)]!.isPreviousDirty = true
                markDirty(index)
            }
        }
        if isWritten {
            for parkedDay in batch.parked where !isToBeWritten(parkedDay) {
                parked[parkedDay] = nil
            }
        } else {
            unsentParked.append(contentsOf: batch.parked)
        }
    }

    /// Whether a later batch holds the day, or will.
    private func isToBeWritten(_ parkedDay: DeviceDay) -> Bool {
        unsentParked.contains(parkedDay)
            || batches.values.contains { $0.parked.contains(parkedDay) }
    }

    private mutating func dropIfSettled(_ index: Int32) {
        guard let counter = counters[Int(index)], !counter.isHeld, !counter.isListed,
            counter.batchesUnderWay == 0
        else { return }
        slots[counter.device] = nil
        counters[Int(index)] = nil
        freeSlots.append(index)
    }
}
