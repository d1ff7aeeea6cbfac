import Storage
import Testing
import Time

@testable import Ledger

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
        let found = try desk.books.verify(in: transaction)
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
            // An index has no records to be torn.
            guard let (key, record) = records.first, !record.bytes.isEmpty else { continue }
            for bytes in [[], [9], Array(record.bytes.dropLast()), record.bytes + [0]] {
                let transaction = try WriteTransaction(in: desk.environment)
                try table.put(key, RawRecord(bytes), in: transaction)
                try desk.books.devices.delete(Desk.device("d4"), in: transaction)
                let found = try desk.books.verify(in: transaction)
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
            let found = try desk.books.verify(in: transaction)
            #expect(
                found.contains("table \(name): a key is damaged: ff"), "\(name): \(found)")
        }
    }

    @Test(
        "A10: whichever byte is flipped or record goes, the check ends, and a record that goes is noticed"
    )
    func anything() throws {
        let desk = try Tour.desk()
        for (name, records) in try desk.dump().tables {
            let table = try Table<RawKey, RawRecord>(name, in: desk.environment)
            for (key, record) in records.prefix(3) {
                for (index, bit) in (0..<record.bytes.count).flatMap({ i in [(i, 0), (i, 7)] }) {
                    let transaction = try WriteTransaction(in: desk.environment)
                    var bytes = record.bytes
                    bytes[index] ^= UInt8(1) << UInt8(bit)
                    try table.put(key, RawRecord(bytes), in: transaction)
                    _ = try desk.books.verify(in: transaction)
                }
                for index in key.bytes.indices {
                    let transaction = try WriteTransaction(in: desk.environment)
                    var bytes = key.bytes
                    bytes[index] ^= 0x81
                    try table.delete(key, in: transaction)
                    try table.put(RawKey(bytes), record, in: transaction)
                    let found = try desk.books.verify(in: transaction)
                    #expect(!found.isEmpty || name == "answers", "\(name) \(key) \(index)")
                }
            }
            for key in records.keys where name != "answers" {
                let transaction = try WriteTransaction(in: desk.environment)
                try table.delete(key, in: transaction)
                #expect(try !desk.books.verify(in: transaction).isEmpty, "\(name) \(key)")
            }
        }
    }

    @Test("A check names no more than it was asked to")
    func limit() throws {
        let desk = try Tour.desk()
        try desk.write { (books, transaction) throws(StoreError) in
            try books.devices.deleteAll(in: transaction)
        }
        let few = try desk.read { books, transaction throws(StoreError) in
            try books.verify(limit: 3, in: transaction)
        }
        #expect(few.count == 3)
    }
}
