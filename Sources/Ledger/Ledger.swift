public import Storage
import Synchronization
public import Telemetry

/// The books on disk, open: one writer, which takes commands from all threads, and a reader for each
/// thread that wants one.
public final class Ledger: Sendable {
    public let environment: Environment
    public let books: Books

    /// The format of the store as it was found; the current one unless it was opened as it is.
    public let format: Int
    private let writer: LedgerWriter
    private let announcer: Announcer

    /// Opens the ledger in `directory`, or makes an empty one there.
    ///
    /// - Parameters:
    ///   - mapSizeBytes: the most it can grow to; address space, not memory or disk.
    ///   - maximumMapSizeBytes: what the map is made larger to as it fills; as it is, if that is less.
    ///   - maximumReaders: how many readers can exist at once, those of running queries among them.
    ///   - maximumBatch: the most commands in one commit.
    ///   - maximumWaiting: the most commands that may wait; more are answered `.queueFull`.
    ///   - durability: anything but `.synced` gives up rule B1, and is for tests.
    ///   - membership: makes these the books of a node of a cluster: commands go through its log. The books must be
    ///     empty then, the cluster's already, or a copy of another node's.
    ///   - migrates: whether a store of an older format is brought to the current one first. Without it,
    ///     nothing must be written: for checks and copies.
    public init(
        directory: String,
        mapSizeBytes: Int = 1 << 38,
        maximumMapSizeBytes: Int = 0,
        maximumReaders: Int = 126,
        maximumBatch: Int = 512,
        maximumWaiting: Int = 65_536,
        durability: Durability = .synced,
        membership: ClusterMembership? = nil,
        migrates: Bool = true
    ) throws(StoreError) {
        let environment = try Environment(
            path: directory,
            mapSizeBytes: mapSizeBytes,
            maximumMapSizeBytes: maximumMapSizeBytes,
            maximumTables: Books.tableCount,
            // One is the announcer's, two are of questions about the books: one that is answered, one that waits.
            maximumReaders: maximumReaders + 3,
            durability: durability
        )
        if migrates { try Books.format.migrate(environment) }
        format = try Books.format.require(in: environment)
        let books = try Books(in: environment)
        self.environment = environment
        self.books = books
        let announcer = try Announcer(books, in: environment)
        self.announcer = announcer
        if let membership {
            writer = .replicated(
                try Replica(
                    books, in: environment, membership, maximumWaiting: maximumWaiting,
                    announce: { announcer.announce() }))
        } else {
            writer = .alone(
                try GroupWriter(
                    environment,
                    maximumBatch: maximumBatch,
                    maximumWaiting: maximumWaiting,
                    didCommit: { announcer.announce() }
                ) {
                    (command: Command, transaction: borrowing WriteTransaction) throws(StoreError)
                    in
                    try books.apply(command, in: transaction)
                })
        }
    }

    /// Queues a command. The completion is called once, after the outcome is on the disk and was
    /// announced, on the writer's thread (or at once, on this one, when it is not taken): it should
    /// only pass it on.
    public func submit(
        _ command: Command,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        writer.submit(command, completion: completion)
    }

