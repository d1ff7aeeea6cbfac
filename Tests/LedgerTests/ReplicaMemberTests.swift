import Replication
import Storage
import Synchronization
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Nodes that are taken out, that are away, and how long the log is kept for them; over real threads.
@Suite struct ReplicaMemberTests {
    private func log() -> InProcessLog { InProcessLog { ClusterOfLedgers.time } }

    private func activate(_ key: String) -> Action {
        .devices(.activate(TestStore.device(key), confirmsSecret: nil))
    }

    @Test("A node that is removed stops, and the others go on; its name does not come back")
    func removed() async throws {
        let cluster = try ClusterOfLedgers(3, on: log())
        try await cluster.begin(codes: 3)
        try await cluster.expectSameBooks()
        let remove = Action.cluster(.removeNode(ClusterOfLedgers.name(2)))
        #expect(
            try await cluster.submit(remove, at: 0) == .done(.ended(count: 0, more: false)))
        try await cluster.expectStop(cluster.ledgers[2], "node n3 was removed from the cluster")
        #expect(try await cluster.submit(activate("d1"), at: 1).code != nil)
        let members = cluster.ledgers[0].clusterStanding?.members ?? []
        #expect(members.map(\.node.text) == ["n1", "n2", "n3"])
        #expect(members.map(\.isRemoved) == [false, false, true])
        // The books know by now, so there is not even a start.
        try await patiently { try isRemoved(cluster.ledgers[2]) }
        cluster.stopLast()
        #expect {
            try cluster.startLast()
        } throws: { error in
            guard case .stopped(let why)? = error as? StoreError else { return false }
            return why.contains("join it under another name")
        }
        try await cluster.expectSameBooks()
    }

    private func isRemoved(_ ledger: Ledger) throws -> Bool {
        try ledger.read { books, transaction throws(StoreError) in
            try books.members(in: transaction).contains(where: \.isRemoved)
        }
    }

    @Test(
        "A node that was removed while it was away stops when it wakes up, and nothing of it is done"
    )
    func removedAsleep() async throws {
        let log = log()
        let cluster = try ClusterOfLedgers(2, on: log)
        try await cluster.begin(codes: 3)
        try await cluster.expectSameBooks()
        cluster.stopLast()
        _ = try await cluster.submit(.cluster(.removeNode(ClusterOfLedgers.name(1))), at: 0)
        let last = cluster.ledgers[0].appliedSequence
        try cluster.startLast()
        try await cluster.expectStop(cluster.ledgers[1], "node n2 was removed from the cluster")
        #expect(try await cluster.submit(activate("d1"), at: 0).code != nil)
        let changes = try cluster.ledgers[0].read { books, transaction throws(StoreError) in
            try books.events(after: last, limit: 100, in: transaction)
        }
        #expect(changes.allSatisfy { if case .devices = $0.change { true } else { false } })
    }

    @Test("A node that comes back behind the log's beginning stops, and says what to do")
    func truncated() async throws {
        let log = log()
        let cluster = try ClusterOfLedgers(2, on: log)
        try await cluster.begin(codes: 30)
        try await cluster.expectSameBooks()
        cluster.stopLast()
        for device in 0..<5 { _ = try await cluster.submit(activate("d\(device)"), at: 0) }
        try log.truncate(before: try log.position())
        try cluster.startLast()
        try await cluster.expectStop(cluster.ledgers[1], "take a snapshot from another node")
        #expect(try await cluster.submit(activate("d9"), at: 0).code != nil)
    }

    // MARK: How long the log is

    @Test("The log is cut behind what all members have applied, and so many entries are kept")
    func truncation() async throws {
        let log = log()
        let cluster = try ClusterOfLedgers(2, on: log)
        // Else the second may say hello behind what the first begins with.
        try await patiently { cluster.ledgers.allSatisfy { $0.clusterStanding?.phase == .open } }
        let greeted = try log.position()
        try await cluster.begin(codes: 30)
        for device in 0..<10 { _ = try await cluster.submit(activate("d\(device)"), at: 0) }
        try await cluster.expectSameBooks()
        // The second has said nothing but hello.
        let quiet = try #require(cluster.ledgers[0].clusterStanding?.members.last?.applied)
        #expect(quiet < greeted)
        #expect(await cluster.ledgers[0].truncateLog(keeping: greeted) == .none)
        let checkpoint = Action.cluster(.checkpoint(number: 1))
        for node in 0..<2 { _ = try await cluster.submit(checkpoint, at: node) }
        try await cluster.expectSameBooks()
        let members = try #require(cluster.ledgers[0].clusterStanding?.members)
        let lowest = try #require(members.map(\.applied).min())
        #expect(lowest > 10)
        #expect(cluster.ledgers[0].truncatablePosition(keeping: 1_000) == nil)
        #expect(cluster.ledgers[0].truncatablePosition(keeping: 3) == lowest - 2)
        #expect(await cluster.ledgers[0].truncateLog(keeping: 3) == .done(before: lowest - 2))
        #expect(try log.first() == lowest - 2)
        #expect(await cluster.ledgers[1].truncateLog(keeping: 3) == .none)
        // Both go on, and a node that was there starts again.
        try cluster.restart(1)
        _ = try await cluster.submit(activate("e1"), at: 1)
        try await cluster.expectSameBooks()
    }

    @Test(
        "A member that was silent for a day is waited for no more, and is named; before it is waited for"
    )
    func silence() async throws {
        let now = Mutex(ClusterOfLedgers.time)
        let log = InProcessLog { now.withLock { $0 } }
        let cluster = try ClusterOfLedgers(2, on: log)
        try await cluster.begin(codes: 30)
        try await cluster.expectSameBooks()
        let ledger = cluster.ledgers[0]
        let checkpoint = Action.cluster(.checkpoint(number: 1))
        func wait(hours: Int64) async throws {
            now.withLock { $0 = $0.adding(milliseconds: hours * 3_600_000) }
            for _ in 0..<3 { _ = try await cluster.submit(checkpoint, at: 0) }
        }
        try await wait(hours: 23)
        #expect(ledger.clusterStanding?.lost == [])
        #expect(ledger.truncatablePosition(keeping: 3) == nil)
        try await wait(hours: 2)
        #expect(ledger.clusterStanding?.lost == [ClusterOfLedgers.name(1)])
        #expect(ledger.truncatablePosition(keeping: 3) != nil)
        // One that was removed is not asked for.
        _ = try await cluster.submit(.cluster(.removeNode(ClusterOfLedgers.name(1))), at: 0)
        #expect(ledger.clusterStanding?.lost == [])
    }

    @Test("A node says how far it is ten minutes after it had news, and twice a day without any")
    func checkpoints() async throws {
        let cluster = try ClusterOfLedgers(2, on: log())
        try await cluster.begin(codes: 30)
        try await cluster.expectSameBooks()
        func isDue(_ node: Int, minutes: Int64) throws -> Bool {
            let standing = try #require(cluster.ledgers[node].clusterStanding)
            return standing.isCheckpointDue(
                at: ClusterOfLedgers.time.adding(milliseconds: minutes * 60_000))
        }
        // What is in the books is in a node's standing a moment later.
        try await patiently { try isDue(1, minutes: 10) }
        #expect(try !isDue(1, minutes: 9))
        let checkpoint = Action.cluster(.checkpoint(number: 1))
        for node in [0, 1] { _ = try await cluster.submit(checkpoint, at: node) }
        try await cluster.expectSameBooks()
        // A checkpoint is no news, or nodes would answer each other's for ever.
        for node in [0, 1] {
            try await patiently { try !isDue(node, minutes: 700) }
            #expect(try isDue(node, minutes: 720))
        }
    }

    @Test("A node knows where the log ends, and when its last entry was taken")
    func standing() async throws {
        let log = log()
        let cluster = try ClusterOfLedgers(1, on: log)
        try await cluster.begin(codes: 3)
        let standing = try #require(cluster.ledgers[0].clusterStanding)
        #expect(standing.end == (try log.position()) && standing.lag == 0)
        #expect(standing.lastEntryAt == ClusterOfLedgers.time)
        #expect(standing.node == ClusterOfLedgers.name(0))
    }
}
