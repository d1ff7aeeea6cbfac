public import Telemetry

/// An environment with the one thread that writes to it, for stores that have their tables in it
/// together: each submits what writes its own, and all that waits is committed as one.
public final class SharedEnvironment: Sendable {
    /// Writes one request's records, on the writer's thread. It may run several times, as a failed batch
    /// is written again in parts, so it leaves no trace but in the transaction.
    public typealias Write = @Sendable (borrowing WriteTransaction) throws(StoreError) -> Void

    private struct Request: Sendable {
        let weight: Int
        let write: Write
    }

    public let environment: Environment
    private let writer: GroupWriter<Request, Void>

    /// Opens the environment at `path`, or makes one there, and starts its writer; see `Environment` and
    /// `GroupWriter`. A batch is counted in records, by the `weight` of `submit`.
    public init(
        path: String,
        mapSizeBytes: Int,
        maximumMapSizeBytes: Int = 0,
        maximumReaders: Int = 126,
        maximumBatch: Int = 8_192,
        maximumWaiting: Int = 65_536,
        durability: Durability = .synced
    ) throws(StoreError) {
        environment = try Environment(
            path: path,
            mapSizeBytes: mapSizeBytes,
            maximumMapSizeBytes: maximumMapSizeBytes,
            maximumReaders: maximumReaders,
            durability: durability
        )
        writer = try GroupWriter(
            environment,
            maximumBatch: maximumBatch,
            maximumWaiting: maximumWaiting,
            weight: { $0.weight }
        ) { (request, transaction) throws(StoreError) in
            try request.write(transaction)
        }
    }

    /// Queues a write. `completion` is called once, on the writer's thread, when it is committed, or could
    /// not be written; or at once, on this thread, with `.queueFull` or `.shutDown`. It should only pass
    /// the result on.
    ///
    /// - Parameter weight: how many records are written, about.
    public func submit(
        weight: Int,
        _ write: @escaping Write,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        writer.submit(Request(weight: weight, write: write), completion: completion)
    }

    /// A consistent copy of the whole environment, compacted, into the directory `path`.
    public func copy(to path: String, watch: CopyWatch = CopyWatch()) throws(StoreError) {
        try environment.copy(to: path, watch: watch)
    }

    /// How many bytes a copy takes, about.
    public func copyBytes() throws(StoreError) -> Int { try environment.copyBytes() }

    public var figures: EnvironmentFigures { environment.figures }
    public var writerFigures: GroupWriterFigures { writer.figures }

    /// How long its transactions took, in nanoseconds.
    public var commitDurations: HistogramSnapshot { writer.commitDurations }

    /// Writes everything that was submitted, and takes no more.
    public func shutdown() { writer.shutdown() }
}
