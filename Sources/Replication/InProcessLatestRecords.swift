internal import Linux
internal import Synchronization
public import Time

/// Latest records in memory, for gateways in one process: tests.
///
/// What is said of disks in `LatestRecords` does not hold for them: they end with the process.
public final class InProcessLatestRecords: LatestRecords {
    private let generation: UInt64
    private let clock: @Sendable () -> Timestamp
    private let kept = Monitor(KeptRecords())

    /// - Parameters:
    ///   - generation: 2 and more: they take the place of some that were lost.
    ///   - clock: what the records' times are read from; asked under the records' lock, so in order.
    public init(generation: UInt64 = 1, clock: @escaping @Sendable () -> Timestamp) {
        self.generation = generation
        self.clock = clock
    }

    public func put(
        _ record: [UInt8],
        under key: [UInt8],
        forSeconds seconds: UInt32?,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        guard !key.isEmpty, key.count <= latestKeyMaximumBytes,
            key.count + record.count <= latestRecordMaximumBytes
        else { return completion(.failure(.refused("the record, or its key, is too large"))) }
        let position = kept.change { kept in kept.put(record, under: key, at: clock) }
        completion(position.map { .success($0) } ?? .failure(.refused("the records are closed")))
    }

    public func follow(
        from mark: LatestMark?, of generation: UInt64
    ) throws(LogError) -> any LatestFollower {
        if kept.look({ $0.isClosed }) { throw .closed }
        return InProcessLatestFollower(
            kept, clock, self.generation, from: mark, isAnew: generation != self.generation)
    }

    public func position() throws(LogError) -> UInt64 {
        guard let last = kept.look({ $0.isClosed ? nil : $0.last }) else { throw .closed }
        return last
    }

    public var standing: LogStanding {
        kept.look { $0.isClosed } ? .unreliable("the records are closed") : .reliable
    }

    public func close() { kept.change { $0.isClosed = true } }

    /// Forgets the deletions so far, as records do when these are old: who has not seen them reads everything.
    public func forgetDeletions() { kept.change { $0.forgetDeletions() } }
}

/// What the records are.
private struct KeptRecords {
    var records: [[UInt8]: LatestRecord] = [:]
    var last: UInt64 = 0

    /// The position of the last deletion that was forgotten.
    var floor: UInt64 = 0
    var isClosed = false

    /// The position of the new record; `nil` when they are closed.
    mutating func put(_ bytes: [UInt8], under key: [UInt8], at clock: () -> Timestamp) -> UInt64? {
        guard !isClosed else { return nil }
        last += 1
        records[key] = LatestRecord(key: key, position: last, at: clock(), bytes: bytes)
        return last
    }

    mutating func forgetDeletions() {
        for (key, record) in records where record.bytes.isEmpty {
            floor = max(floor, record.position)
            records[key] = nil
        }
    }

    /// At most so many records behind `position`, in their order.
    func records(behind position: UInt64, upTo maximumCount: Int) -> ArraySlice<LatestRecord> {
        guard position < last else { return [] }
        return records.values.filter { $0.position > position }
            .sorted { $0.position < $1.position }
            .prefix(maximumCount)
    }
}

/// One reader of `InProcessLatestRecords`.
private final class InProcessLatestFollower: LatestFollower {
    private struct Reading {
        var mark: LatestMark?

        /// The mark is one in earlier records.
        let isAnew: Bool
        var position: UInt64 = 0
        var hasBegun = false
        var isCurrent = false
    }

    let generation: UInt64
    private let kept: Monitor<KeptRecords>
    private let clock: @Sendable () -> Timestamp
    private let reading: Mutex<Reading>
    private let isEnded = Atomic<Bool>(false)

    init(
        _ kept: Monitor<KeptRecords>,
        _ clock: @escaping @Sendable () -> Timestamp,
        _ generation: UInt64,
        from mark: LatestMark?,
        isAnew: Bool
    ) {
        self.kept = kept
        self.clock = clock
        self.generation = generation
        let isAnew = isAnew && mark != nil
        reading = Mutex(Reading(mark: isAnew ? nil : mark, isAnew: isAnew))
    }

    func take(upTo maximumCount: Int, into changes: inout [LatestChange]) throws(LogError) -> Bool {
        precondition(maximumCount > 0, "nothing to be waited for")
        var reading = reading.withLock { $0 }
        let sight = kept.wait { kept in look(at: kept, &reading, upTo: maximumCount) }
        guard let taken = try sight?.get() ?? nil else { return false }
        changes += taken
        self.reading.withLock { [reading] in $0 = reading }
        return true
    }

    /// An answer: changes, an error, or `nil` when it is over. No answer: nothing has come yet.
    private func look(
        at kept: KeptRecords,
        _ reading: inout Reading,
        upTo maximumCount: Int
    ) -> Result<[LatestChange]?, LogError>? {
        if kept.isClosed || isEnded.load(ordering: .acquiring) { return .success(nil) }
        var changes: [LatestChange] = []
        if !reading.hasBegun {
            if let mark = reading.mark, mark.position > kept.last {
                return .failure(.rewound(last: kept.last, asked: mark.position))
            }
            reading.hasBegun = true
            reading.position = reading.mark?.position ?? 0
            if reading.mark == nil || reading.position < kept.floor {
                reading.position = 0
                changes.append(.beginning(isAnew: reading.isAnew))
            }
        }
        for record in kept.records(behind: reading.position, upTo: maximumCount) {
            changes.append(.record(record))
            reading.position = record.position
        }
        let isAtEnd = kept.records(behind: reading.position, upTo: 1).isEmpty
        if !reading.isCurrent, isAtEnd {
            reading.isCurrent = true
            changes.append(.current(LatestMark(position: kept.last, at: clock()), missing: 0))
        }
        return changes.isEmpty ? nil : .success(changes)
    }

    func end() {
        isEnded.store(true, ordering: .releasing)
        // Those that wait look again.
        kept.change { _ in }
    }
}
