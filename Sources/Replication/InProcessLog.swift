internal import Linux
internal import Synchronization
public import Time

/// A log in memory, for ledgers in one process: tests, simulations, a gateway without a cluster.
///
/// What is said of disks in `CommandLog` does not hold for it: it ends with the process.
public final class InProcessLog: CommandLog {
    private let clock: @Sendable () -> Timestamp
    private let kept: Monitor<KeptEntries>
    private let number: LogGeneration

    /// - Parameters:
    ///   - position: of the first entry that will be appended, less one: what came before is taken to be in
    ///     a snapshot.
    ///   - generation: which of the cluster's logs it is.
    ///   - clock: what the entries' times are read from; asked under the log's lock, so in order.
    public init(
        after position: UInt64 = 0, as generation: LogGeneration = .first,
        clock: @escaping @Sendable () -> Timestamp
    ) {
        self.clock = clock
        number = generation
        kept = Monitor(KeptEntries(first: position + 1))
    }

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        guard entry.count <= entryMaximumBytes else {
            let sizes = "\(entry.count) bytes, and \(entryMaximumBytes) is the most"
            completion(.failure(.refused("the entry has \(sizes)")))
            return
        }
        let position = kept.change { kept in kept.append(entry, at: clock) }
        completion(position.map { .success($0) } ?? .failure(.refused("the log is closed")))
    }

    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        if let error = kept.look({ $0.obstacle(behind: position) }) { throw error }
        return InProcessFollower(kept, position)
    }

    public func position() throws(LogError) -> UInt64 {
        guard let last = kept.look({ $0.isClosed ? nil : $0.last }) else { throw .closed }
        return last
    }

    public func first() throws(LogError) -> UInt64 {
        guard let first = kept.look({ $0.isClosed ? nil : $0.first }) else { throw .closed }
        return first
    }

    public func truncate(before position: UInt64) throws(LogError) {
        let error = kept.change { kept -> LogError? in
            if kept.isClosed { return .closed }
            if position > kept.last + 1 {
                return .rewound(last: kept.last, asked: position - 1)
            }
            if position > 0 { kept.forget(upTo: position - 1) }
            return nil
        }
        if let error { throw error }
    }

    public func generation() throws(LogError) -> LogGeneration { number }

    public var standing: LogStanding {
        kept.look { $0.isClosed } ? .unreliable("the log is closed") : .reliable
    }

    public func close() { kept.change { $0.isClosed = true } }
}

/// What the log has.
private struct KeptEntries {
    /// The position of the first of them, or of the next one when there is none.
    var first: UInt64
    var entries: [LogEntry] = []
    var isClosed = false

    init(first: UInt64) { self.first = first }

    var last: UInt64 { first + UInt64(entries.count) - 1 }

    /// The position of the new entry; `nil` when the log is closed.
    mutating func append(_ bytes: [UInt8], at clock: () -> Timestamp) -> UInt64? {
        guard !isClosed else { return nil }
        entries.append(LogEntry(position: last + 1, at: clock(), bytes: bytes))
        return last
    }

    mutating func forget(upTo position: UInt64) {
        let position = min(position, last)
        guard position >= first else { return }
        entries.removeFirst(Int(position - first) + 1)
        first = position + 1
    }

    /// Why what is behind `position` can't be read.
    func obstacle(behind position: UInt64) -> LogError? {
        if isClosed { return .closed }
        if position > last { return .rewound(last: last, asked: position) }
        return position + 1 < first ? .truncated(first: first, asked: position) : nil
    }

    /// At most so many entries behind `position`, which is not before the first.
    func entries(behind position: UInt64, upTo maximumCount: Int) -> ArraySlice<LogEntry> {
        entries[Int(position + 1 - first)...].prefix(maximumCount)
    }
}

/// One reader of an `InProcessLog`.
private final class InProcessFollower: LogFollower {
    private let kept: Monitor<KeptEntries>
    private let position: Mutex<UInt64>
    private let isEnded = Atomic<Bool>(false)

    init(_ kept: Monitor<KeptEntries>, _ position: UInt64) {
        self.kept = kept
        self.position = Mutex(position)
    }

    func take(upTo maximumCount: Int, into entries: inout [LogEntry]) throws(LogError) -> Bool {
        precondition(maximumCount > 0, "nothing to be waited for")
        let position = position.withLock { $0 }
        let sight = kept.wait { kept in look(at: kept, behind: position, upTo: maximumCount) }
        guard let taken = try sight?.get() ?? nil else { return false }
        entries.append(contentsOf: taken)
        self.position.withLock { $0 = position + UInt64(taken.count) }
        return true
    }

    /// An answer: entries, an error, or `nil` when it is over. No answer: nothing has come yet.
    private func look(
        at kept: KeptEntries,
        behind position: UInt64,
        upTo maximumCount: Int
    ) -> Result<[LogEntry]?, LogError>? {
        if kept.isClosed || isEnded.load(ordering: .acquiring) { return .success(nil) }
        if let error = kept.obstacle(behind: position) { return .failure(error) }
        let entries = kept.entries(behind: position, upTo: maximumCount)
        return entries.isEmpty ? nil : .success(Array(entries))
    }

    func end() {
        isEnded.store(true, ordering: .releasing)
        // Those that wait look again.
        kept.change { _ in }
    }
}
