import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule A10: what is wrong with the books is named.
@Suite struct DamageTests {
    @Test("A10: the books of the tour, which has been everywhere, balance")
    func undamaged() throws {
        let desk = try Tour.desk()
        #expect(try desk.findings() == [])
        for (name, records) in try desk.dump().tables {
            #expect(!records.isEmpty, "table \(name)")
        }
    }

    @Test("A10: each kind of damage is named, and where it is", arguments: Damage.all)
    func named(_ damage: Damage) throws {
        let desk = try Tour.desk()
        let transaction = try WriteTransaction(in: desk.environment)
        try damage.deed(desk.books, transaction)
        let found = desk.books.verify(in: transaction)
        for finding in damage.findings {
            #expect(found.contains { $0.contains(finding) }, "\(finding)\nfound: \(found)")
        }
    }

    @Test("A10: a record or key that does not decode is named by its table, and the check goes on")
    func torn() throws {
        let desk = try Tour.desk()
        let dump = try desk.dump()
        for (name, records) in dump.tables {
            let table = try Table<RawKey, RawRecord>(name, in: desk.environment)
            // An index has no records to be torn. The record of d4 goes, besides.
            guard
                let (key, record) = records.min(by: {
                    $0.key.bytes.lexicographicallyPrecedes($1.key.bytes)
                }),
                !record.bytes.isEmpty
            else { continue }
            for bytes in [[], [9], Array(record.bytes.dropLast()), record.bytes + [0]] {
                let transaction = try WriteTransaction(in: desk.environment)
                try table.put(key, RawRecord(bytes), in: transaction)
                try desk.books.devices.delete(Desk.device("d4"), in: transaction)
                let found = desk.books.verify(in: transaction)
                let isNamed = found.contains { $0.hasPrefix("table \(name): the record of ") }
                #expect(isNamed, "\(name) \(bytes): \(found)")
                #expect(found.contains { $0.contains("PK1.d4") }, "\(name): \(found)")
            }
        }
    }

    @Test("A10: a key that does not decode is named by its table")
    func tornKeys() throws {
        let desk = try Tour.desk()
        for name in desk.books.tableNames {
            let table = try Table<RawKey, RawRecord>(name, in: desk.environment)
            let transaction = try WriteTransaction(in: desk.environment)
            try table.put(RawKey([0xFF]), RawRecord([1]), in: transaction)
            let found = desk.books.verify(in: transaction)
            #expect(
                found.contains("table \(name): a key is damaged: ff"), "\(name): \(found)")
        }
    }

    @Test("A10: a record that goes is noticed, whichever it is")
    func missing() throws {
        let desk = try Tour.desk()
        // Of an answer to an idempotency key nothing else knows.
        for (name, records) in try desk.dump().tables where name != "answers" {
            let table = try Table<RawKey, RawRecord>(name, in: desk.environment)
            for key in records.keys {
                let transaction = try WriteTransaction(in: desk.environment)
                try table.delete(key, in: transaction)
                #expect(!desk.books.verify(in: transaction).isEmpty, "\(name) \(key)")
            }
        }
    }

    @Test(
        "A10: whichever bit of a record or key is flipped, the check comes to its end",
        arguments: [51, Seed.fresh])
    func anything(seed: UInt64) throws {
        let desk = try Tour.desk()
        var dice = SplitMix64(seed: seed)
        let tables = try desk.dump().tables.sorted { $0.key < $1.key }
        for _ in 0..<300 {
            let (name, records) = tables.randomElement(using: &dice)!
            let table = try Table<RawKey, RawRecord>(name, in: desk.environment)
            let keys = records.keys.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
            let key = keys.randomElement(using: &dice)!
            let transaction = try WriteTransaction(in: desk.environment)
            if Bool.random(using: &dice) {
                let bytes = Self.flipped(records[key]!.bytes, &dice)
                try table.put(key, RawRecord(bytes), in: transaction)
            } else {
                try table.delete(key, in: transaction)
                let bytes = Self.flipped(key.bytes, &dice)
                try table.put(RawKey(bytes), records[key]!, in: transaction)
            }
            _ = desk.books.verify(in: transaction)
        }
    }

    private static func flipped(_ bytes: [UInt8], _ dice: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        if let index = bytes.indices.randomElement(using: &dice) {
            bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &dice)
        }
        return bytes
    }

    @Test("A check names no more than it was asked to")
    func limit() throws {
        let desk = try Tour.desk()
        try desk.write { (books, transaction) throws(StoreError) in
            try books.devices.deleteAll(in: transaction)
        }
        let few = try desk.read { books, transaction throws(StoreError) in
            books.verify(limit: 3, in: transaction)
        }
        #expect(few.count == 3)
    }
}
