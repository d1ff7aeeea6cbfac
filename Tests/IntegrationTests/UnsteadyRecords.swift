import Replication
import Synchronization

/// Latest records that can be away, or lose what is put or its answer.
final class UnsteadyRecords: LatestRecords {
    enum Condition {
        case there

        /// They can't be relied on, and nothing is put.
        case away
        case losesPuts

        /// What is put is there, and is not acknowledged.
        case losesAnswers
    }

    private let steady: any LatestRecords
    private let condition = Mutex(Condition.there)

    init(_ steady: any LatestRecords) { self.steady = steady }

    func become(_ condition: Condition) { self.condition.withLock { $0 = condition } }

    func put(
        _ record: [UInt8],
        under key: [UInt8],
        forSeconds seconds: UInt32?,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        switch condition.withLock({ $0 }) {
        case .there: steady.put(record, under: key, forSeconds: seconds, completion: completion)
        case .away, .losesPuts: completion(.failure(.unknown("it got lost")))
        case .losesAnswers:
            steady.put(record, under: key, forSeconds: seconds) { _ in
                completion(.failure(.unknown("the answer got lost")))
            }
        }
    }

    func follow(from mark: LatestMark?) throws(LogError) -> any LatestFollower {
        try steady.follow(from: mark)
    }

    func position() throws(LogError) -> UInt64 { try steady.position() }

    var standing: LogStanding {
        switch condition.withLock({ $0 }) {
        case .there, .losesPuts, .losesAnswers: steady.standing
        case .away: .unreliable("they are away")
        }
    }

    func close() { steady.close() }
}
