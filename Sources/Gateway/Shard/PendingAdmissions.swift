import Ledger

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
