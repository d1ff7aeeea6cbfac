import Ledger

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

    /// Takes the count if it is dirty.
    mutating func take(_ tally: inout Tally, of device: DeviceIdentity, at index: Int32) {
        guard tally.isDirty else { return }
        tally.isDirty = false
        tally.batchUnderWay = number
        entries.append(UsageBatch.Entry(device: device, usage: tally.usage))
        carried.append(Meter.Carried(index: index, day: tally.usage.day))
    }
}
