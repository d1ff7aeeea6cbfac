import Ledger
import Linux

/// Refuses a device whose connections keep displacing each other: two that share an identity, or one
/// that reconnects in a loop (Wire.md, "Duplicate connections").
struct DisplacementGuard {
    private struct Record {
        var windowStart: MonotonicInstant
        var count: Int
        var refusedUntil: MonotonicInstant?
    }

    private var records: [DeviceIdentity: Record] = [:]
    private var nextSweep = MonotonicInstant(nanoseconds: 0)
    private let limit: Int
    private let penaltyMilliseconds: Int64

    private static var windowMilliseconds: Int64 { 60_000 }

    /// More than `limit` displacements in a minute are answered with `penaltyMilliseconds` of refusal.
    init(limit: Int, penaltyMilliseconds: Int64) {
        self.limit = limit
        self.penaltyMilliseconds = penaltyMilliseconds
    }

    /// Whether the device may connect now. Being refused does not extend the time.
    func isAdmitted(_ device: DeviceIdentity, at time: MonotonicInstant) -> Bool {
        guard !records.isEmpty, let until = records[device]?.refusedUntil else { return true }
        return time >= until
    }

    /// A connection of the device has displaced another one.
    mutating func note(_ device: DeviceIdentity, at time: MonotonicInstant) {
        sweep(at: time)
        var record = records[device] ?? Record(windowStart: time, count: 0)
        if time.milliseconds(since: record.windowStart) >= Self.windowMilliseconds {
            record = Record(windowStart: time, count: 0)
        }
        record.count += 1
        if record.count > limit {
            record = Record(
                windowStart: time,
                count: 0,
                refusedUntil: time.adding(milliseconds: penaltyMilliseconds)
            )
        }
        records[device] = record
    }

    /// Forgets, once a minute, those that have been quiet.
    private mutating func sweep(at time: MonotonicInstant) {
        guard time >= nextSweep else { return }
        nextSweep = time.adding(milliseconds: Self.windowMilliseconds)
        records = records.filter { _, record in
            time.milliseconds(since: record.windowStart) < Self.windowMilliseconds
                || record.refusedUntil.map { $0 > time } ?? false
        }
    }
}

/// How many devices of a shard wait for the ledger to admit them, and whose secret was reset meanwhile:
/// these have proven one that is no more.
struct PendingAdmissions {
    private var count = 0
    private var reset: Set<DeviceIdentity> = []

    mutating func begin() { count += 1 }

    /// Remembers the reset as long as somebody waits.
    mutating func noteReset(_ device: DeviceIdentity) {
        if count > 0 { reset.insert(device) }
    }

    func isReset(_ device: DeviceIdentity) -> Bool { reset.contains(device) }

    /// One has been answered.
    mutating func end() {
        count -= 1
        if count == 0 { reset.removeAll() }
    }
}

/// Products and devices that have changed while the books could not be read: a shard reads them again
/// in a while, so that no change is ever missed. There are at most as many as have changed.
struct DeferredChanges {
    private var products: Set<ProductKey> = []
    private var devices: Set<DeviceIdentity> = []
    private var dueAt = MonotonicInstant(nanoseconds: 0)

    /// Milliseconds until the books are asked again.
    static var pauseMilliseconds: Int64 { 250 }

    var isEmpty: Bool { products.isEmpty && devices.isEmpty }

    mutating func insert(_ product: ProductKey, at time: MonotonicInstant) {
        products.insert(product)
        dueAt = time.adding(milliseconds: Self.pauseMilliseconds)
    }

    mutating func insert(_ device: DeviceIdentity, at time: MonotonicInstant) {
        devices.insert(device)
        dueAt = time.adding(milliseconds: Self.pauseMilliseconds)
    }

    /// All of them, if there are any and the pause is over; they have to be inserted again if the
    /// books still can't be read.
    mutating func takeIfDue(
        at time: MonotonicInstant
    ) -> (products: Set<ProductKey>, devices: Set<DeviceIdentity>)? {
        guard !isEmpty, time >= dueAt else { return nil }
        defer { (products, devices) = ([], []) }
        return (products, devices)
    }
}
