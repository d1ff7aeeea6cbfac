public import Ledger
public import Storage
public import Time

/// The counts on disk: per device the last 31 days, per product each day's total (rule C8). It is an
/// environment of its own, so that flushing a million counters never delays an activation.
///
/// One thread writes. A batch holds whole-day counts, so one that is written twice, or in parts
/// before a crash, leaves no wrong number: a device's count is set, and its product's total grows
/// by the difference, in the same transaction.
public final class UsageStore: Sendable {
    private let environment: Environment
    private let tables: UsageTables
    private let writer: GroupWriter<UsageBatch, Void>

    /// Opens the store in the directory `path`, which is made if need be.
    public init(path: String, mapSizeBytes: Int) throws(StoreError) {
        // Synced: a meter drops its counter when the store has confirmed it, so confirmed means on
        // disk, also after a power cut (rule C7).
        let environment = try Environment(
            path: path,
            mapSizeBytes: mapSizeBytes,
            durability: .synced
        )
        let tables = try UsageTables(in: environment)
        self.environment = environment
        self.tables = tables
        writer = try GroupWriter(environment, maximumBatch: 16) {
            batch, transaction throws(StoreError) in
            try tables.write(batch, in: transaction)
        }
    }

    /// Queues a batch; `completion` is called on the writer's thread when it is on disk, or could not
    /// be written.
    public func submit(
        _ batch: UsageBatch,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        writer.submit(batch, completion: completion)
    }

    /// What is on disk of a device.
    public func usage(of device: DeviceIdentity) throws(StoreError) -> UsageRecord? {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            try tables.devices.get(device, in: transaction)
        }
    }

    /// The total units of a product's devices on `day`, those from top-up packs among them.
    public func total(of product: ProductKey, on day: Day) throws(StoreError) -> UInt64 {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            let total = try tables.products.get(ProductDayKey(product, day), in: transaction)
            return total.map { $0.used + $0.topUp } ?? 0
        }
    }

    /// The units of each of `days` on which there was any, in order, at most `limit` days (rule C8). At
    /// most one flush interval behind.
    public func totals(
        of product: ProductKey,
        in days: ClosedRange<Day>,
        limit: Int = .max
    ) throws(StoreError) -> [ProductDay] {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            var found: [ProductDay] = []
            try tables.products.forEach(
                in: transaction,
                from: .including(ProductDayKey(product, days.lowerBound)),
                to: .including(ProductDayKey(product, days.upperBound)),
                limit: limit
            ) { key, total in
                found.append(ProductDay(day: key.day, used: total.used, topUp: total.topUp))
                return .proceed
            }
            return found
        }
    }

    /// Whether every record can be read, and products' days are the sums of their devices' counts
    /// (rule C8): sentences that name what is wrong, at most `limit`. Reads the whole store.
    public func verify(limit: Int = 100) throws(StoreError) -> [String] {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            var audit = UsageAudit(tables, limit: limit)
            try audit.run(in: transaction)
            return audit.findings
        }
    }

    /// A consistent copy of the whole store, compacted, into the directory `path`.
    public func copy(to path: String, watch: CopyWatch = CopyWatch()) throws(StoreError) {
        try environment.copy(to: path, watch: watch)
    }

    /// How many bytes a copy takes, about.
    public func copyBytes() throws(StoreError) -> Int { try environment.copyBytes() }

    public var figures: EnvironmentFigures { environment.figures }
    public var writerFigures: GroupWriterFigures { writer.figures }

    /// Writes everything that was submitted, and takes no more.
    public func shutdown() { writer.shutdown() }
}
