import Storage
import TestFiles
import Testing
import Time

@testable import Sessions

@Suite struct SessionAuditTests {
    private let directory = TemporaryDirectory()

    /// What is found after a change behind the store's back.
    private func findings(
        after change: (SessionTables, SessionNumber, borrowing WriteTransaction)
            throws(StoreError) -> Void
    ) throws -> [String] {
        let store = try OpenStore(directory.path)
        let number = try store.begin(Sample.name(1))
        try store.write(
            .append(number, sequence: 0, Sample.queued()), .receive(number, packetID: 1),
            .sent(number, below: 1))
        #expect(try store.store.verify() == [])
        let environment = store.shared.environment
        let tables = try SessionTables(in: environment)
        try environment.write { transaction throws(StoreError) in
            try change(tables, number, transaction)
        }
        return try store.store.verify()
    }

    @Test("a queue, identifiers and marks without a session are found, once for each session")
    func orphans() throws {
        let findings = try findings { tables, number, transaction throws(StoreError) in
            try tables.sessions.delete(Sample.name(1), in: transaction)
            let key = KeyPair(number, UInt64(1))
            try tables.queues.put(key, .released, in: transaction)
        }
        #expect(findings.count == 2)
        #expect(findings.contains { $0.contains("is in the index of due ones, and not there") })
        #expect(
            findings.contains { $0.contains("messages are queued, but there is no such session") })
    }

    @Test("an index that disagrees is found")
    func index() throws {
        let findings = try findings { tables, number, transaction throws(StoreError) in
            let dueAt = Sample.record(number).dueAt ?? Sample.time
            let right = KeyPair(dueAt.milliseconds, Sample.name(1))
            let wrong = KeyPair(Int64(5), Sample.name(1))
            try tables.dues.delete(right, in: transaction)
            try tables.dues.put(wrong, EmptyRecord(), in: transaction)
        }
        #expect(findings.count == 2)
        #expect(findings.contains { $0.contains("which the index does not know") })
        #expect(findings.contains { $0.contains("where it is not due") })
    }

    @Test("numbers that two sessions have, or that were never given, are found")
    func numbers() throws {
        let findings = try findings { tables, number, transaction throws(StoreError) in
            try tables.write(
                .put(Sample.name(2), Sample.record(number)), in: transaction)
            try tables.sessions.put(
                Sample.name(3),
                Sample.record(SessionNumber(1_000), expiryIntervalSeconds: .max), in: transaction)
        }
        #expect(findings.count == 2)
        #expect(findings.contains { $0.contains("is another's too") })
        #expect(findings.contains { $0.contains("was never given") })
    }

    @Test("records that can't be read are found, each by its name")
    func unreadable() throws {
        let store = try OpenStore(directory.path)
        let number = try store.begin(Sample.name(1))
        try store.write(.append(number, sequence: 0, Sample.queued()), .sent(number, below: 1))
        let environment = store.shared.environment
        let sessions = try Table<SessionName, SequenceRecord>("sessions", in: environment)
        let queues = try Table<KeyPair<SessionNumber, UInt64>, SequenceRecord>(
            "session-queues", in: environment)
        let marks = try Table<SessionNumber, EmptyRecord>("session-marks", in: environment)
        try environment.write { transaction throws(StoreError) in
            try sessions.put(Sample.name(1), SequenceRecord(.max), in: transaction)
            try queues.put(KeyPair(number, UInt64(0)), SequenceRecord(.max), in: transaction)
            try marks.put(number, EmptyRecord(), in: transaction)
        }
        let findings = try store.store.verify()
        #expect(findings.contains { $0.hasPrefix("session of device PK.d1: ") })
        #expect(findings.contains { $0.hasPrefix("message 0 of session 1: ") })
        #expect(findings.contains { $0.hasPrefix("mark of session 1: ") })
        // Whose session can't be read, its messages are nobody's.
        #expect(findings.contains { $0.hasPrefix("session 1: messages are queued") })
        #expect(findings.count == 4)
    }
}
