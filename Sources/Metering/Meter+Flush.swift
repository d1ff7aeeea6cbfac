public import Ledger
public import Time

// Bringing the counts to the store (rule C7).
extension Meter {
    /// A count that a batch carries.
    struct Carried {
        let index: Int32
        let day: Day
    }

    /// Whether counts are waiting to be flushed.
    public var isDirty: Bool { dirtyCount > 0 }

    /// Counts in batches that the store has yet to answer for.
    public var carriedCount: Int { batches.values.reduce(0) { $0 + $1.count } }

    /// Whether the store has yet to answer for a batch.
    public var isAwaitingStore: Bool { !batches.isEmpty }

    /// The counts that have waited longest, of about `maximum` devices' days, or `nil` when there are
    /// none. The store's answer goes to `settle`.
    public mutating func nextBatch(at time: Timestamp, maximum: Int = 4_096) -> UsageBatch? {
        var draft = BatchDraft(number: lastBatch + 1, capacity: min(maximum, dirtyCount))
        while draft.entries.count < maximum, let index = dirty.popFirst() {
            counters[Int(index)].isListed = false
            take(index, into: &draft)
        }
        return send(draft, at: time)
    }

    /// Whether counts wait whose devices have gone.
    public var hasReleased: Bool { !released.isEmpty }

    /// How many devices have gone without a dirty count, and no batch has told of it yet.
    public var departedCount: Int { departed.count }

    /// The same for devices that have gone, which do not wait for the schedule: of those without a dirty count an empty
    /// one, which only says when.
    public mutating func nextReleasedBatch(
        at time: Timestamp,
        maximum: Int = 4_096
    ) -> UsageBatch? {
        guard !released.isEmpty || !departed.isEmpty else { return nil }
        var draft = BatchDraft(
            number: lastBatch + 1, capacity: min(maximum, released.count + departed.count))
        while draft.entries.count < maximum, let index = released.popLast() {
            take(index, into: &draft)
        }
        while draft.entries.count < maximum, let entry = departed.popLast() { draft.add(entry) }
        return send(draft, at: time)
    }

    /// Puts what is dirty of a slot into the draft.
    private mutating func take(_ index: Int32, into draft: inout BatchDraft) {
        guard let device = devices[Int(index)] else { return }
        let before = draft.entries.count
        draft.take(&counters[Int(index)].tally, of: device, at: index)
        if var shelf = shelves[index] {
            for place in shelf.indices { draft.take(&shelf[place], of: device, at: index) }
            shelves[index] = shelf
        }
        dirtyCount -= draft.entries.count - before
    }

    private mutating func send(_ draft: BatchDraft, at time: Timestamp) -> UsageBatch? {
        guard !draft.entries.isEmpty else { return nil }
        lastBatch = draft.number
        batches[draft.number] = draft.carried
        return UsageBatch(number: draft.number, takenAt: time, entries: draft.entries)
    }

    /// The store's answer: written, or to be sent again.
    public mutating func settle(batch number: UInt64, isWritten: Bool) {
        for carried in batches.removeValue(forKey: number) ?? [] {
            settle(carried, number, isWritten: isWritten)
            dropIfSettled(carried.index)
        }
    }

    private mutating func settle(_ carried: Carried, _ number: UInt64, isWritten: Bool) {
        let index = carried.index
        if counters[Int(index)].tally.batchUnderWay == number,
            counters[Int(index)].tally.usage.day == carried.day
        {
            let isDirtied = counters[Int(index)].tally.settle(isWritten: isWritten)
            if isDirtied { list(index) }
            return
        }
        guard
            let place = shelves[index]?.firstIndex(where: {
                $0.batchUnderWay == number && $0.usage.day == carried.day
            }), var tally = shelves[index]?[place]
        else { return }
        let isDirtied = tally.settle(isWritten: isWritten)
        if tally.isSettled {
            removeFromShelf(index, at: place)
        } else {
            shelves[index]?[place] = tally
        }
        if isDirtied { list(index) }
    }
}

/// Counts on their way from one shard's memory to the usage store.
public struct UsageBatch: Sendable {
    /// Names the batch to the meter that made it, when the store has answered.
    public let number: UInt64

    /// When the counts were taken.
    public let takenAt: Timestamp
    public let entries: [Entry]

    /// The whole count of a device's day, not what was added to it: writing one twice is harmless.
    public struct Entry: Sendable {
        public let device: DeviceIdentity
        public let usage: DayUsage

        /// When the device was seen last; `nil`: when the counts were taken.
        public let seenAt: Timestamp?

        public init(device: DeviceIdentity, usage: DayUsage, seenAt: Timestamp? = nil) {
            self.device = device
            self.usage = usage
            self.seenAt = seenAt
        }
    }
}

/// A batch being filled, and where its counts come from.
struct BatchDraft {
    let number: UInt64
    private(set) var entries: [UsageBatch.Entry] = []
    private(set) var carried: [Meter.Carried] = []

    init(number: UInt64, capacity: Int) {
        self.number = number
        entries.reserveCapacity(capacity)
        carried.reserveCapacity(capacity)
    }

    /// An entry that is no counter's. One that can't be written is not sent again.
    mutating func add(_ entry: UsageBatch.Entry) { entries.append(entry) }

    /// Takes the count if it is dirty.
    mutating func take(_ tally: inout Tally, of device: DeviceIdentity, at index: Int32) {
        guard tally.isDirty else { return }
        tally.isDirty = false
        tally.batchUnderWay = number
        entries.append(UsageBatch.Entry(device: device, usage: tally.usage))
        carried.append(Meter.Carried(index: index, day: tally.usage.day))
    }
}
