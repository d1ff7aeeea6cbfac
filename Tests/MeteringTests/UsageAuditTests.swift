import Bytes
import Ledger
import Storage
import TestFiles
import Testing
import Time

@testable import Metering

@Suite struct UsageAuditTests {
    private let directory = TemporaryDirectory()
    private static let product = device(0).product

    /// Bytes as they are, to damage a store with.
    private struct Raw: StorageRecord {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

        init(decoding reader: inout ByteReader) throws(MalformedRecord) {
            let rest = reader.readRemaining()
            bytes = rest.indices.map { rest[$0] }
        }
    }

    /// Three devices of two products, each with 2 units and 1 from a pack a day, on `days` days.
    private func fill(days: Int32) throws {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let tables = try UsageTables(in: environment)
        for ahead in 0..<days {
            let entries = [device(0), device(1), device(2), device(0, of: "pk9")].map {
                UsageBatch.Entry(
                    device: $0, usage: DayUsage(day: day(ahead), used: 2, topUp: 1))
            }
            let batch = UsageBatch(number: UInt64(ahead), takenAt: noon, entries: entries)
            try environment.write { transaction throws(StoreError) in
                try tables.write(batch, in: transaction)
            }
        }
    }

    private func damage(
        _ body: (UsageTables, borrowing WriteTransaction) throws(StoreError) -> Void
    ) throws {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let tables = try UsageTables(in: environment)
        try environment.write { transaction throws(StoreError) in
            try body(tables, transaction)
        }
    }

    private func findings(limit: Int = 100) throws -> [String] {
        let store = try UsageStore(path: directory.path, mapSizeBytes: 1 << 24)
        defer { store.shutdown() }
        return try store.verify(limit: limit)
    }

    @Test(
        "C8: a store whose totals are the sums of its devices has no finding, days dropped or not")
    func sound() throws {
        #expect(try findings().isEmpty)
        try fill(days: 3)
        #expect(try findings().isEmpty)
        // More days than a device keeps: the first ones are in the totals only.
        try fill(days: 40)
        #expect(try findings().isEmpty)
    }

    @Test("C8: a total that is not the sum of its devices is named, by product and day")
    func totals() throws {
        try fill(days: 3)
        try damage { (tables, transaction) throws(StoreError) in
            let key = ProductDayKey(Self.product, day(0))
            try tables.products.put(key, ProductDayTotal(used: 7, topUp: 3), in: transaction)
            try tables.products.delete(ProductDayKey(Self.product, day(1)), in: transaction)
            let other = ProductDayKey(ProductKey("nobody")!, day(2))
            try tables.products.put(other, ProductDayTotal(used: 1, topUp: 2), in: transaction)
        }
        let subject = "usage of \(Self.product) on"
        #expect(
            try findings() == [
                "\(subject) \(day(0)): the total is 7 units, its devices' counts are 6",
                "\(subject) \(day(1)): the total is 0 units, its devices' counts are 6",
                "\(subject) \(day(1)): the total is 0 units from packs, its devices' counts are 3",
                "usage of nobody on \(day(2)): the total is 1 units, its devices' counts are 0",
                "usage of nobody on \(day(2)): the total is 2 units from packs, "
                    + "its devices' counts are 0",
            ]
        )
        #expect(try findings(limit: 2).count == 2)
    }

    @Test("C8: a total may be more than the sum on days that a device has dropped, and never less")
    func dropped() throws {
        try fill(days: 40)
        try damage { (tables, transaction) throws(StoreError) in
            for (ahead, units) in [(0, 1_000), (8, 1_000), (9, 1_000), (20, 1)] as [(Int32, UInt64)]
            {
                let key = ProductDayKey(Self.product, day(ahead))
                try tables.products.put(
                    key, ProductDayTotal(used: units, topUp: ahead < 9 ? 3 : 0), in: transaction)
            }
        }
        let found = try findings()
        #expect(found.contains { $0.contains("\(day(9)): the total is 1000 units") })
        #expect(found.contains { $0.contains("\(day(20)): the total is 1 units") })
        #expect(!found.contains { $0.contains("\(day(0))") || $0.contains("\(day(8))") })
    }

    @Test("C8: records that can't be read, or are out of order, are named; the rest is read on")
    func records() throws {
        try fill(days: 3)
        try damage { (tables, transaction) throws(StoreError) in
            var record = UsageRecord(
                days: [DayUsage(day: day(2), used: 1), DayUsage(day: day(1), used: 1)],
                seenAt: noon
            )
            try tables.devices.put(device(3, of: "pk8"), record, in: transaction)
            let days = (0..<32 as Range<Int32>).map { DayUsage(day: day($0), used: 0) }
            record = UsageRecord(days: days, seenAt: noon)
            try tables.devices.put(device(4, of: "pk7"), record, in: transaction)
        }
        do {
            let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
            let devices = try Table<DeviceIdentity, Raw>("device-usage", in: environment)
            let totals = try Table<ProductDayKey, Raw>("product-day", in: environment)
            try environment.write { transaction throws(StoreError) in
                try devices.put(device(1), Raw([9, 9]), in: transaction)
                try totals.put(
                    ProductDayKey(ProductKey("pk9")!, day(0)), Raw([1]), in: transaction)
            }
        }
        let found = try findings()
        for finding in [
            "usage of \(device(1)): malformed in the store: device usage of version 9, "
                + "which a newer Tollgate wrote: this one knows 1",
            "usage of \(device(3, of: "pk8")): \(day(1)) is behind \(day(2))",
            "usage of \(device(4, of: "pk7")): 32 days are more than 31",
            "usage of pk8 on \(day(1)): the total is 0 units, its devices' counts are 1",
            "usage of pk9 on \(day(0)): malformed in the store: 64-bit integer",
        ] {
            #expect(found.contains(finding), "\(finding) is not in \(found)")
        }
        // Nothing is said of the product whose sums are not known.
        #expect(!found.contains { $0.hasPrefix("usage of \(Self.product) on") })
    }
}
