import Bytes
import FaultyLog
import Linux
import Randomness
import Replication
import Storage
import Synchronization
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// The writer of a node in a cluster, over real threads.
@Suite struct ReplicaTests {
    private func log() -> InProcessLog { InProcessLog { ClusterOfLedgers.time } }

    private func activate(_ key: String) -> Action {
        .devices(.activate(TestStore.device(key), confirmsSecret: nil))
    }

    @Test("Devices race for codes at all nodes: each has one answer everywhere, and consumes one")
    func race() async throws {
        let cluster = try ClusterOfLedgers(3, on: log())
        try await cluster.begin(codes: 150)
        // 200 devices, each at all three nodes at once.
        let outcomes = try await withThrowingTaskGroup(of: (String, Outcome).self) { group in
            for device in 0..<200 {
                for node in 0..<3 {
                    let (ledger, action) = (cluster.ledgers[node], activate("d\(device)"))
                    group.addTask {
                        let command = Command(
                            at: ClusterOfLedgers.time, actor: "gateway", action: action)
                        return ("d\(device)", try await ledger.submit(command))
                    }
                }
            }
            var outcomes: [String: [Outcome]] = [:]
            for try await (device, outcome) in group {
                outcomes[device, default: []].append(outcome)
            }
            return outcomes
        }
        var consumed = 0
        var refused = 0
        for (device, answers) in outcomes {
            let codes = Set(answers.map(\.code))
            #expect(codes.count == 1, "\(device): \(answers)")
            if codes.first == .some(nil) { refused += 1 } else { consumed += 1 }
            let paid = answers.filter(\.isConsumption).count
            #expect(paid == (codes.first == .some(nil) ? 0 : 1), "\(device): \(answers)")
        }
        #expect(consumed == 150 && refused == 50)
        try await cluster.expectSameBooks()
    }

    @Test("A8: an idempotent write sent to all nodes at once is done once, and has one answer")
    func idempotence() async throws {
        let cluster = try ClusterOfLedgers(3, on: log())
        try await cluster.begin(codes: 1)
        let purchase = Action.codes(
            .purchase(TestStore.acme, package: TestStore.small, quantity: 7, product: nil))
        let effects = try await withThrowingTaskGroup(of: Effect?.self) { group in
            for node in 0..<3 {
                let ledger = cluster.ledgers[node]
                group.addTask {
                    try await ledger.submit(
                        Command(
                            at: ClusterOfLedgers.time, actor: "owner", idempotencyKey: "order-1",
                            action: purchase)
                    ).effect
                }
            }
            return try await group.reduce(into: [Effect?]()) { $0.append($1) }
        }
        #expect(Set(effects).count == 1 && effects.first != .some(nil))
        try await cluster.expectSameBooks()
    }

    @Test("Each node announces what was applied, whichever node was asked")
    func announcements() async throws {
        let cluster = try ClusterOfLedgers(2, on: log())
        let heard = Mutex<[UInt64]>([])
        cluster.ledgers[1].observe { event in heard.withLock { $0.append(event.sequence) } }
        try await cluster.begin(codes: 1)
        try await cluster.expectSameBooks()
        let last = cluster.ledgers[0].appliedSequence
        #expect(last > 4)
        try await patiently { heard.withLock { $0 } == Array(1...last) }
    }

    @Test(
        """
        Over a log that loses, doubles, delays and reorders, with nodes that end and start again: all that was \
        answered is in all books
        """, arguments: [1, Seed.fresh])
    func faults(seed: UInt64) async throws {
        let faulty = FaultyLog(over: log(), seed: seed)
        let pump = try Pump(faulty)
        defer { pump.stop() }
        let cluster = try ClusterOfLedgers(3, on: faulty)
        try await cluster.begin(codes: 10_000)
        faulty.faults = .all
        var dice = SplitMix64(seed: seed)
        var answered: Set<String> = []
        for round in 0..<6 {
            let devices = (0..<40).map { "d\(round)-\($0)" }
            let done = await withTaskGroup(of: String?.self) { group in
                for device in devices {
                    let ledger = cluster.ledgers[Int.random(in: 0..<3, using: &dice)]
                    let action = activate(device)
                    group.addTask {
                        let command = Command(
                            at: ClusterOfLedgers.time, actor: "gateway", action: action)
                        // A node that is shut down meanwhile does not know.
                        return (try? await ledger.submit(command))?.code == nil ? nil : device
                    }
                }
                return await group.reduce(into: Set<String>()) { done, device in
                    if let device { done.insert(device) }
                }
            }
            answered.formUnion(done)
            try cluster.restart(Int.random(in: 0..<3, using: &dice))
        }
        faulty.faults = LogFaults()
        try await patiently { cluster.ledgers.allSatisfy { $0.clusterStanding?.phase == .open } }
        pump.stop()
        faulty.settle()
        try await cluster.expectSameBooks()
        let books = cluster.ledgers[0]
        for device in answered {
            let record = try books.read { books, transaction throws(StoreError) in
                try books.device(TestStore.device(device), in: transaction)
            }
            #expect(record?.codesConsumed == 1, "\(device)")
        }
        #expect(answered.count > 150)
    }