    /// Carries out a command; returns when the outcome is on the disk and was announced.
    public func submit(_ command: Command) async throws(StoreError) -> Outcome {
        let result = await withCheckedContinuation { continuation in
            submit(command) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The same, and throws `.unanswered` when that takes longer: the command still waits, and may be carried out.
    public func submit(
        _ command: Command, withinMilliseconds limit: Int64
    ) async throws(StoreError) -> Outcome {
        let result = await withCheckedContinuation { continuation in
            let answer = FirstAnswer(continuation)
            let deadline = Task {
                guard (try? await Task.sleep(for: .milliseconds(limit))) != nil else { return }
                answer.give(.failure(.unanswered(seconds: limit / 1_000)))
            }
            submit(command) {
                deadline.cancel()
                answer.give($0)
            }
        }
        return try result.get()
    }

    /// Carries out a command on the calling thread: for a program that starts up, and has submitted
    /// nothing. Traps in a cluster, where no node may change its books by itself.
    public func carryOut(_ command: Command) throws(StoreError) -> Outcome {
        precondition(clusterStanding == nil, "what a node of a cluster does goes through the log")
        let books = books
        let outcome = try environment.write { transaction throws(StoreError) in
            try books.apply(command, in: transaction)
        }
        announcer.announce()
        return outcome
    }

    /// A reader for one thread. It takes one of the `maximumReaders`.
    public func reader() throws(StoreError) -> LedgerReader {
        LedgerReader(
            try CachedReader(environment),
            books: books,
            productsVersion: announcer.productsVersion
        )
    }

    /// Runs `body` on the books as they are now: for queries that are not on the packet path.
    public func read<Result>(
        _ body: (Books, borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let transaction = try ReadTransaction(in: environment)
        return try body(books, transaction)
    }

    /// Whether the books balance (rule A10) and every index agrees with its records: sentences that
    /// name what is wrong, at most `limit`; none when all is right. Reads the whole store.
    public func verify(limit: Int = 100) throws(StoreError) -> [String] {
        let format = format
        return try read { (books, transaction) throws(StoreError) in
            books.verify(limit: limit, format: format, in: transaction)
        }
    }

    /// Has `observer` called with every event that is applied from now on: once, in order, when it is
    /// on the disk, and before the command's submitter is answered. It makes no difference who
    /// submitted it. On the writer's thread, so it should only pass the event on; it must not call
    /// `observe`.
    public func observe(_ observer: @escaping @Sendable (Event) -> Void) {
        announcer.observe(observer)
    }

    /// The number of the last event that observers were told of, or that was there at the start.
    public var appliedSequence: UInt64 { announcer.appliedSequence }

    /// How often the log could not be read to announce what is in it.
    public var announcementsDeferred: UInt64 { announcer.failureCount }

    /// An element after each commit that applied events; the end when the ledger is shut down. Commits
    /// that follow each other quickly are one element.
    public func commits() -> AsyncStream<Void> { announcer.bell.rings() }

    /// How this node stands with its cluster; `nil` for a gateway alone.
    public var clusterStanding: ClusterStanding? { writer.standing }

    /// In a cluster: answers the last checkpoint of a person that was not answered, once, with what these books were
    /// there; `nil`: none, or a gateway alone. Reads the whole store twice, in a snapshot of that moment: for a thread
    /// that nothing waits for.
    public func answerQuestion() throws(StoreError) -> BooksDigest? {
        try writer.takeQuestion()?.digest(format: format)
    }

    /// In a cluster: the log's entries before that position can be let go of, as all members have applied them and as
    /// many are kept behind them; `nil`: none, or a gateway alone.
    public func truncatablePosition(keeping count: UInt64) -> UInt64? {
        clusterStanding?.members.truncatablePosition(keeping: count)
    }

    /// In a cluster: looks how long the log is, and lets go of what `truncatablePosition` says.
    public func truncateLog(keeping count: UInt64 = 1_000_000) async -> LogTruncation {
        await withCheckedContinuation { continuation in
            writer.truncate(keeping: count) { continuation.resume(returning: $0) }
        }
    }

    /// What the writer has done, and whether it can write.
    public var figures: GroupWriterFigures { writer.figures }

    /// How long the writer's transactions took, in nanoseconds.
    public var commitDurations: HistogramSnapshot { writer.commitDurations }

    /// Takes no more commands, writes and answers all that wait, ends the writer's thread, and lets go
    /// of the observers.
    public func shutdown() {
        writer.shutdown()
        announcer.end()
    }
}

/// Who waits for a command gets the first answer: the outcome, or that there was none in time.
private final class FirstAnswer: Sendable {
    private typealias Continuation = CheckedContinuation<Result<Outcome, StoreError>, Never>

    private let waiting: Mutex<Continuation?>

    init(_ continuation: CheckedContinuation<Result<Outcome, StoreError>, Never>) {
        waiting = Mutex(continuation)
    }

    func give(_ answer: Result<Outcome, StoreError>) {
        let continuation = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(returning: answer)
    }
}

/// Who writes to the books: commands in the order in which they come, or entries of the log that all nodes of
/// a cluster apply.
private enum LedgerWriter: Sendable {
    case alone(GroupWriter<Command, Outcome>)
    case replicated(Replica)

    func submit(
        _ command: Command,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        switch self {
        case .alone(let writer): writer.submit(command, completion: completion)
        case .replicated(let replica): replica.submit(command, completion: completion)
        }
    }

    var figures: GroupWriterFigures {
        switch self {
        case .alone(let writer): writer.figures
        case .replicated(let replica): replica.figures
        }
    }

    var commitDurations: HistogramSnapshot {
        switch self {
        case .alone(let writer): writer.commitDurations
        case .replicated(let replica): replica.commitDurations
        }
    }

    var standing: ClusterStanding? {
        switch self {
        case .alone: nil
        case .replicated(let replica): replica.standing
        }
    }

    func takeQuestion() -> BooksQuestion? {
        switch self {
        case .alone: nil
        case .replicated(let replica): replica.takeQuestion()
        }
    }

    func truncate(keeping: UInt64, completion: @escaping @Sendable (LogTruncation) -> Void) {
        switch self {
        case .alone: completion(.none)
        case .replicated(let replica): replica.truncate(keeping: keeping, completion: completion)
        }
    }

    func shutdown() {
        switch self {
        case .alone(let writer): writer.shutdown()
        case .replicated(let replica): replica.shutdown()
        }
    }
}
