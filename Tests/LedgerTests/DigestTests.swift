import Replication
import Storage
import StoreDump
import Testing

@testable import Ledger
@testable import LedgerModel

/// What nodes say of their books at a checkpoint; over real threads.
@Suite struct DigestTests {
    private let checkpoint = Action.cluster(.checkpoint(number: 1))

    private func cluster() async throws -> ClusterOfLedgers {
        let cluster = try ClusterOfLedgers(3, on: InProcessLog { ClusterOfLedgers.time })
        try await cluster.begin(codes: 400)
        try await cluster.expectSameBooks()
        return cluster
    }

    /// Makes a checkpoint at the first node, and has all nodes answer.
    private func digests(_ cluster: ClusterOfLedgers) async throws -> [BooksDigest] {
        _ = try await cluster.submit(checkpoint, at: 0)
        let place = try #require(cluster.ledgers[0].clusterStanding?.question)
        var digests: [BooksDigest] = []
        for ledger in cluster.ledgers {
            try await patiently { ledger.clusterStanding?.question == place }
            digests.append(try #require(try ledger.answerQuestion()))
        }
        return digests
    }

    @Test(
        "A10: nodes with the same books say the same of each table, of all tables, at the checkpoint"
    )
    func same() async throws {
        let cluster = try await cluster()
        let digests = try await digests(cluster)
        #expect(digests[0].mark == cluster.ledgers[0].clusterStanding?.question)
        #expect(digests[1] == digests[0] && digests[2] == digests[0])
        #expect(digests[0].tables.map(\.name) == cluster.ledgers[0].books.tableNames.sorted())
        #expect(digests[0].problems == 0)
        let events = try #require(digests[0].tables.first { $0.name == "events" })
        #expect(events.records == cluster.ledgers[0].appliedSequence)
        for ledger in cluster.ledgers { #expect(try ledger.answerQuestion() == nil, "once") }
    }

    @Test("Books are read as they were at the checkpoint, whatever is applied behind it meanwhile")
    func moment() async throws {
        let cluster = try await cluster()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for device in 0..<300 {
                let ledger = cluster.ledgers[device % 3]
                group.addTask {
                    let action = Action.devices(
                        .activate(TestStore.device("d\(device)"), confirmsSecret: nil))
                    _ = try await ledger.submit(
                        Command(at: ClusterOfLedgers.time, actor: "test", action: action))
                }
            }
            for _ in 0..<5 {
                let digests = try await digests(cluster)
                #expect(digests[1] == digests[0] && digests[2] == digests[0])
            }
            try await group.waitForAll()
        }
        try await cluster.expectSameBooks()
    }

    @Test(
        "A table that was changed behind a node's back is told from the others', and no other table is"
    )
    func changed() async throws {
        let cluster = try await cluster()
        let ledger = cluster.ledgers[1]
        try ledger.environment.write { transaction throws(StoreError) in
            guard var pool = try ledger.books.pools.get(TestStore.product, in: transaction) else {
                throw .malformed(what: "no pool")
            }
            pool.devicesKnown += 1
            try ledger.books.pools.put(TestStore.product, pool, in: transaction)
        }
        let digests = try await digests(cluster)
        #expect(digests[2] == digests[0])
        #expect(digests[1].mark == digests[0].mark, "its chain knows nothing of it")
        let different = zip(digests[0].tables, digests[1].tables).filter { $0 != $1 }
        #expect(different.map(\.0.name) == ["pools"])
        #expect(different.allSatisfy { $0.0.records == $0.1.records })
        #expect(digests[1].problems > 0, "rule A10")
        // What it has said the others know.
        _ = try await cluster.submit(.cluster(.report(digests[1])), at: 1)
        let name = ClusterOfLedgers.name(1)
        for ledger in cluster.ledgers {
            try await patiently { ledger.clusterStanding?.digests[name] == digests[1] }
        }
    }

    @Test("Checkpoints of gateways ask nothing, and of those of persons the last one is answered")
    func last() async throws {
        let cluster = try await cluster()
        let own = Command(
            at: ClusterOfLedgers.time, actor: Command.gatewayActor, action: checkpoint)
        _ = try await cluster.ledgers[0].submit(own)
        #expect(try cluster.ledgers[0].answerQuestion() == nil)
        for _ in 0..<3 { _ = try await cluster.submit(checkpoint, at: 0) }
        let place = try #require(cluster.ledgers[0].clusterStanding?.question)
        #expect(try cluster.ledgers[0].answerQuestion()?.mark == place)
    }
}
