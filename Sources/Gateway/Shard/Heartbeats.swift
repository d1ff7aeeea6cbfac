import Linux
import Synchronization

/// When each shard last began a turn, for whoever wants to know that it still does.
final class Heartbeats: Sendable {
    private let shards: [Beat]

    private final class Beat: Sendable {
        let nanoseconds = Atomic<Int64>(0)
    }

    init(shards: Int) { self.shards = (0..<shards).map { _ in Beat() } }

    func beat(shard: Int, at time: MonotonicInstant) {
        shards[shard].nanoseconds.store(time.nanoseconds, ordering: .relaxed)
    }

    /// How long ago the slowest shard began its last turn. A shard with nothing to do begins one
    /// every second.
    func longestPause(at time: MonotonicInstant) -> Int64 {
        let oldest = shards.map { $0.nanoseconds.load(ordering: .relaxed) }.min() ?? 0
        return time.milliseconds(since: MonotonicInstant(nanoseconds: oldest))
    }
}
