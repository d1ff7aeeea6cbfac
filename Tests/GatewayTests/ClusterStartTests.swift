import Bytes
import Ledger
import Linux
import Replication
import Storage
import Support
import Synchronization
import TestFiles
import Testing
import Time

@testable import Gateway

/// Gateways in one process that share a ledger through a log: what the start of one does to the others.
@Suite struct ClusterStartTests {
    private let log = InProcessLog { Timestamp.now() }
    private let directories = [TemporaryDirectory(), TemporaryDirectory()]

    /// Nodes share the key file.
    private let secrets = TemporaryDirectory()

    private func start(
        _ index: Int, epoch: UInt64, on other: (any CommandLog)? = nil
    ) throws -> TestGateway {
        let membership = ClusterMembership(
            log: other ?? log, cluster: ClusterID(7), node: Self.name(index), epoch: epoch)
        let secrets = secrets.file("secrets")
        return try TestGateway(in: membership, directory: directories[index]) {
            $0.secrets = secrets
        }
    }

    private static func name(_ index: Int) -> NodeName { NodeName("n\(index + 1)")! }

    /// What both nodes have under way.
    private struct UnderWay: Equatable {
        var leasedUnits: UInt64
        var imports: [ImportState]
    }

    private func underWay(_ product: TestProduct, _ gateway: TestGateway) throws -> UnderWay {
        try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
            let totals = try books.topUpTotals(of: product.account, .messages, in: transaction)
            let imports = try books.imports(of: product.key, limit: 10, in: transaction)
            return UnderWay(
                leasedUnits: totals.leased, imports: imports.elements.reversed().map(\.record.state)
            )
        }
    }

    /// Lets a gateway do what it does now and then until its books are so.
    private func upkeep(
        of gateway: TestGateway, until isSo: () throws -> Bool
    ) async throws {
        let running = gateway.gateway
        let upkeep = Task { await running.upkeep() }
        for _ in 0..<2_000 where try !isSo() { try await Task.sleep(for: .milliseconds(5)) }
        upkeep.cancel()
        await upkeep.value
        #expect(try isSo())
    }

    /// A pack of which both nodes have leased, and an import of each.
    private func begin(at gateway: TestGateway) async throws -> TestProduct {
        let product = try await gateway.createProduct(codes: 1)
        let pack = TopUpAction.enter(
            product.account, .messages, source: .gift, quantity: 1_000,
            expiresAt: gateway.now.adding(days: 1))
        try await gateway.submit(.topUps(pack))
        let runs = [gateway.gateway.run, GatewayRun(node: Self.name(1), number: 1)]
        for run in runs {
            let holder = LeaseHolder(run.node)
            try await gateway.submit(
                .topUps(.lease(product.account, holder: holder, needed: 10, block: 10)))
            try await gateway.submit(.imports(.begin(product.key, key: nil, run: run)))
        }
        return product
    }

    @Test("C6: a node's start abandons its own leases and imports, and leaves those of other nodes")
    func neighbours() async throws {
        var first: TestGateway? = try start(0, epoch: 1)
        let product: TestProduct
        do {
            let first = try #require(first)
            #expect(first.gateway.run.node == Self.name(0))
            product = try await begin(at: first)
            let found = try underWay(product, first)
            #expect(found == UnderWay(leasedUnits: 20, imports: [.receiving, .receiving]))
        }
        // What it has in the books, an earlier run of it has left.
        let second = try start(1, epoch: 2)
        let left = UnderWay(leasedUnits: 10, imports: [.receiving, .abandoned])
        try await upkeep(of: second) { try underWay(product, second) == left }
        if let first { #expect(try underWay(product, first) == left) }
        // The first comes back as another run. Its stores are closed with the last reference.
        await first?.stop()
        first = nil
        let again = try start(0, epoch: 3)
        let nothing = UnderWay(leasedUnits: 0, imports: [.abandoned, .abandoned])
        try await upkeep(of: again) { try underWay(product, again) == nothing }
        for gateway in [second, again] {
            #expect(try gateway.gateway.ledger.verify() == [])
            await gateway.stop()
        }
    }

    @Test("What a start tells the books goes through the log, and is in all nodes' books")
    func start() async throws {
        let first = try start(0, epoch: 1)
        let second = try start(1, epoch: 2)
        for gateway in [first, second] {
            let found = try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                (
                    keys: try books.sealingKeys(in: transaction),
                    clock: try books.clockLimit(in: transaction)
                )
            }
            #expect(found.keys == gateway.gateway.secretKeys.fingerprints)
            #expect(found.clock != nil)
        }
        let limits = GatewayConfiguration().limits.ofBooks
        let outcome = try await second.gateway.ledger.submit(
            Command(at: second.now, actor: "test", action: .limits(.adopt(limits))))
        #expect(outcome == .done(.unchanged))
        await first.stop()
        await second.stop()
    }

    @Test(
        "A node with another key file than the others' does not start, and nothing is sealed with it"
    )
    func otherKeys() async throws {
        let first = try start(0, epoch: 1)
        let membership = ClusterMembership(
            log: log, cluster: ClusterID(7), node: Self.name(1), epoch: 2)
        #expect {
            try TestGateway(in: membership, directory: directories[1])
        } throws: { error in
            guard case .secrets(let problem)? = error as? GatewayError else { return false }
            return problem.reason.hasPrefix("key 1 is not the one")
        }
        let second = try start(1, epoch: 3)
        #expect(second.gateway.secretKeys.fingerprints == first.gateway.secretKeys.fingerprints)
        await second.stop()
        await first.stop()
    }

    @Test(
        "A node starts while the log is away, in bounded time, and tells the books when it is back")
    func away() async throws {
        let log = AwayLog(log)
        var first: TestGateway? = try start(0, epoch: 1, on: log)
        await first?.stop()
        first = nil
        log.isAway = true
        let start = ContinuousClock.now
        let again = try self.start(0, epoch: 2, on: log)
        #expect(ContinuousClock.now - start < .seconds(60))
        #expect(again.gateway.ledger.clusterStanding?.phase == .joining)
        log.isAway = false
        let limits = GatewayConfiguration().limits.ofBooks
        try await upkeep(of: again) { again.gateway.ledger.clusterStanding?.phase == .open }
        let outcome = try await again.gateway.ledger.submit(
            Command(at: again.now, actor: "test", action: .limits(.adopt(limits))))
        #expect(outcome == .done(.unchanged))
        await again.stop()
    }

    @Test("What is not due is not put into the log")
    func upkeep() async throws {
        let first = try start(0, epoch: 1)
        let second = try start(1, epoch: 2)
        let gateways = [first.gateway, second.gateway]
        func sweep() async throws -> Int {
            var count = 0
            for gateway in gateways {
                count += await gateway.sweepEnded() + gateway.expireTopUps() + gateway.endUpgrades()
            }
            return count
        }
        for gateway in gateways {
            for _ in 0..<2_000 where gateway.ledger.clusterStanding?.phase != .open {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        // A gateway gives signs of life by itself.
        func sweeps() throws -> Int {
            let follower = try log.follow(from: 0)
            var entries: [LogEntry] = []
            let last = try log.position()
            while UInt64(entries.count) < last { _ = try follower.take(upTo: 512, into: &entries) }
            return try entries.count { entry in
                var reader = ByteReader(entry.bytes.span)
                guard case .commands(_, let commands) = try Envelope(decoding: &reader).content
                else { return false }
                return commands.contains { command in
                    switch command.action {
                    case .devices(.endExpired), .topUps(.expire), .upgrades(.expire): true
                    default: false
                    }
                }
            }
        }
        let before = try sweeps()
        #expect(try await sweep() == 0)
        #expect(try sweeps() == before)
        for gateway in gateways { #expect(try gateway.ledger.verify() == []) }
        await first.stop()
        await second.stop()
    }

    @Test(
        "A node starts without its log, serves what its books know, and takes commands when the log is there"
    )
    func logAway() async throws {
        let product = try await ended(1)
        let isThere = Mutex(false)
        let log = self.log
        let late = try LateLog(why: "not yet", pauseMilliseconds: 20) {
            () throws -> any CommandLog in
            guard isThere.withLock({ $0 }) else { throw LogError.unreachable("it is away") }
            return log
        }
        let again = try start(0, epoch: 2, on: late)
        let running = again.gateway
        #expect(try Self.knows(product, running.ledger))
        let away = try #require(try running.cluster())
        #expect(
            away.doubt == "the log can't be reached: it is away" && away.standing.phase == .joining)
        let check = await running.readiness().checks.first { $0.name == "cluster" }
        #expect(
            check?.problem == "the log can't be relied on: the log can't be reached: it is away")
        isThere.withLock { $0 = true }
        for _ in 0..<1_000 where try running.cluster()?.standing.phase != .open {
            try await Task.sleep(for: .milliseconds(10))
        }
        let limits = GatewayConfiguration().limits.ofBooks
        let outcome = try await running.ledger.submit(
            Command(at: again.now, actor: "test", action: .limits(.adopt(limits))))
        #expect(outcome == .done(.unchanged))
        #expect(
            await running.readiness().checks.allSatisfy {
                $0.problem == nil || $0.name != "cluster"
            })
        let text = await running.metricsText()
        #expect(text.contains("tollgate_cluster_phase{phase=\"open\"} 1\n"))
        #expect(text.contains("tollgate_cluster_log_reliable 1\n"))
        await again.stop()
    }

    @Test(
        "every figure that an alert is about is on the page of a node that has heard of another one"
    )
    func alerts() async throws {
        let first = try start(0, epoch: 1)
        let second = try start(1, epoch: 2)
        _ = try await second.createProduct(codes: 1)
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let bytes = try FileSystem.read(
            root.joined(separator: "/") + "/config/prometheus/alerts.yml", maximumBytes: 1 << 16)
        let isOfName = { (byte: UInt8) in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        }
        let names = bytes.split { !isOfName($0) }.map { String(decoding: $0, as: UTF8.self) }
            .filter { name in
                // Those of the control side come from elsewhere: `monitoring_scenarios.py` looks at them.
                let others = ["tollgate_api_", "tollgate_webhook", "tollgate_alert"]
                return name.hasPrefix("tollgate_") && !others.contains { name.hasPrefix($0) }
            }
        #expect(names.count > 10)
        // Since when there is a backup its age is a figure.
        let backup = try first.gateway.backups.start(in: directories[0].file("backup"))
        while first.gateway.backups.backup(backup.id)?.state == .running {
            try await Task.sleep(for: .milliseconds(5))
        }
        // Products are on the page of each node as soon as it has heard of them.
        var text = await first.gateway.metricsText()
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        while !text.contains("\ntollgate_product_codes{"), .now() < deadline {
            try await Task.sleep(for: .milliseconds(20))
            text = await first.gateway.metricsText()
        }
        for name in Set(names) {
            let family = name.hasSuffix("_bucket") ? name.dropLast(7) : name[...]
            #expect(text.contains("\n# TYPE \(family) "), "\(name)")
        }
        await second.stop()
        await first.stop()
    }

    /// A product that the first node has made, which has ended since; its stores are closed with the last reference.
    private func ended(_ epoch: UInt64) async throws -> TestProduct {
        let first = try start(0, epoch: epoch)
        let product = try await first.createProduct(codes: 1)
        await first.stop()
        return product
    }

    private static func knows(_ product: TestProduct, _ ledger: Ledger) throws -> Bool {
        try ledger.read { books, transaction throws(StoreError) in
            try books.product(product.key, in: transaction) != nil
        }
    }

    @Test("Books of a cluster are opened by no gateway that is alone")
    func booksOfCluster() async throws {
        _ = try await ended(1)
        #expect {
            try TestGateway(in: nil, directory: directories[0]) {
                $0.secrets = secrets.file("secrets")
            }
        } throws: { error in
            "\(error)".contains("the books are cluster \(ClusterID(7))'s")
        }
    }

    @Test(
        "A snapshot has the books of one moment, says how far they are, and leaves no file behind")
    func snapshot() async throws {
        let first = try start(0, epoch: 1)
        let product = try await first.createProduct(codes: 3)
        let snapshot = try await first.gateway.snapshot()
        #expect(snapshot.cluster == ClusterID(7) && snapshot.mark?.position ?? 0 > 0)
        #expect(snapshot.sealingKeys == first.gateway.secretKeys.fingerprints)
        let place = directories[1].file("copy")
        try FileSystem.createDirectory(place, mode: 0o700)
        let file = try NewFile("\(place)/data.mdb")
        var offset = 0
        while offset < snapshot.count {
            let piece = try snapshot.read(at: offset, maximum: 10_000)
            try file.append(piece.span)
            offset += piece.count
        }
        #expect(
            try FileSystem.isEmptyDirectory(directories[0].file("data/snapshot.partial")) == nil)
        let copy = try Ledger(directory: place, mapSizeBytes: 1 << 26)
        #expect(try Self.knows(product, copy))
        let mark = try copy.read { books, transaction throws(StoreError) in
            try books.mark(in: transaction)
        }
        #expect(mark == snapshot.mark)
        #expect(try copy.verify() == [])
        copy.shutdown()
        await first.stop()
    }

    @Test("A gateway that is alone has the name that leases always had")
    func alone() async throws {
        try await TestGateway.run { gateway in
            #expect(gateway.gateway.run.node == .alone)
            #expect(gateway.gateway.commons.leaseHolder == LeaseHolder("gateway"))
        }
    }
}

/// A log that can be out of reach.
private final class AwayLog: CommandLog {
    private let log: any CommandLog
    private let flag = Mutex(false)

    init(_ log: any CommandLog) { self.log = log }

    var isAway: Bool {
        get { flag.withLock { $0 } }
        set { flag.withLock { $0 = newValue } }
    }

    private func reach() throws(LogError) {
        if isAway { throw .unreachable("it is away") }
    }

    func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        if isAway { return completion(.failure(.unknown("it is away"))) }
        log.append(entry, completion: completion)
    }

    func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        try reach()
        return try log.follow(from: position)
    }

    func position() throws(LogError) -> UInt64 {
        try reach()
        return try log.position()
    }

    func first() throws(LogError) -> UInt64 {
        try reach()
        return try log.first()
    }

    func truncate(before position: UInt64) throws(LogError) {
        try reach()
        try log.truncate(before: position)
    }

    var standing: LogStanding { isAway ? .unreliable("it is away") : log.standing }

    func close() { log.close() }
}
