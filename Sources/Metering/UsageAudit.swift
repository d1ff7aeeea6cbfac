import Bytes
import Ledger
import Storage
import Time

/// One reading of the whole usage store that collects what does not agree: every record can be read,
/// and a product's day is the sum of its devices' counts (rule C8).
///
/// A device keeps 31 days, a product all of them. So a total may be more than the sum on a day that one
/// of the devices has dropped: it has 31 later ones.
struct UsageAudit {
    private let tables: UsageTables
    private let limit: Int
    private(set) var findings: [String] = []

    /// The product whose devices are being read: they are neighbours.
    private var product: ProductKey?
    private var sums: [Day: ProductDayTotal] = [:]

    /// Before it, devices may have dropped days.
    private var completeFrom: Day?

    /// A device could not be read, so that the sums say nothing.
    private var isIncomplete = false
    private var settled: Set<ProductKey> = []

    init(_ tables: UsageTables, limit: Int) {
        self.tables = tables
        self.limit = limit
    }

    private mutating func find(_ finding: @autoclosure () -> String) {
        if findings.count < limit { findings.append(finding()) }
    }

    mutating func run(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) {
        var audit = self
        try tables.devices.scan(in: transaction) { (key, bytes) throws(StoreError) in
            var reader = ByteReader(key)
            guard let device = DeviceIdentity(decoding: &reader) else {
                audit.find("usage: a device's name can't be read")
                return .proceed
            }
            if device.product != audit.product {
                try audit.settle(in: transaction)
                audit.product = device.product
            }
            audit.add(bytes, of: device)
            return .proceed
        }
        try audit.settle(in: transaction)
        try audit.checkOthers(in: transaction)
        try audit.checkOnline(in: transaction)
        self = audit
    }

    private mutating func add(_ bytes: Span<UInt8>, of device: DeviceIdentity) {
        let record: UsageRecord
        do throws(MalformedRecord) {
            var reader = ByteReader(bytes)
            record = try UsageRecord(decoding: &reader)
        } catch {
            isIncomplete = true
            return find("usage of \(device): \(StoreError(error))")
        }
        let days = record.days
        if days.count > UsageRecord.daysKept {
            find("usage of \(device): \(days.count) days are more than \(UsageRecord.daysKept)")
        }
        for (earlier, later) in zip(days, days.dropFirst()) where earlier.day >= later.day {
            find("usage of \(device): \(later.day) is behind \(earlier.day)")
        }
        for usage in days where usage.isCounted {
            sums[usage.day, default: .none].add(usage, isFirst: true)
        }
        if days.count >= UsageRecord.daysKept, let oldest = days.first?.day {
            completeFrom = max(completeFrom ?? oldest, oldest)
        }
    }

    /// Holds the totals of the product against the sums of its devices.
    private mutating func settle(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        guard let product else { return }
        settled.insert(product)
        var audit = self
        try tables.adopted.scan(in: transaction, prefix: product) { key, bytes in
            guard let (key, total) = audit.total(key, bytes) else { return .proceed }
            audit.deduct(total, key.day)
            return .proceed
        }
        try tables.products.scan(in: transaction, prefix: product) { key, bytes in
            guard let (key, total) = audit.total(key, bytes) else { return .proceed }
            let sum = audit.sums.removeValue(forKey: key.day) ?? .none
            audit.compare(total, with: sum, key)
            return .proceed
        }
        for (day, sum) in audit.sums.sorted(by: { $0.key < $1.key })
        where sum.used > 0 || sum.topUp > 0 {
            audit.compare(ProductDayTotal(), with: sum, ProductDayKey(product, day))
        }
        audit.sums = [:]
        audit.completeFrom = nil
        audit.isIncomplete = false
        self = audit
    }

    /// What other nodes have counted is in no total of this store's.
    private mutating func deduct(_ adopted: ProductDayTotal, _ day: Day) {
        var sum = sums[day] ?? .none
        sum.used -= min(sum.used, adopted.used)
        sum.topUp -= min(sum.topUp, adopted.topUp)
        sum.devices = sum.devices.flatMap { all in adopted.devices.map { all - min(all, $0) } }
        sums[day] = sum
    }

    private mutating func compare(
        _ total: ProductDayTotal,
        with sum: ProductDayTotal,
        _ key: ProductDayKey
    ) {
        if isIncomplete { return }
        let subject = "usage of \(key.product) on \(key.day)"
        let mayBeMore = completeFrom.map { key.day < $0 } ?? false
        for (name, whole, part) in [
            ("units", total.used, sum.used), ("units from packs", total.topUp, sum.topUp),
        ] where mayBeMore ? whole < part : whole != part {
            find("\(subject): the total is \(whole) \(name), its devices' counts are \(part)")
        }
        guard let whole = total.devices, let part = sum.devices else { return }
        if mayBeMore ? whole < part : whole != part {
            find("\(subject): the total is of \(whole) devices, \(part) have counts")
        }
    }

    /// Totals of products without a device: there is no count behind them.
    private mutating func checkOthers(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        try tables.products.scan(in: transaction) { key, bytes in
            guard let (key, total) = audit.total(key, bytes),
                !audit.settled.contains(key.product)
            else { return .proceed }
            audit.compare(total, with: ProductDayTotal(), key)
            return .proceed
        }
        self = audit
    }

    /// Whether those who were online can be read: nothing else says how many they were.
    private mutating func checkOnline(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        try tables.online.scan(in: transaction) { key, bytes in
            var keyReader = ByteReader(key)
            guard let key = OnlineDayKey(decoding: &keyReader) else {
                audit.find("usage: a day of devices online can't be read")
                return .proceed
            }
            do throws(MalformedRecord) {
                var reader = ByteReader(bytes)
                _ = try OnlineDayRecord(decoding: &reader)
            } catch {
                audit.find("devices online of \(key.product) on \(key.day): \(StoreError(error))")
            }
            return .proceed
        }
        self = audit
    }

    /// `nil`, and a finding, when it can't be read.
    private mutating func total(
        _ key: Span<UInt8>,
        _ bytes: Span<UInt8>
    ) -> (ProductDayKey, ProductDayTotal)? {
        var keyReader = ByteReader(key)
        guard let key = ProductDayKey(decoding: &keyReader) else {
            find("usage: a product's day can't be read")
            return nil
        }
        do throws(MalformedRecord) {
            var reader = ByteReader(bytes)
            return (key, try ProductDayTotal(decoding: &reader))
        } catch {
            find("usage of \(key.product) on \(key.day): \(StoreError(error))")
            return nil
        }
    }
}
