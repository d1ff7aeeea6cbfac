import Replication
import Storage
import Telemetry

/// The writer of the books of a node in a cluster: what `GroupWriter` is to a gateway alone.
///
/// Commands go into the log, and come back in the one order that all nodes apply: only then is their outcome
/// known, and only when it is on this node's disk, too, are they answered. So what was answered is on the
/// disks of the log's majority and on this one's. That an acknowledgement does not come is never told to
/// anyone: the envelope is sent again until the log has shown it.
///
/// Two threads: one follows the log and writes, one gathers envelopes and sends them.
final class Replica: Sendable {
    /// How long commands that wait for the log are given at a shutdown, in milliseconds.
    private static let farewellMilliseconds: Int64 = 5_000

    /// Entries of the log in one transaction. Each may hold 512 commands.
    private static let maximumBatch = 64

    private let core: ReplicaCore
    private let writer: OrderedWriter<LogEntry, AppliedEntry>
    private let sender: WriterThread

    init(
        _ books: Books, in environment: Environment, _ membership: ClusterMembership,
        maximumWaiting: Int, announce: @escaping @Sendable () -> Void
    ) throws(StoreError) {
        let core = try ReplicaCore(
            books, in: environment, membership, maximumWaiting: maximumWaiting, announce: announce)
        self.core = core
        let writer = try OrderedWriter(
            environment,
            maximumBatch: Self.maximumBatch,
            source: OrderedWriter.Source(
                take: { core.take($0, &$1) },
                didCommit: { _, applied in core.saw(applied) },
                weight: \.verdict.outcomeCount,
                endsBatch: \.isQuestion,
                didFail: { core.failed($0) })
        ) { (entry: LogEntry, transaction: borrowing WriteTransaction) throws(StoreError) in
            try books.apply(entry, in: transaction)
        }
        self.writer = writer
        do throws(StoreError) {
            sender = try WriterThread { core.send() }
        } catch {
            core.end()
            writer.join()
            throw error
        }
    }

    deinit { shutdown() }

    func submit(
        _ command: Command, completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        core.submit(command, completion: completion)
    }

    var standing: ClusterStanding { core.standing }

    func takeQuestion() -> BooksQuestion? { core.takeQuestion() }

    func truncate(keeping: UInt64, completion: @escaping @Sendable (LogTruncation) -> Void) {
        core.truncate(keeping: keeping, completion: completion)
    }

    var commitDurations: HistogramSnapshot { writer.commitDurations }

    var figures: GroupWriterFigures {
        var figures = writer.figures
        figures.waiting = core.waiting
        return figures
    }

    /// Takes no more commands, waits for the outcome of those that wait as long as it takes, but not for
    /// ever, and ends the threads.
    func shutdown() {
        core.close(withinMilliseconds: Self.farewellMilliseconds)
        sender.join()
        core.end()
        writer.join()
    }
}
