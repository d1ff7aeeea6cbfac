import Bytes
import Gateway
import HTTPTypes
import Ledger
import Processes
import Storage
import Testing

@testable import Admin

/// What nodes ask of each other.
@Suite("The cluster", .serves)
struct ClusterTests {
    private static let chain = ChainHash([UInt8](repeating: 7, count: ChainHash.length).span)!

    /// Of three nodes, one of which was removed.
    static func report(
        _ phase: ClusterStanding.Phase = .open, doubt: String? = nil
    ) throws -> ClusterReport {
        let names = try ["n1", "n2", "n3"].map { try #require(NodeName($0)) }
        let mark = LogMark(position: 90, chain: chain)
        let standing = ClusterStanding(
            phase: phase, mark: mark, trouble: doubt, waiting: 2,
            nodes: [names[1]: .init(mark: LogMark(position: 60, chain: chain), agrees: false)],
            question: LogMark(position: 80, chain: chain),
            digests: [
                names[0]: BooksDigest(
                    mark: LogMark(position: 80, chain: chain),
                    tables: [
                        TableDigest(
                            name: "accounts", records: 300, hash: Array(repeating: 0xAB, count: 32))
                    ], problems: 3)
            ])
        return ClusterReport(
            cluster: ClusterID(7), node: names[0], standing: standing, doubt: doubt, end: 100,
            behindMilliseconds: 2_500,
            members: [
                .init(
                    node: names[0], position: 90, chainHash: Self.chain, silentMilliseconds: 0,
                    agrees: true, reach: PeerReach(isReachable: true, heardMilliseconds: 0)),
                .init(
                    node: names[1], position: 60, chainHash: Self.chain,
                    silentMilliseconds: 61_000, agrees: false,
                    reach: PeerReach(isReachable: false, heardMilliseconds: 7_900)),
                .init(
                    node: names[2], position: 7, chainHash: nil, silentMilliseconds: nil,
                    agrees: nil, isRemoved: true),
            ])
    }

    @Test("a gateway alone says so, and gives no snapshot")
    func alone() async throws {
        let client = try Client()
        for path in ["/v1/cluster", "/v1/cluster/snapshot"] {
            let answer = try await client.get(path)
            #expect(answer.status == 409 && answer.reason == "not-clustered")
        }
    }

    @Test("a node says how far it is, what keeps it, what it has seen of the others, and no key")
    func standing() async throws {
        let client = try Client()
        let report = try Self.report(.stopped(why: "it is lost"), doubt: "no leader")
        client.controlPlane.set { $0.cluster = report }
        let json = try await client.get("/v1/cluster").json
        #expect(json["cluster"]?.text == "00000000000000000000000000000007")
        #expect(json["phase"]?.text == "stopped" && json["why"]?.text == "it is lost")
        #expect(json["position"]?.integer == 90 && json["lagEntries"]?.integer == 10)
        #expect(json["behindSeconds"]?.integer == 2 && json["waitingCommands"]?.integer == 2)
        #expect(json["logReliable"]?.bool == false && json["logDoubt"]?.text == "no leader")
        let nodes = try #require(json["nodes"]?.array)
        #expect(nodes.map { $0["name"]?.text } == ["n1", "n2", "n3"])
        #expect(nodes[1]["lagEntries"]?.integer == 40 && nodes[1]["agrees"]?.bool == false)
        #expect(nodes.map { $0["reachable"]?.bool } == [true, false, nil])
        #expect(nodes[1]["heardSeconds"]?.integer == 7)
        #expect(nodes[1]["silentSeconds"]?.integer == 61 && nodes[2]["removed"]?.bool == true)
        let keys = try #require(json["secrets"]?["sealingKeys"]?.array)
        #expect(keys.count == 1 && keys[0]["fingerprint"]?.text?.utf8.count == 64)
        #expect(json["secrets"]?["mintKey"]?.text == Client.mintKey.fingerprint)
        #expect(Client.mintKey.fingerprint != MintKey(text: "mint-key-for-testz").fingerprint)
    }

    @Test("what nodes have said of their books is shown table by table")
    func digests() async throws {
        let client = try Client()
        #expect(try await client.get("/v1/cluster/checkpoints").reason == "not-clustered")
        let report = try Self.report()
        client.controlPlane.set { $0.cluster = report }
        let json = try await client.get("/v1/cluster/checkpoints").json
        #expect(json["position"]?.integer == 80)
        let node = try #require(json["nodes"]?.array?.first)
        #expect(node["name"]?.text == "n1" && node["position"]?.integer == 80)
        #expect(node["problems"]?.integer == 3)
        let table = try #require(node["tables"]?.array?.first)
        #expect(table["name"]?.text == "accounts" && table["records"]?.integer == 300)
        #expect(table["hash"]?.text == String(repeating: "ab", count: 32))
    }

    @Test("a snapshot is a store, with what a new node compares in its headers")
    func snapshot() async throws {
        let client = try Client()
        let report = try Self.report()
        client.controlPlane.set { $0.cluster = report }
        let ledger = client.controlPlane.ledger
        try ledger.environment.write { transaction throws(StoreError) in
            try ledger.books.join(ClusterID(7), behind: 5, in: transaction)
        }
        let answer = try await client.get("/v1/cluster/snapshot")
        #expect(answer.status == 200 && answer.bytes.count > 4_096)
        let headers = Dictionary(
            uniqueKeysWithValues: answer.headers.map { ($0.name.rawName, $0.value) })
        #expect(headers[SnapshotHeader.cluster] == "00000000000000000000000000000007")
        #expect(headers[SnapshotHeader.position] == "5")
        #expect(headers[SnapshotHeader.chain]?.utf8.count == 16)
        #expect(headers[SnapshotHeader.mintKey] == Client.mintKey.fingerprint)
        // LMDB's magic number, in the first page.
        #expect(Array(answer.bytes[16..<20]) == [0xDE, 0xC0, 0xEF, 0xBE])
    }

    @Test("the snapshot is for owners, the standing for operators as well")
    func access() async throws {
        let client = try Client()
        let report = try Self.report()
        client.controlPlane.set { $0.cluster = report }
        let made = try await client.post("/v1/keys", ["name": "o", "role": "operator"])
        let token = try #require(made.json["token"]?.text)
        #expect(try await client.get("/v1/cluster", token: token).status == 200)
        #expect(try await client.get("/v1/cluster/snapshot", token: token).status == 403)
        #expect(try await client.get("/v1/cluster/snapshot", token: nil).status == 401)
    }
}
