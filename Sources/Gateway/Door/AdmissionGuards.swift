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

/// Which secrets the devices have proved that wait to be let in: for the ledger, another node, or their older
/// connection. A secret that is reset meanwhile lets its device in no more; the new one does. One that ends while it waits
/// leaves what it proved to the next one that waits at its slot, which takes its place.
struct WaitingProofs {
    private var secrets: [UInt32: SecretFingerprint] = [:]

    /// The device at `slot` waits; `nil`: it was vouched for, and has proved no secret.
    mutating func note(_ slot: UInt32, _ secret: SecretFingerprint?) { secrets[slot] = secret }

    /// Of the device that waits at `slot`.
    func secret(_ slot: UInt32) -> SecretFingerprint? { secrets[slot] }

    /// The device at `slot` was let in.
    mutating func forget(_ slot: UInt32) { secrets[slot] = nil }
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
