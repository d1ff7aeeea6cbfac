import Glibc
import Storage
import TestFiles
import Testing

@Suite struct TransactionTests {
    private let directory = TemporaryDirectory()

    private func open() throws(StoreError) -> Environment {
        try Environment(path: "\(directory.path)/store", mapSizeBytes: 1 << 24)
    }

    @Test("What is committed is there, after closing and opening too")
    func commit() throws {
        do {
            let environment = try open()
            let table = try Table<String, Text>("t", in: environment)
            let transaction = try WriteTransaction(in: environment)
            try table.put("a", "1", in: transaction)
            let own = try table.get("a", in: transaction)
            #expect(own == "1")
            try transaction.commit()
        }
        let environment = try open()
        let table = try Table<String, Text>("t", in: environment)
        let value = try environment.read { transaction throws(StoreError) in
            try table.get("a", in: transaction)
        }
        #expect(value == "1")
    }

    @Test("A transaction that is not committed, or whose body throws, leaves nothing")
    func abort() throws {
        let environment = try open()
        let table = try Table<String, Text>("t", in: environment)
        do {
            let transaction = try WriteTransaction(in: environment)
            try table.put("a", "1", in: transaction)
        }
        #expect(throws: StoreError.queueFull) {
            try environment.write { transaction throws(StoreError) in
                try table.put("b", "2", in: transaction)
                throw .queueFull
            }
        }
        let count = try environment.read { transaction throws(StoreError) in
            try table.count(in: transaction)
        }
        #expect(count == 0)
    }

    @Test("A snapshot shows nothing that was committed after it began; a renewed one does")
    func snapshots() throws {
        let environment = try open()
        let table = try Table<String, Text>("t", in: environment)
        var cached = try CachedReader(environment)
        let before = try ReadTransaction(in: environment)
        try environment.write { transaction throws(StoreError) in
            try table.put("a", "1", in: transaction)
        }
        let seen = try table.get("a", in: before)
        #expect(seen == nil)
        let renewed = try cached.withTransaction { transaction throws(StoreError) in
            try table.get("a", in: transaction)
        }
        #expect(renewed == "1")
    }

    @Test("A table opened after a reader was cached is seen by that reader")
    func laterTable() throws {
        let environment = try open()
        var cached = try CachedReader(environment)
        let table = try Table<String, Text>("later", in: environment)
        try environment.write { transaction throws(StoreError) in
            try table.put("a", "1", in: transaction)
        }
        let value = try cached.withTransaction { transaction throws(StoreError) in
            try table.get("a", in: transaction)
        }
        #expect(value == "1")
    }

    @Test("insert does not replace, put does, delete says whether there was something")
    func verbs() throws {
        let environment = try open()
        let table = try Table<String, Text>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            let first = try table.insert("a", "1", in: transaction)
            let second = try table.insert("a", "2", in: transaction)
            let kept = try table.get("a", in: transaction)
            #expect(first && !second && kept == "1")
            try table.put("a", "3", in: transaction)
            let replaced = try table.get("a", in: transaction)
            let isThere = try table.contains("a", in: transaction)
            #expect(replaced == "3" && isThere)
            let deleted = try table.delete("a", in: transaction)
            let again = try table.delete("a", in: transaction)
            let isGone = try !table.contains("a", in: transaction)
            #expect(deleted && !again && isGone)
        }
    }

    @Test("withRecord lends the stored bytes, and answers nil without a record")
    func lending() throws {
        let environment = try open()
        let table = try Table<UInt64, Text>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            try table.put(1, "abc", in: transaction)
        }
        try environment.read { transaction throws(StoreError) in
            let length = try table.withRecord(1, in: transaction) { bytes throws(StoreError) in
                bytes.count
            }
            let none = try table.withRecord(2, in: transaction) { bytes throws(StoreError) in
                bytes.count
            }
            #expect(length == 4 && none == nil)
        }
    }

    @Test(
        "Our own mistakes trap",
        arguments: [
            ("writing while a record is lent out, as it would move the bytes", "writeUnderLoan"),
            (
                "a second write transaction on one thread, which would wait for itself",
                "nestedWrite"
            ),
            ("a table of one environment in another's transaction", "foreignTable"),
            ("a key of more than 511 bytes", "longKey"),
            ("text with U+0000 in a key", "zeroInKey"),
        ])
    func misuse(_ mistake: String, _ name: String) {
        let directory = TemporaryDirectory()
        let child = Child("StorageCrashWriter", directory.path, name)
        #expect(child.lines { _ in false } == ["begins"])
        #expect([SIGILL, SIGTRAP].contains(child.signalAtEnd()))
    }

    @Test("More read transactions than reader slots is an error that LMDB names")
    func readersFull() throws {
        let environment = try Environment(
            path: directory.path, mapSizeBytes: 1 << 20, maximumReaders: 1)
        let first = try CachedReader(environment)
        #expect(throws: StoreError.self) { _ = try CachedReader(environment) }
        _ = consume first
        _ = try CachedReader(environment)
    }
}
