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
        // Usage may be one flush interval behind after a power cut, but never damaged.
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

    /// The total units of a product's devices on `day`.
    public func total(of product: ProductKey, on day: Day) throws(StoreError) -> UInt64 {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            try tables.products.get(ProductDayKey(product, day), in: transaction)?.units ?? 0
        }
    }

    /// A consistent copy of the whole store, compacted, into the directory `path`.
    public func copy(to path: String) throws(StoreError) { try environment.copy(to: path) }

    public var figures: EnvironmentFigures { environment.figures }
    public var writerFigures: GroupWriterFigures { writer.figures }

    /// Writes everything that was submitted, and takes no more.
    public func shutdown() { writer.shutdown() }
}

/// The tables of the usage store.
struct UsageTables: Sendable {
    let devices: Table<DeviceIdentity, UsageRecord>
    let products: Table<ProductDayKey, ProductDayTotal>

    init(in environment: Environment) throws(StoreError) {
        devices = try Table("device-usage", in: environment)
        products = try Table("product-day", in: environment)
    }

    func write(
        _ batch: UsageBatch,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var growth: [ProductDayKey: UInt64] = [:]
        for entry in batch.entries {
            let key = entry.device
            var usage = try devices.get(key, in: transaction) ?? UsageRecord()
            let grown = usage.record(entry.used, on: entry.day)
            if entry.isNoticed { usage.noticedDay = max(usage.noticedDay ?? entry.day, entry.day) }
            usage.seenAt = max(usage.seenAt, batch.takenAt)
            try devices.put(key, usage, in: transaction)
            if grown > 0 {
                growth[ProductDayKey(entry.device.product, entry.day), default: 0] += UInt64(grown)
            }
        }
        for (key, grown) in growth {
            let before = try products.get(key, in: transaction)?.units ?? 0
            try products.put(key, ProductDayTotal(units: before + grown), in: transaction)
        }
    }
}
