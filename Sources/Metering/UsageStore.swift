public import Ledger
public import Storage
public import Time
public import Telemetry

/// The counts on disk: per device the last 31 days, per product each day's total (rule C8). Its
/// environment is not the books', so that flushing a million counters never delays an activation; it
/// shares it, and the thread that writes, with the stored sessions.
///
/// A batch holds whole-day counts, so one that is written twice, or in parts
/// before a crash, leaves no wrong number: a device's count is set, and its product's total grows
/// by the difference, in the same transaction.
public final class UsageStore: Sendable {
    /// Where its tables are, beside those of others.
    public let shared: SharedEnvironment
    let tables: UsageTables
    private var environment: Environment { shared.environment }

    /// Opens the tables there. It has to be a synced environment: a meter drops its counter when the
    /// store has confirmed it, so confirmed means on disk, also after a power cut (rule C7).
    public init(in shared: SharedEnvironment) throws(StoreError) {
        self.shared = shared
        tables = try UsageTables(in: shared.environment)
    }

    /// Opens the store in the directory `path`, which is made if need be.
    public convenience init(path: String, mapSizeBytes: Int) throws(StoreError) {
        try self.init(in: SharedEnvironment(path: path, mapSizeBytes: mapSizeBytes))
    }

    /// Queues a batch; `completion` is called on the writer's thread when it is on disk, or could not
    /// be written.
    public func submit(
        _ batch: UsageBatch,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        shared.submit(weight: batch.entries.count) { transaction throws(StoreError) in
            try tables.write(batch, in: transaction)
        } completion: { result in
            completion(result)
        }
    }

    /// Queues counts that were made by other nodes: devices go on from them, and they are in no total of this store's
    /// products. `completion` as of `submit`.
    public func adopt(
        _ entries: [UsageBatch.Entry],
        at time: Timestamp,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        shared.submit(weight: entries.count) { transaction throws(StoreError) in
            try tables.adopt(entries, at: time, in: transaction)
        } completion: { result in
            completion(result)
        }
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
                found.append(
                    ProductDay(
                        day: key.day, used: total.used, topUp: total.topUp, devices: total.devices))
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

    /// Of the environment, and of all that is written to it.
    public var figures: EnvironmentFigures { shared.figures }
    public var writerFigures: GroupWriterFigures { shared.writerFigures }

    /// How long its transactions took, in nanoseconds.
    public var commitDurations: HistogramSnapshot { shared.commitDurations }

    /// Writes everything that was submitted to the environment, and takes no more.
    public func shutdown() { shared.shutdown() }
}

/// The tables of the usage store.
struct UsageTables: Sendable {
    let devices: Table<DeviceIdentity, UsageRecord>
    let products: Table<ProductDayKey, ProductDayTotal>

    /// What of the devices' counts other nodes have made: with `products`, their sum.
    let adopted: Table<ProductDayKey, ProductDayTotal>

    /// How many devices were online, quarter by quarter, as this node has counted them.
    let online: Table<OnlineDayKey, OnlineDayRecord>

    init(in environment: Environment) throws(StoreError) {
        devices = try Table("device-usage", in: environment)
        products = try Table("product-day", in: environment)
        adopted = try Table("product-day-adopted", in: environment)
        online = try Table("online-day", in: environment)
    }

    /// Sets the devices' counts; their products' totals grow by the differences, so that a total is
    /// the sum of the counts that it was made of.
    func write(
        _ batch: UsageBatch,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try add(batch.entries, at: batch.takenAt, to: products, in: transaction)
    }

    /// The same of counts that other nodes have made.
    func adopt(
        _ entries: [UsageBatch.Entry],
        at time: Timestamp,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try add(entries, at: time, to: adopted, in: transaction)
    }

    private func add(
        _ entries: [UsageBatch.Entry],
        at time: Timestamp,
        to totals: Table<ProductDayKey, ProductDayTotal>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var growth: [ProductDayKey: ProductDayTotal] = [:]
        for entry in entries {
            let usage = entry.usage
            var record = try devices.get(entry.device, in: transaction) ?? UsageRecord()
            let held = record.usage(on: usage.day)
            let grown = record.record(usage)
            record.seenAt = max(record.seenAt, entry.seenAt ?? time)
            try devices.put(entry.device, record, in: transaction)
            if grown.used > 0 || grown.topUp > 0 {
                let key = ProductDayKey(entry.device.product, usage.day)
                growth[key, default: .none].add(grown, isFirst: held?.isCounted != true)
            }
        }
        for (key, grown) in growth {
            var total = try totals.get(key, in: transaction) ?? .none
            total.add(grown)
            try totals.put(key, total, in: transaction)
        }
    }
}