    // MARK: Stops

    /// What a later program may put into the log, and what of it is not known.
    private static var laterEntries: [(bytes: [UInt8], what: String)] {
        func bytes(_ commands: [Command]) -> [UInt8] {
            let chain = ChainHash(Array(repeating: 0, count: 32).span)!
            return Envelope(
                cluster: ClusterOfLedgers.cluster, sender: NodeName("n1")!, epoch: 1,
                mark: LogMark(position: 0, chain: chain),
                content: .commands(number: 1, commands)
            ).bytes
        }
        let command = Command(
            at: ClusterOfLedgers.time, actor: "gateway", action: .cluster(.checkpoint(number: 1)))
        var action = ByteBuffer()
        command.action.encode(into: &action)
        let known = bytes([command])
        // A command ends with its action.
        let tag = known.count - action.span.count
        return [
            ([9, 9, 9], "entry of the log of version 9"),
            (known[..<tag] + [0xFF, 0xFF] + known[(tag + 2)...], ""),
            (known + [1], "bytes behind an entry of the log"),
        ]
    }

    @Test(
        """
        What can't be read, as a later program has put it, stops a node before anything of it, or behind it, is applied; \
        the next start is at the same place
        """, arguments: 0..<3)
    func unreadable(_ index: Int) async throws {
        let log = log()
        let cluster = try ClusterOfLedgers(2, on: log)
        try await cluster.begin(codes: 1)
        try await cluster.expectSameBooks()
        let before = cluster.ledgers[0].clusterStanding?.mark
        let (bytes, what) = Self.laterEntries[index]
        log.append(bytes) { _ in }
        let why = "can't be read: malformed \(what)"
        for ledger in cluster.ledgers {
            try await cluster.expectStop(ledger, why)
            #expect(ledger.clusterStanding?.mark == before)
        }
        try cluster.restart(0)
        try await cluster.expectStop(cluster.ledgers[0], why)
        #expect(cluster.ledgers[0].clusterStanding?.mark == before)
    }

    @Test("The log of another cluster stops a node")
    func foreign() async throws {
        let log = log()
        let envelope = Envelope(
            cluster: ClusterID(8), sender: NodeName("x")!, epoch: 1,
            mark: LogMark(position: 0, chain: ChainHash(Array(repeating: 0, count: 32).span)!),
            content: .hello(after: 0))
        log.append(envelope.bytes) { _ in }
        let cluster = try ClusterOfLedgers(1, on: log)
        try await cluster.expectStop(
            cluster.ledgers[0], "is cluster 00000000000000000000000000000008's")
    }

    @Test("A log that was set back stops a node")
    func rewound() async throws {
        let cluster = try ClusterOfLedgers(1, on: log())
        try await cluster.begin(codes: 1)
        try cluster.restart(0, on: log())
        try await cluster.expectStop(
            cluster.ledgers[0], "the log ends at 0, but the books have applied 6")
    }

    @Test(
        "A log that ends too early only for a while was asked of a server that does not know all of it: a node goes on"
    )
    func stale() async throws {
        let cluster = try ClusterOfLedgers(1, on: log())
        try await cluster.begin(codes: 1)
        cluster.rewoundMilliseconds = 3_600_000
        let stale = StaleLog(cluster.log)
        try cluster.restart(0, on: stale)
        let ledger = cluster.ledgers[0]
        try await patiently {
            ledger.clusterStanding?.trouble?.contains("the log ends at 1") == true
        }
        #expect(ledger.clusterStanding?.phase == .joining)
        stale.isStale.store(false, ordering: .sequentiallyConsistent)
        #expect(try await cluster.submit(activate("d1"), at: 0).code != nil)
    }

    @Test("Of two processes under one name the later is the node, and the other stops")
    func superseded() async throws {
        let cluster = try ClusterOfLedgers(2, on: log())
        try await cluster.begin(codes: 3)
        // The second node's books, opened under the first one's name.
        try cluster.restart(1, as: ClusterOfLedgers.name(0))
        try await cluster.expectStop(cluster.ledgers[0], "another process has started as node n1")
        #expect(try await cluster.submit(activate("d1"), at: 1).code != nil)
    }

