import Replication
import Storage
import Synchronization
import Testing

@testable import Ledger
@testable import LedgerModel

/// A log that was begun anew from a node's books: who follows it, and who must not.
@Suite struct ReplicaGenerationTests {
    private func activate(_ key: String) -> Action {
        .devices(.activate(TestStore.device(key), confirmsSecret: nil))
    }

    private func log(_ number: UInt64, from ledger: Ledger) throws -> InProcessLog {
        let mark = try #require(ledger.clusterStanding?.mark)
        let generation = LogGeneration(
            number: number, position: mark.position, chain: "\(mark.chain)")
        return InProcessLog(after: mark.position, as: generation) { ClusterOfLedgers.time }
    }

    private func cluster(_ count: Int) async throws -> ClusterOfLedgers {
        let cluster = try ClusterOfLedgers(
            count, on: InProcessLog { ClusterOfLedgers.time })
        try await cluster.begin(codes: 10)
        for ledger in cluster.ledgers {
            try await patiently { ledger.clusterStanding?.phase == .open }
        }
        return cluster
    }

    @Test("Nodes with the books that a log was begun from go on with it, also after another start")
    func same() async throws {
        let cluster = try await cluster(2)
        let code = try await cluster.submit(activate("d1"), at: 1).code
        try await cluster.expectSameBooks()
        let anew = try log(2, from: cluster.ledgers[0])
        try cluster.restartAll(on: anew)
        #expect(try await cluster.submit(activate("d2"), at: 0).code != code)
        try await cluster.expectSameBooks()
        try cluster.restart(1)
        #expect(try await cluster.submit(activate("d3"), at: 1).code != nil)
        try await cluster.expectSameBooks()
    }

    @Test("A node that is behind the beginning, or beyond it with other books, does not follow")
    func others() async throws {
        let cluster = try await cluster(3)
        try await cluster.expectSameBooks()
        cluster.stopLast()
        _ = try await cluster.submit(activate("d1"), at: 0)
        try await cluster.expectSameBooks()
        let anew = try log(2, from: cluster.ledgers[0])
        // The second goes further along the old log, and the first does not see that.
        try cluster.restart(0, on: anew)
        _ = try await cluster.submit(activate("d2"), at: 1)
        for device in 3..<9 { _ = try await cluster.submit(activate("d\(device)"), at: 0) }
        try cluster.restart(1, on: anew)
        try await cluster.expectStop(cluster.ledgers[1], "the log was begun anew behind entry")
        try cluster.startLast()
        try cluster.restart(2, on: anew)
        try await cluster.expectStop(cluster.ledgers[2], "move the ledger directory away")
    }

    @Test("A log that was set back is found out by what it acknowledges", arguments: 0..<3)
    func setBack(_ grown: Int) async throws {
        let log = SwitchedLog(InProcessLog { ClusterOfLedgers.time })
        let cluster = try ClusterOfLedgers(2, on: log)
        try await cluster.begin(codes: 10)
        try await cluster.expectSameBooks()
        let last = try log.position()
        // Who follows is at its end, and sees nothing of the other one.
        let other = InProcessLog(after: last - 4) { ClusterOfLedgers.time }
        log.appends(to: other)
        for _ in 0..<grown { other.append([0]) { _ in } }
        await #expect(throws: StoreError.self) {
            try await cluster.submit(activate("d1"), at: 0)
        }
        try await cluster.expectStop(cluster.ledgers[0], "it was lost or set back")
        #expect(cluster.ledgers[0].clusterStanding?.mark.position == last)
    }

    @Test("Books that follow a later log do not follow an old one that was put back")
    func outdated() async throws {
        let cluster = try await cluster(1)
        let old = cluster.log
        try cluster.restart(0, on: try log(2, from: cluster.ledgers[0]))
        #expect(try await cluster.submit(activate("d1"), at: 0).code != nil)
        try cluster.restart(0, on: old)
        try await cluster.expectStop(cluster.ledgers[0], "an old one was put back")
    }
}

/// A log whose servers have come back with less than they had: who follows waits for more, what is appended comes into
/// another log.
private final class SwitchedLog: CommandLog {
    private let followed: InProcessLog
    private let appended: Mutex<InProcessLog>

    init(_ log: InProcessLog) {
        followed = log
        appended = Mutex(log)
    }

    func appends(to log: InProcessLog) { appended.withLock { $0 = log } }

    func append(
        _ entry: [UInt8], completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        appended.withLock { $0 }.append(entry, completion: completion)
    }

    func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        try followed.follow(from: position)
    }

    func position() throws(LogError) -> UInt64 { try followed.position() }

    func first() throws(LogError) -> UInt64 { try followed.first() }

    func truncate(before position: UInt64) throws(LogError) {
        try followed.truncate(before: position)
    }

    var standing: LogStanding { followed.standing }

    func close() { followed.close() }
}
