import Synchronization

/// What could not be brought to the stores before the gateway ended.
public struct DrainOutcome: Hashable, Sendable {
    /// Devices' counts of a day, of which the units since the last flush are forgotten.
    public internal(set) var counts = 0

    /// Accounts whose leases of top-up packs were not given back: their units count as used.
    public internal(set) var leases = 0

    /// Changes of stored sessions.
    public internal(set) var sessionChanges = 0

    /// Whether the stores have everything.
    public var isComplete: Bool { self == DrainOutcome() }
}

/// Where the shards leave what they could not bring to the stores.
final class Leftovers: Sendable {
    private let outcome = Mutex(DrainOutcome())

    var sum: DrainOutcome { outcome.withLock { $0 } }

    func add(_ more: DrainOutcome) {
        outcome.withLock { sum in
            sum.counts += more.counts
            sum.leases += more.leases
            sum.sessionChanges += more.sessionChanges
        }
    }
}

/// How many shards have closed all their connections while the gateway drains: what a client's end says to clients of
/// other shards, a will or its presence, has been posted to them then.
final class ClosedShards: Sendable {
    private let number = Atomic<Int>(0)

    var count: Int { number.load(ordering: .acquiring) }

    /// For each shard, once.
    func note() { number.add(1, ordering: .releasing) }
}