    @Test("A node whose books are others stops, and says so; the others go on without it")
    func divergence() async throws {
        let cluster = try ClusterOfLedgers(3, on: log())
        try await cluster.begin(codes: 100)
        _ = try await cluster.submit(activate("first"), at: 2)
        try await cluster.expectSameBooks()
        // A code more than the others have, as a bit that has fallen over would make it.
        let wrong = cluster.ledgers[2]
        try wrong.environment.write { (transaction) throws(StoreError) in
            guard var pool = try wrong.books.pools.get(TestStore.product, in: transaction) else {
                return
            }
            pool.nextSerial += 1
            try wrong.books.pools.put(TestStore.product, pool, in: transaction)
        }
        _ = try await cluster.submit(activate("a"), at: 0)
        for device in 0..<5 {
            _ = try await cluster.submit(activate("b\(device)"), at: 0)
            _ = try await cluster.submit(activate("c\(device)"), at: 1)
        }
        try await cluster.expectStop(wrong, "the books were not those of n1, n2")
        #expect(try await cluster.submit(activate("e"), at: 0).code != nil)
        #expect(cluster.ledgers[1].clusterStanding?.phase == .open)
    }

    @Test("Books that were different when they joined are found out")
    func differentBeginnings() async throws {
        let log = log()
        let directories = [TemporaryDirectory(), TemporaryDirectory()]
        do {
            let alone = try Ledger(directory: directories[0].path, mapSizeBytes: 1 << 26)
            _ = try alone.carryOut(
                Command(
                    at: ClusterOfLedgers.time, actor: "test", action: TestStore.beginning[0]))
            alone.shutdown()
        }
        let ledgers = try (0..<2).map { index in
            try Ledger(
                directory: directories[index].path, mapSizeBytes: 1 << 26,
                membership: ClusterMembership(
                    log: log, cluster: ClusterOfLedgers.cluster,
                    node: ClusterOfLedgers.name(index), epoch: UInt64(index + 1)))
        }
        defer { for ledger in ledgers { ledger.shutdown() } }
        for ledger in ledgers { try await patiently { ledger.clusterStanding?.phase != .joining } }
        // The first may find out before it is asked.
        _ = try? await ledgers[0].submit(
            Command(at: ClusterOfLedgers.time, actor: "test", action: TestStore.beginning[1]))
        try await patiently { ledgers.contains { $0.clusterStanding?.isStopped == true } }
    }

    // MARK: What passes

    @Test("A node whose disk is full follows later, and leaves nothing out")
    func fullStore() async throws {
        let cluster = try ClusterOfLedgers(2, on: log())
        try await cluster.begin(codes: 50_000)
        try cluster.restart(1, mapSizeBytes: 1 << 20)
        for batch in 0..<40 {
            let devices = (0..<300).map {
                DeviceImport(device: DeviceKey("d\(batch)-\($0)")!, secret: SealedSecret("s"))
            }
            let outcome = try await cluster.submit(
                .imports(.atOnce(TestStore.product, devices)), at: 0)
            #expect(outcome.effect != nil, "\(outcome)")
        }
        try await patiently { cluster.ledgers[1].clusterStanding?.trouble != nil }
        #expect(cluster.ledgers[1].clusterStanding?.trouble == "the store's map is full")
        #expect(cluster.ledgers[1].clusterStanding?.isStopped == false)
        try cluster.restart(1)
        try await cluster.expectSameBooks()
    }

