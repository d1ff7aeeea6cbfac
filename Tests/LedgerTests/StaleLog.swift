import Replication
import Synchronization

/// A log that is asked of a server that has not heard of its latest entries, as long as it `isStale`.
final class StaleLog: CommandLog {
    private static let last: UInt64 = 1

    let isStale = Atomic(true)
    private let log: any CommandLog

    init(_ log: any CommandLog) { self.log = log }

    private var isBehind: Bool { isStale.load(ordering: .sequentiallyConsistent) }

    func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        log.append(entry, completion: completion)
    }

    func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        if isBehind, position > Self.last { throw .rewound(last: Self.last, asked: position) }
        return try log.follow(from: position)
    }

    func position() throws(LogError) -> UInt64 { isBehind ? Self.last : try log.position() }
    func first() throws(LogError) -> UInt64 { try log.first() }
    func truncate(before position: UInt64) throws(LogError) { try log.truncate(before: position) }
    var standing: LogStanding { log.standing }
    func close() { log.close() }
}
