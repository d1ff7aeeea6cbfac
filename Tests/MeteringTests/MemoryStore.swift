import Ledger
import Metering
import Time

/// Stands in for the usage store: keeps records as it does, and writes and answers when told to.
final class MemoryStore {
    private(set) var records: [DeviceIdentity: UsageRecord] = [:]

    /// How often a meter has asked for a record.
    private(set) var questions = 0

    /// A meter over what is in the store.
    func meter() -> Meter {
        Meter { device in
            self.questions += 1
            return self.records[device]
        }
    }

    func write(_ batch: UsageBatch) {
        for entry in batch.entries {
            records[entry.device, default: UsageRecord()].record(entry.usage)
        }
    }

    /// Writes and confirms all that is dirty.
    func flush(_ meter: inout Meter) {
        while let batch = meter.nextBatch(at: noon) {
            write(batch)
            meter.settle(batch: batch.number, isWritten: true)
        }
    }

    func toppedUp(_ device: DeviceIdentity, on day: Day) -> UInt32 {
        records[device]?.usage(on: day)?.topUp ?? 0
    }

    func used(_ device: DeviceIdentity, on day: Day) -> UInt32 {
        records[device]?.used(on: day) ?? 0
    }
}
