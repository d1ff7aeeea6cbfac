import Ledger
import Storage
import Time

/// The tables of the usage store.
struct UsageTables: Sendable {
    let devices: Table<DeviceIdentity, UsageRecord>
    let products: Table<ProductDayKey, ProductDayTotal>

    init(in environment: Environment) throws(StoreError) {
        devices = try Table("device-usage", in: environment)
        products = try Table("product-day", in: environment)
    }

    /// Sets the devices' counts; their products' totals grow by the differences, so that a total is
    /// the sum of the counts that it was made of.
    func write(
        _ batch: UsageBatch,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var growth: [ProductDayKey: UInt64] = [:]
        for entry in batch.entries {
            let usage = entry.usage
            var record = try devices.get(entry.device, in: transaction) ?? UsageRecord()
            let grown = record.record(usage.used, on: usage.day, isNoticed: usage.isNoticed)
            record.seenAt = max(record.seenAt, batch.takenAt)
            try devices.put(entry.device, record, in: transaction)
            if grown > 0 {
                growth[ProductDayKey(entry.device.product, usage.day), default: 0] += UInt64(grown)
            }
        }
        for (key, grown) in growth {
            let before = try products.get(key, in: transaction)?.units ?? 0
            try products.put(key, ProductDayTotal(units: before + grown), in: transaction)
        }
    }
}
