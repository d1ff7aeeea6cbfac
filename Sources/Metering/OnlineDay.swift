import Bytes
public import Ledger
public import Storage
import Time

// How many devices were online, quarter by quarter: one record for each product and day.
extension UsageStore {
    /// Days at UTC that are kept: 31 of a product's own ones, wherever they begin.
    public static let onlineDaysKept: Int32 = 33

    /// Products that go into one transaction.
    public static let onlineSamplesMaximum = 500

    /// Days that go with one transaction: what is left goes with the next ones.
    static let onlineRemovalsMaximum = 5_000

    /// Keeps what was counted at the beginning of a quarter, at most `onlineSamplesMaximum` products, and lets go of days
    /// that are too old by then. Of a quarter what is kept first stays. `completion` as of `submit`.
    public func keep(
        _ samples: [OnlineSample],
        of quarter: Quarter,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        shared.submit(weight: samples.count) { transaction throws(StoreError) in
            try tables.keep(samples, of: quarter, in: transaction)
        } completion: { result in
            completion(result)
        }
    }

    /// What this node has counted of those products together in each of `quarters`, in order; quarters without a sample are
    /// left out.
    public func online(
        of products: [ProductKey], in quarters: Range<Quarter>
    ) throws(StoreError) -> [OnlineCount] {
        guard !quarters.isEmpty else { return [] }
        let tables = tables
        let days = quarters.lowerBound.place.day...quarters.upperBound.place.day
        return try shared.environment.read { transaction throws(StoreError) in
            var sums: [Quarter: OnlineCount] = [:]
            var day = days.lowerBound
            while day <= days.upperBound {
                for product in products {
                    let key = OnlineDayKey(day, product)
                    guard let record = try tables.online.get(key, in: transaction) else {
                        continue
                    }
                    for count in record.counts(on: day) where quarters.contains(count.quarter) {
                        if sums[count.quarter] == nil {
                            sums[count.quarter] = count
                        } else {
                            sums[count.quarter]?.online += count.online
                            sums[count.quarter]?.devices += count.devices
                        }
                    }
                }
                day = day.next
            }
            return sums.values.sorted { $0.quarter < $1.quarter }
        }
    }
}

extension UsageTables {
    fileprivate func keep(
        _ samples: [OnlineSample], of quarter: Quarter, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let (day, index) = quarter.place
        for sample in samples {
            let key = OnlineDayKey(day, sample.product)
            var record = try online.get(key, in: transaction) ?? OnlineDayRecord()
            guard record.add(sample, at: index) else { continue }
            try online.put(key, record, in: transaction)
        }
        var old: [OnlineDayKey] = []
        let first = day.adding(days: 1 - UsageStore.onlineDaysKept)
        try online.scan(in: transaction, limit: UsageStore.onlineRemovalsMaximum) {
            (bytes, _) throws(StoreError) in
            var reader = ByteReader(bytes)
            guard let key = OnlineDayKey(decoding: &reader), key.day < first else { return .stop }
            old.append(key)
            return .proceed
        }
        for key in old { try online.delete(key, in: transaction) }
    }
}

/// A product's quarters of a day at UTC: days are in order, so that old ones are in front.
struct OnlineDayKey: StorageKey, Hashable {
    let day: Day
    let product: ProductKey

    init(_ day: Day, _ product: ProductKey) {
        self.day = day
        self.product = product
    }

    func encode(into writer: inout KeyWriter) {
        writer.append(Int64(day.number))
        product.encode(into: &writer)
    }

    init?(decoding reader: inout ByteReader) {
        guard let number = Int64(decoding: &reader).flatMap({ Int32(exactly: $0) }),
            let product = ProductKey(decoding: &reader)
        else { return nil }
        self.init(Day(number: number), product)
    }
}

/// At most 96 quarters. Each takes a byte for its place and one to five for either number, as those of the books are
/// differences: 2 + 96 x 11 = 1,058 bytes at most, and 290 for a product with a few thousand devices.
struct OnlineDayRecord: StorageRecord, Equatable {
    struct Entry: Equatable {
        /// Which quarter of the day: 0 to 95.
        let index: UInt8
        let online: UInt32
        let devices: UInt32
    }

    /// In order, at most one for each quarter.
    private(set) var entries: [Entry] = []

    init() {}

    init(entries: [Entry]) { self.entries = entries }

    /// False when that quarter has one.
    mutating func add(_ sample: OnlineSample, at index: UInt8) -> Bool {
        let place = entries.firstIndex { $0.index >= index } ?? entries.count
        if place < entries.count, entries[place].index == index { return false }
        entries.insert(
            Entry(
                index: index, online: UInt32(clamping: sample.online),
                devices: UInt32(clamping: sample.devices)), at: place)
        return true
    }

    func counts(on day: Day) -> [OnlineCount] {
        entries.map { entry in
            OnlineCount(
                quarter: Quarter(number: day.number &* Quarter.perDay &+ Int32(entry.index)),
                online: UInt64(entry.online), devices: UInt64(entry.devices))
        }
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        var last: Int64 = 0
        buffer.append(list: entries) { buffer, entry in
            buffer.append(entry.index)
            buffer.appendVarint(UInt64(entry.online))
            buffer.appendSignedVarint(Int64(entry.devices) - last)
            last = Int64(entry.devices)
        }
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "devices online") {
        case .v1: break
        }
        var last: (index: Int, devices: Int64) = (-1, 0)
        entries = try reader.takeList { reader throws(MalformedRecord) in
            let index = try reader.takeUInt8()
            guard Int(index) > last.index, index < UInt8(Quarter.perDay) else {
                throw .malformed(what: "quarter of devices online")
            }
            guard let online = UInt32(exactly: try reader.takeVarint()) else {
                throw .malformed(what: "count of devices online")
            }
            let (devices, isTooMuch) = last.devices.addingReportingOverflow(
                try reader.takeSignedVarint())
            guard !isTooMuch, let known = UInt32(exactly: devices) else {
                throw .malformed(what: "count of devices")
            }
            last = (Int(index), devices)
            return Entry(index: index, online: online, devices: known)
        }
    }
}
