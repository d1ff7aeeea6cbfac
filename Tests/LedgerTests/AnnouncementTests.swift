import Storage
import Synchronization
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// What was applied is announced, whoever submitted it.
@Suite struct AnnouncementTests {
    private static let now = Timestamp(milliseconds: 1_700_000_000_000)

    private final class Ear: Sendable {
        private let events = Mutex<[Event]>([])

        var heard: [Event] { events.withLock { $0 } }

        func listen(to ledger: Ledger) {
            ledger.observe { [self] event in events.withLock { $0.append(event) } }
        }
    }

    private let directory = TemporaryDirectory()

    private func opened() throws -> Ledger {
        let ledger = try Ledger(
            directory: directory.path, mapSizeBytes: 1 << 26, durability: .unsynced)
        for action in TestStore.beginning { _ = try ledger.carryOut(Self.command(action)) }
        return ledger
    }

    private static func command(_ action: Action, key: String? = nil) -> Command {
        Command(at: now, actor: "test", idempotencyKey: key, action: action)
    }

    private func log(of ledger: Ledger, behind sequence: UInt64) throws -> [Event] {
        try ledger.read { books, transaction throws(StoreError) in
            var events: [Event] = []
            try books.events.forEach(in: transaction, from: .excluding(sequence)) { _, event in
                events.append(event)
                return .proceed
            }
            return events
        }
    }

    @Test("E3: every event is announced once, in order, before its command is answered")
    func order() async throws {
        let ledger = try opened()
        let start = ledger.appliedSequence
        let ear = Ear()
        ear.listen(to: ledger)
        #expect(start == UInt64(TestStore.beginning.count))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for submitter in 0..<4 {
                group.addTask {
                    for number in 0..<50 {
                        let id = KeyID("k\(submitter)-\(number)")!
                        let key = NewKey(
                            id: id, name: "", role: .owner, account: nil, products: nil,
                            secretHash: SecretHash(Array(0..<32))!)
                        _ = try await ledger.submit(Self.command(.keys(.create(key))))
                        #expect(
                            ear.heard.contains { $0.change == .keys(.created(id, role: .owner)) })
                    }
                }
            }
            try await group.waitForAll()
        }
        let all = try log(of: ledger, behind: start)
        #expect(all.count == 200 && ear.heard == all)
        #expect(ledger.appliedSequence == all.last?.sequence)
        #expect(ledger.announcementsDeferred == 0)
        ledger.shutdown()
    }

    @Test("what changes nothing is not announced: a refusal, and a command that comes again")
    func nothing() async throws {
        let ledger = try opened()
        let ear = Ear()
        ear.listen(to: ledger)
        let purchase = Self.command(
            .codes(
                .purchase(
                    TestStore.acme, package: TestStore.small, quantity: 3,
                    product: TestStore.product)),
            key: "k")
        for _ in 0..<3 { _ = try await ledger.submit(purchase) }
        _ = try await ledger.submit(Self.command(.keys(.revoke(KeyID("none")!))))
        #expect(ear.heard.map(\.change.name) == ["codes-bought"])
        ledger.shutdown()
    }

    @Test(
        "a command that was applied without the ledger's own writer is announced, and readers forget the product"
    )
    func otherWay() async throws {
        let ledger = try opened()
        let ear = Ear()
        ear.listen(to: ledger)
        var reader = try ledger.reader()
        #expect(try reader.product(TestStore.product)?.name == "Meter PK1")
        func rename(_ name: String) -> Command {
            Self.command(.products(.update(TestStore.product, ProductUpdate(name: name))))
        }
        _ = try ledger.carryOut(rename("first"))
        #expect(try reader.product(TestStore.product)?.name == "first")
        // As a replicated log does it: in a transaction of its own. The next commit announces both.
        try ledger.environment.write { transaction throws(StoreError) in
            _ = try ledger.books.apply(rename("second"), in: transaction)
        }
        _ = try await ledger.submit(Self.command(.products(.delete(TestStore.product))))
        #expect(try reader.product(TestStore.product)?.isDeleted == true)
        #expect(
            ear.heard.map(\.change.name) == [
                "product-updated", "product-updated", "product-deleted",
            ])
        ledger.shutdown()
    }

    @Test("an observer is let go of when the ledger is shut down, and the stream of commits ends")
    func end() async throws {
        let ledger = try opened()
        weak var released: Ear?
        do {
            let ear = Ear()
            ear.listen(to: ledger)
            released = ear
        }
        #expect(released != nil)
        var commits = ledger.commits().makeAsyncIterator()
        _ = try await ledger.submit(
            Self.command(.products(.update(TestStore.product, ProductUpdate(name: "n")))))
        #expect(await commits.next() != nil)
        ledger.shutdown()
        #expect(await commits.next() == nil)
        #expect(released == nil)
    }
}
