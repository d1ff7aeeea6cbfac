import Processes
import Randomness
import Storage
import StoreDump
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule A10: what is wrong with the books is named.
@Suite(.computes) struct DamageTests {
    @Test("A10: the books of the tour, which has been everywhere, balance")
    func undamaged() throws {
        let store = try Tour.store()
        #expect(try store.findings() == [])
        for (name, records) in try store.dump().tables {
            #expect(!records.isEmpty, "table \(name)")
        }
    }

    @Test("A10: each kind of damage is named, and where it is", arguments: Damage.all)
    func named(_ damage: Damage) throws {
        let store = try Tour.store()
        let transaction = try WriteTransaction(in: store.environment)
        try damage.deed(store.books, transaction)
        let found = store.books.verify(in: transaction)
        for finding in damage.findings {
            #expect(found.contains { $0.contains(finding) }, "\(finding)\nfound: \(found)")
        }
    }

    @Test("A10: a record or key that does not decode is named by its table, and the check goes on")
    func torn() throws {
        let store = try Tour.store()
        let dump = try store.dump()
        for (name, records) in dump.tables {
            let table = try Table<RawKey, RawRecord>(name, in: store.environment)
            // An index has no records to be torn. The record of d4 goes, besides.
            guard
                let (key, record) = records.min(by: {
                    $0.key.bytes.lexicographicallyPrecedes($1.key.bytes)
                }),
                !record.bytes.isEmpty
            else { continue }
            for bytes in [[], [9], Array(record.bytes.dropLast()), record.bytes + [0]] {
                let transaction = try WriteTransaction(in: store.environment)
                try table.put(key, RawRecord(bytes), in: transaction)
                try store.books.devices.delete(TestStore.device("d4"), in: transaction)
                let found = store.books.verify(in: transaction)
                let isNamed = found.contains { $0.hasPrefix("table \(name): the record of ") }
                #expect(isNamed, "\(name) \(bytes): \(found)")
                #expect(found.contains { $0.contains("PK1.d4") }, "\(name): \(found)")
            }
        }
    }

    @Test("A10: each record that does not decode is named, whichever it is, and the check goes on")
    func tornEach() throws {
        let store = try Tour.store()
        for (name, records) in try store.dump().tables {
            let table = try Table<RawKey, RawRecord>(name, in: store.environment)
            for (key, record) in records where !record.bytes.isEmpty {
                let transaction = try WriteTransaction(in: store.environment)
                try table.put(key, RawRecord([9]), in: transaction)
                let found = store.books.verify(in: transaction)
                let isNamed = found.contains { $0.hasPrefix("table \(name): the record of ") }
                #expect(isNamed, "\(name) \(key.bytes): \(found)")
                let isWhole = !found.contains { $0.contains("can't be read to the end") }
                #expect(isWhole, "\(name) \(key.bytes): \(found)")
            }
        }
    }

    @Test("A10: a key that does not decode is named by its table")
    func tornKeys() throws {
        let store = try Tour.store()
        for name in store.books.tableNames {
            let table = try Table<RawKey, RawRecord>(name, in: store.environment)
            let transaction = try WriteTransaction(in: store.environment)
            try table.put(RawKey([0xFF]), RawRecord([1]), in: transaction)
            let found = store.books.verify(in: transaction)
            #expect(
                found.contains("table \(name): a key is damaged: ff"), "\(name): \(found)")
        }
    }

    @Test("A10: a record that goes is noticed, whichever it is")
    func missing() throws {
        let store = try Tour.store()
        // Of an answer to an idempotency key nothing else knows, nor how often devices have registered, nor of backups.
        let alone: Set = ["answers", "documents", "registrations", "nodeBackups"]
        for (name, records) in try store.dump().tables where !alone.contains(name) {
            let table = try Table<RawKey, RawRecord>(name, in: store.environment)
            for key in records.keys {
                let transaction = try WriteTransaction(in: store.environment)
                try table.delete(key, in: transaction)
                #expect(!store.books.verify(in: transaction).isEmpty, "\(name) \(key)")
            }
        }
    }

    @Test(
        "A10: whichever bit of a record or key is flipped, the check comes to its end",
        arguments: [51, Seed.fresh])
    func anything(seed: UInt64) throws {
        let store = try Tour.store()
        var dice = SplitMix64(seed: seed)
        let tables = try store.dump().tables.sorted { $0.key < $1.key }
        for _ in 0..<300 {
            let (name, records) = tables.randomElement(using: &dice)!
            let table = try Table<RawKey, RawRecord>(name, in: store.environment)
            let keys = records.keys.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
            let key = keys.randomElement(using: &dice)!
            let transaction = try WriteTransaction(in: store.environment)
            if Bool.random(using: &dice) {
                let bytes = Self.flipped(records[key]!.bytes, &dice)
                try table.put(key, RawRecord(bytes), in: transaction)
            } else {
                try table.delete(key, in: transaction)
                let bytes = Self.flipped(key.bytes, &dice)
                try table.put(RawKey(bytes), records[key]!, in: transaction)
            }
            _ = store.books.verify(in: transaction)
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
        let store = try Tour.store()
        try store.write { (books, transaction) throws(StoreError) in
            try books.devices.deleteAll(in: transaction)
        }
        let few = try store.read { books, transaction throws(StoreError) in
            books.verify(limit: 3, in: transaction)
        }
        #expect(few.count == 3)
    }
}
