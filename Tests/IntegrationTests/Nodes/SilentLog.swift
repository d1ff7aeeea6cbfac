import Replication
import Synchronization

/// One node's way to the log of all: what it appends does not get there while it is silent, and it hears everything.
final class SilentLog: CommandLog {
    private let log: any CommandLog
    private let silent = Atomic<Bool>(false)

    init(over log: any CommandLog) { self.log = log }

    func silence() { silent.store(true, ordering: .relaxed) }

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
        try log.follow(from: position)
    }

    func position() throws(LogError) -> UInt64 { try log.position() }

    func first() throws(LogError) -> UInt64 { try log.first() }

    func truncate(before position: UInt64) throws(LogError) { try log.truncate(before: position) }

    var standing: LogStanding { log.standing }

    /// The log is that of all nodes.
    func close() {}
}
