import Bytes
import Glibc
import Storage
import TestFiles
import Testing

/// A number whose first layout had four bytes, and whose second has eight.
private struct Reading: StorageRecord, Equatable {
    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 = 2 }

    let value: UInt64

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2)
        buffer.append(value)
    }

    init(value: UInt64) { self.value = value }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "reading") {
        case .v1: value = UInt64(try reader.takeUInt32())
        case .v2: value = try reader.takeUInt64()
        }
    }
}

/// The same as the program before wrote it.
private struct OldReading: StorageRecord {
    let value: UInt32

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(1 as UInt8)
        buffer.append(value)
    }

    init(value: UInt32) { self.value = value }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        guard try reader.takeUInt8() == 1 else { throw .malformed(what: "old reading") }
        value = try reader.takeUInt32()
    }
}

@Suite struct FormatTests {
    private let directory = TemporaryDirectory()

    private func open() throws(StoreError) -> Environment {
        try Environment(path: directory.path, mapSizeBytes: 1 << 28, durability: .unsynced)
    }

    /// A store of format 1 with so many readings.
    private func furnish(_ count: UInt32) throws(StoreError) {
        let environment = try open()
        let table = try Table<UInt32, OldReading>("readings", in: environment)
        try environment.write { transaction throws(StoreError) in
            for number in 0..<count {
                try table.put(number, OldReading(value: number), in: transaction)
            }
        }
    }

    private static let numbered = StoreFormat.Migration("the number") { _ in }
    private static let widened = StoreFormat.Migration("eight bytes") {
        transaction throws(StoreError) in
        try Table<UInt32, Reading>("readings", in: transaction)
            .rewrite(in: transaction, batch: 1_000)
    }

    /// Adds one to each reading, so that a step that ran twice, or too early, shows.
    private static let raised = StoreFormat.Migration("one more") {
        transaction throws(StoreError) in
        let table = try Table<UInt32, Reading>("readings", in: transaction)
        try table.rewrite(in: transaction, batch: 1_000) { _, reading in
            reading = Reading(value: reading.value + 1)
        }
    }

    @Test("A new store is of the current format, and its number is in it")
    func new() throws {
        let format = StoreFormat(migrations: [
            Self.numbered,
            .init("fails") { _ throws(StoreError) in throw .malformed(what: "migration") },
        ])
        let environment = try open()
        #expect(try format.migrate(environment) == 3)
        #expect(try format.migrate(environment) == 3)
        #expect(try format.require(in: environment) == 3)
    }

    @Test("A store without a number is of format 1, and stays so until it is migrated")
    func unnumbered() throws {
        try furnish(1)
        let environment = try open()
        let transaction = environment.figures.lastTransaction
        let format = StoreFormat(migrations: [Self.numbered])
        #expect(try format.require(in: environment) == 1)
        #expect(try format.require(in: environment) == 1)
        #expect(environment.figures.lastTransaction == transaction, "asking writes nothing")
        #expect(try format.migrate(environment) == 1)
        #expect(try format.require(in: environment) == 2)
    }

    @Test(
        "A store is migrated step by step, each once, all records in batches",
        arguments: [0, 2_500, 3_000])
    func steps(count: Int) throws {
        try furnish(UInt32(count))
        let environment = try open()
        let before = environment.figures.lastTransaction
        let format = StoreFormat(migrations: [Self.numbered, Self.widened, Self.raised])
        #expect(try format.migrate(environment) == 1)
        #expect(environment.figures.lastTransaction == before + 1, "in one transaction")
        #expect(try format.migrate(environment) == 4)
        let longer = StoreFormat(migrations: format.migrations + [Self.raised])
        #expect(try longer.migrate(environment) == 4)
        let table = try Table<UInt32, Reading>("readings", in: environment)
        var seen = 0
        try environment.read { transaction throws(StoreError) in
            try table.scan(in: transaction) { (key, bytes) throws(StoreError) in
                var reader = ByteReader(bytes)
                let reading = try? Reading(decoding: &reader)
                // 2: rewritten in the present layout.
                #expect(bytes[0] == 2 && reading?.value == UInt64(seen) + 2)
                seen += 1
                return .proceed
            }
        }
        #expect(seen == count)
    }