    @Test("A command that fits into no entry of the log is refused, with both sizes")
    func tooLarge() async throws {
        let cluster = try ClusterOfLedgers(1, on: log())
        try await cluster.begin(codes: 1)
        let devices = (0..<20_000).map {
            DeviceImport(
                device: DeviceKey("device-with-a-long-name-\($0)")!, secret: SealedSecret("s"))
        }
        await #expect(throws: StoreError.self) {
            try await cluster.submit(.imports(.atOnce(TestStore.product, devices)), at: 0)
        }
        #expect(try await cluster.submit(activate("d1"), at: 0).code != nil)
    }

    @Test("While the log is away commands wait, and are carried out when it is back")
    func waiting() async throws {
        let faulty = FaultyLog(over: log(), seed: 1)
        let cluster = try ClusterOfLedgers(1, on: faulty)
        let pump = try Pump(faulty)
        defer { pump.stop() }
        try await cluster.begin(codes: 10)
        faulty.stop()
        let ledger = cluster.ledgers[0]
        let action = activate("d1")
        async let outcome = ledger.submit(
            Command(at: ClusterOfLedgers.time, actor: "test", action: action))
        try await patiently { ledger.clusterStanding?.waiting == 1 }
        try await patiently { ledger.clusterStanding?.trouble != nil }
        faulty.restart()
        #expect(try await outcome.code != nil)
    }

    @Test(
        "A gap in the log is waited for: nothing behind it is applied, and all is when it is repaired"
    )
    func gap() async throws {
        let faulty = FaultyLog(over: log(), seed: 1)
        let cluster = try ClusterOfLedgers(1, on: faulty)
        let pump = try Pump(faulty)
        defer { pump.stop() }
        try await cluster.begin(codes: 10)
        let ledger = cluster.ledgers[0]
        let missing = try faulty.position() + 1
        faulty.hide(missing)
        let actions = (1...3).map { activate("d\($0)") }
        async let outcomes = withThrowingTaskGroup(of: Outcome.self) { group in
            for action in actions {
                group.addTask {
                    try await ledger.submit(
                        Command(at: ClusterOfLedgers.time, actor: "test", action: action))
                }
            }
            return try await group.reduce(into: [Outcome]()) { $0.append($1) }
        }
        try await patiently {
            ledger.clusterStanding?.trouble == LogError.gap(missing: missing).description
        }
        // The log goes on behind it.
        try await patiently { try faulty.position() >= missing }
        try await Task.sleep(for: .milliseconds(700))
        #expect(ledger.clusterStanding?.mark.position == missing - 1)
        #expect(ledger.clusterStanding?.isStopped == false)
        #expect(ledger.clusterStanding?.waiting == 3)
        faulty.hide(nil)
        #expect(try await outcomes.compactMap(\.code).count == 3)
        try await patiently { ledger.clusterStanding?.trouble == nil }
        #expect(try #require(ledger.clusterStanding?.mark.position) >= missing)
    }

    @Test("Nothing is put into a log that may not be relied on; it waits until it may be")
    func unreliableLog() async throws {
        let faulty = FaultyLog(over: log(), seed: 1)
        let cluster = try ClusterOfLedgers(1, on: faulty)
        let pump = try Pump(faulty)
        defer { pump.stop() }
        try await cluster.begin(codes: 10)
        let last = try faulty.position()
        faulty.doubt = "no `sync_interval: always`"
        let ledger = cluster.ledgers[0]
        let action = activate("d1")
        async let outcome = ledger.submit(
            Command(at: ClusterOfLedgers.time, actor: "test", action: action))
        try await patiently { ledger.clusterStanding?.trouble == faulty.doubt }
        #expect(ledger.clusterStanding?.waiting == 1)
        #expect(try faulty.position() == last)
        faulty.doubt = nil
        #expect(try await outcome.code != nil)
    }

    @Test("A node starts while the log is away, and is open when it is back")
    func startWithoutLog() async throws {
        let faulty = FaultyLog(over: log(), seed: 1)
        let cluster = try ClusterOfLedgers(1, on: faulty)
        let pump = try Pump(faulty)
        defer { pump.stop() }
        try await cluster.begin(codes: 10)
        faulty.stop()
        try cluster.restart(0)
        let ledger = cluster.ledgers[0]
        try await patiently { ledger.clusterStanding?.trouble != nil }
        #expect(ledger.clusterStanding?.phase == .joining)
        let figures = try ledger.read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.product, in: transaction)
        }
        #expect(figures?.remaining == 10)
        faulty.restart()
        #expect(try await cluster.submit(activate("d1"), at: 0).code != nil)
    }

    @Test("A shutdown waits for the log, but not for ever; what is left is answered")
    func farewell() async throws {
        let faulty = FaultyLog(over: log(), seed: 1)
        let cluster = try ClusterOfLedgers(1, on: faulty)
        let ledger = cluster.ledgers[0]
        let action = activate("d1")
        let outcome = Task {
            try await ledger.submit(
                Command(at: ClusterOfLedgers.time, actor: "test", action: action))
        }
        try await patiently { ledger.clusterStanding?.waiting == 1 }
        // Measured on its own thread: that the test's pool is busy counts for nothing.
        let elapsed = await withCheckedContinuation { continuation in
            do {
                _ = try Thread(name: "end") {
                    let start = ContinuousClock.now
                    ledger.shutdown()
                    continuation.resume(returning: ContinuousClock.now - start)
                }
            } catch {
                preconditionFailure("no thread")
            }
        }
        #expect(elapsed < .seconds(20))
        await #expect(throws: StoreError.shutDown) { _ = try await outcome.value }
    }
}

/// Moves a faulty log on, from a thread of its own.
private final class Pump: Sendable {
    private let flag: Flag
    private let thread: Mutex<Thread?>

    private final class Flag: Sendable {
        let isOver = Atomic<Bool>(false)
    }

    /// Waits until it has ended; the second time there is nothing to wait for.
    func stop() {
        flag.isOver.store(true, ordering: .releasing)
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    init(_ log: FaultyLog) throws {
        let flag = Flag()
        self.flag = flag
        thread = Mutex(
            try Thread(name: "pump") {
                while !flag.isOver.load(ordering: .acquiring) {
                    log.step()
                    usleepMicroseconds(200)
                }
            })
    }
}
