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
        var growth: [ProductDayKey: ProductDayTotal] = [:]
        for entry in batch.entries {
            let usage = entry.usage
            var record = try devices.get(entry.device, in: transaction) ?? UsageRecord()
            let grown = record.record(usage)
            record.seenAt = max(record.seenAt, batch.takenAt)
            try devices.put(entry.device, record, in: transaction)
            if grown.used > 0 || grown.topUp > 0 {
                let key = ProductDayKey(entry.device.product, usage.day)
                growth[key, default: ProductDayTotal()].add(grown)
            }
        }
        for (key, grown) in growth {
            var total = try products.get(key, in: transaction) ?? ProductDayTotal()
            total.used += grown.used
            total.topUp += grown.topUp
            try products.put(key, total, in: transaction)
        }
    }
}