    @Test("A record is read in each of its layouts; one of a newer program is named as such")
    func versions() throws {
        func read(_ bytes: [UInt8]) throws(MalformedRecord) -> UInt64 {
            var reader = ByteReader(bytes.span)
            return try Reading(decoding: &reader).value
        }
        #expect(try read([1, 0, 0, 0, 7]) == 7)
        #expect(try read([2, 0, 0, 0, 0, 0, 0, 0, 7]) == 7)
        let newer = "reading of version 3, which a newer Tollgate wrote: this one knows 2"
        #expect(throws: MalformedRecord(what: newer)) { try read([3, 0, 0, 0, 7]) }
        let never = "reading of version 0, which there never was"
        #expect(throws: MalformedRecord(what: never)) { try read([0, 0, 0, 0, 7]) }
    }

    @Test("A step that fails leaves the store in its format, as it was")
    func failed() throws {
        try furnish(10)
        let environment = try open()
        let fails = StoreFormat.Migration("fails") { _ throws(StoreError) in
            throw .malformed(what: "migration")
        }
        let format = StoreFormat(migrations: [Self.numbered, Self.widened, fails])
        #expect(throws: StoreError.malformed(what: "migration")) {
            try format.migrate(environment)
        }
        #expect(try format.require(in: environment) == 1)
        let table = try Table<UInt32, OldReading>("readings", in: environment)
        let last = try environment.read { transaction throws(StoreError) in
            try table.get(9, in: transaction)
        }
        #expect(last?.value == 9)
    }

    @Test("A store that a newer program has written is refused, and nothing is changed")
    func newer() throws {
        let environment = try open()
        let newer = StoreFormat(migrations: [Self.numbered, Self.raised])
        try newer.migrate(environment)
        let transaction = environment.figures.lastTransaction
        let format = StoreFormat(migrations: [Self.numbered])
        let error = StoreError.newerFormat(3, known: 2)
        #expect(throws: error) { try format.migrate(environment) }
        #expect(throws: error) { try format.require(in: environment) }
        #expect(environment.figures.lastTransaction == transaction)
        let text = "the store was written by a newer Tollgate (format 3; this one knows 2)"
        #expect("\(error)" == text)
    }

    @Test("A copy has the format of its store")
    func copied() throws {
        let format = StoreFormat(migrations: [Self.numbered])
        let environment = try open()
        try format.migrate(environment)
        try environment.copy(to: directory.file("copy"))
        let copy = try Environment(path: directory.file("copy"), mapSizeBytes: 1 << 28)
        #expect(throws: StoreError.newerFormat(2, known: 1)) {
            try StoreFormat(migrations: []).require(in: copy)
        }
    }

    @Test("After kill -9 in the middle of a migration the store is of its old format, and whole")
    func killed() throws {
        let child = Child("StorageCrashWriter", directory.path, "migrate")
        let told = child.lines { $0.contains("halfway") }
        child.kill()
        close(child.output)
        #expect(told == ["written", "halfway"])
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 28)
        let format = StoreFormat(migrations: [Self.numbered])
        #expect(try format.require(in: environment) == 1)
        let table = try Table<Int64, Int64Record>("numbers", in: environment)
        var count = 0
        try environment.read { transaction throws(StoreError) in
            try table.forEach(in: transaction) { number, record in
                #expect(record.value == number)
                count += 1
                return .proceed
            }
        }
        #expect(count == 20_000)
        #expect(try format.migrate(environment) == 1)
        #expect(try format.require(in: environment) == 2)
    }
}

/// As the crash writer has it.
private struct Int64Record: StorageRecord {
    let value: Int64

    func encode(into buffer: inout ByteBuffer) { buffer.appendSignedVarint(value) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        value = try reader.takeSignedVarint()
    }
}
