public import Telemetry

/// A thread that writes what another order dictates: entries of a replicated log, say. It takes those that
/// are there, writes them in one transaction, in their order, commits, and says so.
///
/// Other than a `GroupWriter` it passes over nothing: what can't be written now is tried again, alone at
/// last, until it can, as what comes behind must not be written without it.
public final class OrderedWriter<Entry: Sendable, Reply: Sendable>: Sendable {
    private let thread: WriterThread
    private let counts: FigureBoard

    /// What the writer asks of its owner, all on the writer's thread.
    public struct Source: Sendable {
        /// Waits for entries, and adds them: at least one, at most as many as it is told. False when there
        /// will be no more, which ends the writer.
        let take: @Sendable (Int, inout [Entry]) -> Bool

        /// They are on the disk: the entries, and what each was answered.
        let didCommit: @Sendable (ArraySlice<Entry>, [Reply]) -> Void

        /// They are not, and why; waits for as long as it thinks fit before they are tried again. False: it
        /// is given up, which ends the writer.
        let didFail: @Sendable (StoreError) -> Bool

        /// How many requests a reply answers, for the figures.
        let weight: @Sendable (Reply) -> Int

        /// Whether what was answered so is the last of its transaction: when `didCommit` is told of it, the store is as
        /// that entry has left it.
        let endsBatch: @Sendable (Reply) -> Bool

        public init(
            take: @escaping @Sendable (Int, inout [Entry]) -> Bool,
            didCommit: @escaping @Sendable (ArraySlice<Entry>, [Reply]) -> Void,
            weight: @escaping @Sendable (Reply) -> Int = { _ in 1 },
            endsBatch: @escaping @Sendable (Reply) -> Bool = { _ in false },
            didFail: @escaping @Sendable (StoreError) -> Bool
        ) {
            self.take = take
            self.didCommit = didCommit
            self.weight = weight
            self.endsBatch = endsBatch
            self.didFail = didFail
        }
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - maximumBatch: the most entries in one transaction.
    ///   - apply: writes one entry. It may run several times for one, so it leaves no trace but in the
    ///     transaction.
    public init(
        _ environment: Environment,
        maximumBatch: Int,
        source: Source,
        apply: sending @escaping (Entry, borrowing WriteTransaction) throws(StoreError) -> Reply
    ) throws(StoreError) {
        precondition(maximumBatch > 0)
        let counts = FigureBoard()
        self.counts = counts
        thread = try WriterThread {
            var run = OrderedRun(environment, maximumBatch, source, counts, apply)
            run.run()
        }
    }

    /// Waits until the thread has ended, which `Source.take` brings about.
    public func join() { thread.join() }

    public var figures: GroupWriterFigures { counts.figures }

    /// How long its transactions took that were committed, in nanoseconds: from their beginning until the disk had them.
    public var commitDurations: HistogramSnapshot { counts.commitDurations.snapshot() }
}

/// What an `OrderedWriter`'s thread does.
private struct OrderedRun<Entry: Sendable, Reply: Sendable> {
    private let environment: Environment
    private let maximumBatch: Int
    private let source: OrderedWriter<Entry, Reply>.Source
    private let counts: FigureBoard
    private let apply: (Entry, borrowing WriteTransaction) throws(StoreError) -> Reply
    private var entries: [Entry] = []
    private var replies: [Reply] = []

    init(
        _ environment: Environment,
        _ maximumBatch: Int,
        _ source: OrderedWriter<Entry, Reply>.Source,
        _ counts: FigureBoard,
        _ apply: @escaping (Entry, borrowing WriteTransaction) throws(StoreError) -> Reply
    ) {
        self.environment = environment
        self.maximumBatch = maximumBatch
        self.source = source
        self.counts = counts
        self.apply = apply
    }

    mutating func run() {
        while source.take(maximumBatch, &entries) {
            guard write() else { return }
            entries.removeAll(keepingCapacity: true)
        }
    }

    /// All that was taken; false when it is given up.
    private mutating func write() -> Bool {
        var next = 0
        // A transaction that fails is tried with fewer, as a store that is almost full may take these.
        var size = entries.count
        while next < entries.count {
            let batch = entries[next..<min(next + size, entries.count)]
            let began = ContinuousClock.now
            do throws(StoreError) {
                let count = try attempt(batch)
                let batch = batch.prefix(count)
                counts.didCommit(replies.reduce(0) { $0 + source.weight($1) }, since: began)
                source.didCommit(batch, replies)
                next = batch.endIndex
                // Where there was no room for many there seldom is a moment later: more are tried step by step, as all
                // at once behind each that was written would write most of them as often as there are entries.
                size = min(2 * size, entries.count)
            } catch {
                if error == .mapFull, environment.grow() { continue }
                // Not `size`: of what is left there may be fewer.
                if batch.count > 1 {
                    size = batch.count / 2
                    continue
                }
                counts.didFail(error)
                if !source.didFail(error) { return false }
            }
        }
        return true
    }

    /// Answers how many of the entries are written.
    private mutating func attempt(_ batch: ArraySlice<Entry>) throws(StoreError) -> Int {
        replies.removeAll(keepingCapacity: true)
        let transaction = try WriteTransaction(in: environment)
        for entry in batch {
            let reply = try apply(entry, transaction)
            replies.append(reply)
            if source.endsBatch(reply) { break }
        }
        try transaction.commit()
        environment.growIfDue()
        return replies.count
    }
}
