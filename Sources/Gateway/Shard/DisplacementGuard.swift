import Ledger
import Linux

/// Refuses a device whose connections keep displacing each other: two that share an identity, or one
/// that reconnects in a loop (wire.md, "Duplicate connections").
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

    /// Forgets, once a minute, whoever has been quiet.
    private mutating func sweep(at time: MonotonicInstant) {
        guard time >= nextSweep else { return }
        nextSweep = time.adding(milliseconds: Self.windowMilliseconds)
        records = records.filter { _, record in
            time.milliseconds(since: record.windowStart) < Self.windowMilliseconds
                || record.refusedUntil.map { $0 > time } ?? false
        }
    }
}
