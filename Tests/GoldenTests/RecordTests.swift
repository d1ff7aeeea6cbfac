import Bytes
import Storage
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import Metering
@testable import Sessions

/// What reaches the disk, to the byte: a layout that changes without a version of its own fails here.
@Suite struct RecordTests {
    private let directory = TemporaryDirectory()

    private func environment() throws -> Environment {
        try Environment(
            path: directory.path,
            mapSizeBytes: 1 << 26,
            maximumTables: Books.tableCount,
            durability: .unsynced
        )
    }

    private func check(_ tables: [GoldenTable], of owner: Any, file name: String) throws {
        let file = try GoldenFile("records/\(name)")
        var unused = Set(file.lines.keys)
        for line in tables.flatMap(\.lines) {
            guard let golden = file.lines[line.name] else {
                let bytes = line.bytes.map(GoldenFile.hex) ?? "of an older layout"
                Issue.record("missing line: \(line.name): \(bytes)")
                continue
            }
            unused.remove(line.name)
            let bytes = line.bytes ?? golden
            #expect(GoldenFile.hex(bytes) == GoldenFile.hex(golden), "\(line.name)")
            #expect(try line.isRead(golden), "\(line.name)")
        }
        #expect(unused.isEmpty, "lines that nothing reads")
        let names = GoldenTable.names(in: owner)
        #expect(!names.isEmpty && Set(tables.map(\.name)) == names)
        for table in tables {
            for kind in ["key", "record"] {
                let start = "\(table.name) \(kind) "
                #expect(file.lines.keys.contains { $0.hasPrefix(start) }, "no line of \(start)")
            }
        }
    }

    @Test("Every kind of key and record of the ledger is on the disk as its golden bytes say")
    func ledger() throws {
        let books = try Books(in: environment())
        try check(LedgerRecords.tables(books), of: books, file: "ledger.txt")
    }

    @Test("Every kind of key and record of the counts is on the disk as its golden bytes say")
    func usage() throws {
        let tables = try UsageTables(in: environment())
        try check(UsageRecords.tables(tables), of: tables, file: "usage.txt")
    }

    @Test("Every kind of key and record of the sessions is on the disk as its golden bytes say")
    func sessions() throws {
        let environment = try environment()
        let tables = try FollowedTables(SessionTables(in: environment), in: environment)
        try check(SessionRecords.tables(tables), of: tables, file: "sessions.txt")
    }

    @Test("What devices report is on the disk as its golden bytes say")
    func reportedState() throws {
        let file = try GoldenFile("records/state.txt")
        let time = Timestamp(milliseconds: 1_700_000_000_000)
        let states = [
            "none": ReportedState.none(registeredAt: time),
            "most": ReportedState(
                version: 300, changedAt: time, desired: 7, registeredAt: time,
                document: LedgerRecords.document),
        ]
        for (name, state) in states {
            #expect(
                file.lines[name] == state.bytes, "\(name): \(GoldenFile.hex(state.bytes))")
            #expect(ReportedState(bytes: file.lines[name] ?? []) == state, "\(name)")
        }
        #expect(file.lines.count == states.count)
    }

    @Test("Retained messages are on the disk as their golden bytes say")
    func retained() throws {
        let tables = try RetainedMessages(in: environment())
        try check(RetainedRecords.tables(tables), of: tables, file: "retained.txt")
    }

    @Test("A retained message is read from its golden bytes")
    func retainedMessage() throws {
        let file = try GoldenFile("records/retained.txt")
        for (name, message) in RetainedRecords.messages {
            let bytes = try #require(file.lines["retained record \(name)"])
            let record = try RetainedRecord(bytes.span)
            let read = record.message(topic: message.topic)
            #expect(read == message, "\(name)")
        }
    }
}
