import Linux
import Synchronization

/// When each shard last began a turn, for whoever wants to know that it still does.
final class Heartbeats: Sendable {
    private let shards: [Beat]

    private final class Beat: Sendable {
        let nanoseconds: Atomic<Int64>

        init(at time: MonotonicInstant) { nanoseconds = Atomic(time.nanoseconds) }
    }

    /// The time of making it counts as each shard's first turn: a thread that has not begun yet is
    /// not stuck.
    init(shards: Int, at time: MonotonicInstant) {
        self.shards = (0..<shards).map { _ in Beat(at: time) }
    }

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
