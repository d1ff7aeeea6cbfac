@testable import Gateway
import Ledger
import Links
import Linux
import Reactor
import Replication
import Support
import TestFiles
import Testing
import Time

/// Gateways of one cluster in the test's own process: one log and one network in memory, keys that they share, and a
/// directory for each.
final class TestNodes {
    let peers = InProcessPeers()
    private let log = InProcessLog { Timestamp.now() }
    private var logs: [SilentLog?]
    private let records = InProcessLatestRecords { Timestamp.now() }
    private let isRetaining: Bool
    private let secrets = TemporaryDirectory()
    private let directories: [TemporaryDirectory]
    private var running: [TestGateway?]
    private var epoch: UInt64 = 0
    private let configure: (inout GatewayConfiguration) -> Void

    private init(
        _ count: Int, isRetaining: Bool, _ configure: @escaping (inout GatewayConfiguration) -> Void
    ) {
        directories = (0..<count).map { _ in TemporaryDirectory() }
        running = Array(repeating: nil, count: count)
        logs = Array(repeating: nil, count: count)
        self.configure = configure
        self.isRetaining = isRetaining
    }

    /// Lends a cluster of nodes that know each other. Afterwards the stores of all must be in order.
    ///
    /// - Parameters:
    ///   - first: so many of them are started; all if `nil`.
    ///   - isRetaining: they have their retained messages in common.
    ///   - isFollowing: each one's stored sessions are on another one, too.
    static func run(
        _ count: Int = 3,
        shards: Int = 2,
        first: Int? = nil,
        isRetaining: Bool = false,
        isFollowing: Bool = false,
        configure: @escaping (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestNodes) async throws -> Void
    ) async throws {
        let nodes = TestNodes(count, isRetaining: isRetaining) {
            $0.shards = shards
            $0.metering.flushIntervalSeconds = 1
            if isFollowing {
                $0.cluster.node = "n"
                $0.cluster.servers = ["nats://127.0.0.1:4222"]
                $0.cluster.sessionReplicas = 2
            }
            configure(&$0)
        }
        do {
            for index in 0..<(first ?? count) { try nodes.start(index) }
            try await nodes.settle()
            try await body(nodes)
            for case let gateway? in nodes.running {
                let stores = gateway.gateway.stores
                let findings = try stores.verify(secretKeys: nil)
                guard findings.isEmpty else { throw TestGatewayError.booksDoNotBalance(findings) }
            }
            await nodes.stopAll()
        } catch {
            await nodes.stopAll()
            throw error
        }
    }

    static func name(_ index: Int) -> NodeName { NodeName("n\(index + 1)")! }

    subscript(index: Int) -> TestGateway {
        guard let gateway = running[index] else { preconditionFailure("n\(index + 1) is stopped") }
        return gateway
    }

    func start(_ index: Int, time: TimeSource = .system) throws {
        epoch += 1
        let log = SilentLog(over: log)
        logs[index] = log
        let membership = ClusterMembership(
            log: log, cluster: ClusterID(7), node: Self.name(index), epoch: epoch)
        running[index] = try TestGateway(
            in: membership, over: peers.attach(), retained: isRetaining ? records : nil,
            time: time, directory: directories[index]
        ) {
            $0.secrets = secrets.file("secrets")
            configure(&$0)
        }
    }

    /// From now on nothing that the node wants gets into the books.
    func silence(_ index: Int) { logs[index]?.silence() }

    /// It does again.
    func speak(_ index: Int) { logs[index]?.speak() }

    /// From now on the node does not get to know what comes into the books.
    func deafen(_ index: Int) { logs[index]?.deafen() }

    /// It does again, and gets what has come meanwhile.
    func hear(_ index: Int) { logs[index]?.hear() }

    func stop(_ index: Int) async {
        await running[index]?.stop()
        running[index] = nil
    }

    private func stopAll() async {
        for index in running.indices { await stop(index) }
    }

    /// Waits until all that run can reach each other, and own all partitions, or those do.
    func settle(owners: [Int]? = nil) async throws {
        let names = running.indices.filter { running[$0] != nil }.map(Self.name)
        func isSettled(_ gateway: TestGateway) -> Bool {
            guard let neighbours = gateway.gateway.commons.neighbours else { return false }
            return (neighbours.present + [neighbours.node]).sorted() == names
                && neighbours.table?.nodes == (owners?.map(Self.name) ?? names)
        }
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        while !running.compactMap(\.self).allSatisfy(isSettled), .now() < deadline {
            try await beginAnew()
            try await Task.sleep(for: .milliseconds(20))
        }
        for case let gateway? in running where !isSettled(gateway) {
            guard let neighbours = gateway.gateway.commons.neighbours else { continue }
            let ledger = gateway.gateway.ledger.clusterStanding
            Issue.record(
                """
                \(neighbours.node) reaches \(neighbours.present); partitions are of \
                \(neighbours.table?.nodes ?? []); ledger: \(String(describing: ledger))
                """)
        }
        // Each shard hears of it in its next turn, and says what it has.
        for _ in 0..<3 {
            for case let gateway? in running { _ = await gateway.gateway.metricsText() }
        }
    }

    /// As the program does: a node whose sessions another one has taken over while it ran is started once more.
    private func beginAnew() async throws {
        for index in running.indices where running[index]?.gateway.beginsAnew == true {
            await stop(index)
            try start(index)
        }
    }

    /// A new device, which all nodes know.
    func device(_ name: String, of product: TestProduct) async throws -> TestDevice {
        let device = try await self[0].importDevice(name, into: product)
        try await catchUp()
        return device
    }

    /// Waits until all nodes have applied what the first has.
    func catchUp() async throws {
        let sequence = self[0].gateway.ledger.appliedSequence
        try await until {
            running.compactMap(\.self).allSatisfy { $0.gateway.ledger.appliedSequence >= sequence }
        }
    }

    /// A new device that the node owns.
    func device(ownedBy index: Int, of product: TestProduct) async throws -> TestDevice {
        for number in 0..<100 {
            let name = "dk\(index)-\(number)"
            let identity = product.identity(name)
            let table = try #require(self[0].gateway.commons.neighbours?.table)
            let owner = table.nodes[Int(table.owners[Partition(identity).index])]
            if owner == Self.name(index) { return try await device(name, of: product) }
        }
        preconditionFailure("of a hundred devices none is of n\(index + 1)")
    }
}
