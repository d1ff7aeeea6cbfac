internal import Synchronization
public import Telemetry

/// The one thread that writes to an environment: it takes all requests that wait, applies them in
/// one transaction, commits, and then answers each, in order.
///
/// So the cost of a synced commit is shared by all that came while the one before was under way. When
/// a request cannot be written, it alone fails: the others of its batch are written without it.
/// After a full map or disk the writer goes on, and works again as soon as there is space.
public final class GroupWriter<Request: Sendable, Reply: Sendable>: Sendable {
    private let queue: RequestQueue<Request, Reply>
    private let thread: WriterThread
    private let counts: FigureBoard

    /// Starts the writer's thread.
    ///
    /// - Parameters:
    ///   - maximumBatch: the most requests in one transaction, or the most that they weigh together: a
    ///     bound on how long a commit, and so an answer, takes. One that weighs more goes alone.
    ///   - maximumWaiting: the most requests that may wait; more are answered `.queueFull`.
    ///   - weight: of a request: about how many records it writes.
    ///   - didCommit: called on the writer's thread after each commit, before its requests are answered.
    ///   - apply: writes one request, on the writer's thread. It may run several times for a
    ///     request, as a failed batch is written again in parts, so it leaves no trace but in the
    ///     transaction. A refusal is a reply, not an error: an error aborts what it has written.
    public init(
        _ environment: Environment,
        maximumBatch: Int = 512,
        maximumWaiting: Int = 65_536,
        weight: @escaping @Sendable (Request) -> Int = { _ in 1 },
        didCommit: @escaping @Sendable () -> Void = {},
        apply: sending @escaping (Request, borrowing WriteTransaction) throws(StoreError) -> Reply
    ) throws(StoreError) {
        precondition(maximumBatch > 0 && maximumWaiting > 0)
        let queue = RequestQueue<Request, Reply>(maximumCount: maximumWaiting)
        let counts = FigureBoard()
        self.queue = queue
        self.counts = counts
        thread = try WriterThread {
            var writer = BatchWriter(environment, maximumBatch, weight, counts, didCommit, apply)
            writer.run(queue)
        }
    }

    deinit { shutdown() }

    /// Queues a request. The completion is called once, on the writer's thread, after the commit; or
    /// at once, on this thread, with `.queueFull` or `.shutDown`. It should only pass the reply on.
    public func submit(
        _ request: Request,
        completion: @escaping @Sendable (Result<Reply, StoreError>) -> Void
    ) {
        let pending = PendingRequest(request: request, completion: completion)
        if let refusal = queue.append(pending) { completion(.failure(refusal)) }
    }

    /// Takes no more requests, writes and answers all that wait, and ends the thread.
    public func shutdown() {
        queue.close()
        thread.join()
    }

    /// How long its transactions took that were committed, in nanoseconds: from their beginning until the disk had them.
    public var commitDurations: HistogramSnapshot { counts.commitDurations.snapshot() }

    public var figures: GroupWriterFigures {
        var figures = counts.figures
        figures.waiting = queue.count
        return figures
    }
}

/// What a `GroupWriter` has done since it started, for metrics and readiness.
public struct GroupWriterFigures: Hashable, Sendable {
    /// Transactions committed, and requests written in them: their quotient is the mean batch.
    public internal(set) var commits = 0
    public internal(set) var requestsWritten = 0

    /// Requests answered with an error.
    public internal(set) var requestsFailed = 0

    /// Requests in the largest transaction.
    public internal(set) var largestBatch = 0

    /// Requests that wait for the transaction under way to end.
    public package(set) var waiting = 0

    /// Why the newest request to fail did; nil as soon as a commit passes again.
    public internal(set) var failure: StoreError?
}

/// Where the writer's thread leaves its figures for others.
final class FigureBoard: Sendable {
    private let state = Mutex(GroupWriterFigures())

    /// Recorded by the writer's thread only.
    let commitDurations = Histogram()

    var figures: GroupWriterFigures { state.withLock { $0 } }

    /// - Parameter since: when the transaction began.
    func didCommit(_ count: Int, since: ContinuousClock.Instant) {
        let (seconds, attoseconds) = since.duration(to: .now).components
        commitDurations.record(
            UInt64(max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)))
        state.withLock { figures in
            figures.commits += 1
            figures.requestsWritten += count
            figures.largestBatch = max(figures.largestBatch, count)
            figures.failure = nil
        }
    }

    func didFail(_ error: StoreError) {
        state.withLock { figures in
            figures.requestsFailed += 1
            figures.failure = error
        }
    }
}
