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

    private let read: @Sendable (LatestRecord) -> LatestRecord

    /// - Parameter read: what followers are given of each record.
    init(
        _ steady: any LatestRecords,
        reading read: @escaping @Sendable (LatestRecord) -> LatestRecord = { $0 }
    ) {
        self.steady = steady
        self.read = read
    }

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

    func follow(
        from mark: LatestMark?, of generation: UInt64
    ) throws(LogError) -> any LatestFollower {
        Follower(try steady.follow(from: mark, of: generation), read)
    }

    private final class Follower: LatestFollower {
        private let steady: any LatestFollower
        private let read: @Sendable (LatestRecord) -> LatestRecord

        init(
            _ steady: any LatestFollower, _ read: @escaping @Sendable (LatestRecord) -> LatestRecord
        ) {
            self.steady = steady
            self.read = read
        }

        var generation: UInt64 { steady.generation }

        func take(
            upTo maximumCount: Int, into changes: inout [LatestChange]
        ) throws(LogError) -> Bool {
            var taken: [LatestChange] = []
            defer {
                changes += taken.map { change in
                    switch change {
                    case .record(let record): .record(read(record))
                    case .beginning, .current: change
                    }
                }
            }
            return try steady.take(upTo: maximumCount, into: &taken)
        }

        func end() { steady.end() }
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
