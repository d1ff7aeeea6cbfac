import Linux
import Replication
import Synchronization

/// One node's way to the log of all: what it appends does not get there while it is silent, and what others have
/// appended does not come from there while it is deaf.
final class SilentLog: CommandLog {
    private let log: any CommandLog
    private let silent = Atomic<Bool>(false)

    init(over log: any CommandLog) { self.log = log }

    private let deaf = Monitor(false)

    func silence() { silent.store(true, ordering: .relaxed) }

    func speak() { silent.store(false, ordering: .relaxed) }

    func deafen() { deaf.change { $0 = true } }

    func hear() { deaf.change { $0 = false } }

    func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        if silent.load(ordering: .relaxed) {
            return completion(.failure(.unknown("the log can't be written")))
        }
        log.append(entry, completion: completion)
    }

    func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        Follower(try log.follow(from: position), deaf)
    }

    func position() throws(LogError) -> UInt64 { try log.position() }

    func first() throws(LogError) -> UInt64 { try log.first() }

    func truncate(before position: UInt64) throws(LogError) { try log.truncate(before: position) }

    var standing: LogStanding { log.standing }

    /// The log is that of all nodes.
    func close() {}

    private final class Follower: LogFollower {
        private let follower: any LogFollower
        private let deaf: Monitor<Bool>

        init(_ follower: any LogFollower, _ deaf: Monitor<Bool>) {
            self.follower = follower
            self.deaf = deaf
        }

        func take(upTo maximumCount: Int, into entries: inout [LogEntry]) throws(LogError) -> Bool {
            let isThere = try follower.take(upTo: maximumCount, into: &entries)
            deaf.wait { $0 ? nil : () }
            return isThere
        }

        func end() {
            deaf.change { $0 = false }
            follower.end()
        }
    }
}
