import Glibc
import Replication
import Storage
import StoreDump
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Ledgers in one process that share a log, each with threads of its own.
final class ClusterOfLedgers {
    static let cluster = ClusterID(7)
    static let time = Timestamp(milliseconds: 1_700_000_000_000)

    private(set) var log: any CommandLog
    private let directories: [TemporaryDirectory]
    private(set) var ledgers: [Ledger] = []
    private var epoch: UInt64 = 100

    /// For how long a log has to end too early that is given to a ledger from now on.
    var rewoundMilliseconds: Int64 = 1_000

    init(_ count: Int, on log: any CommandLog) throws {
        self.log = log
        directories = (0..<count).map { _ in TemporaryDirectory() }
        for index in 0..<count { ledgers.append(try open(index)) }
    }

    deinit { for ledger in ledgers { ledger.shutdown() } }

    static func name(_ index: Int) -> NodeName { NodeName("n\(index + 1)")! }

    private func open(
        _ index: Int, as name: NodeName? = nil, on other: (any CommandLog)? = nil,
        mapSizeBytes: Int = 1 << 26
    ) throws -> Ledger {
        epoch += 1
        var membership = ClusterMembership(
            log: other ?? log, cluster: Self.cluster, node: name ?? Self.name(index), epoch: epoch)
        membership.rewoundMilliseconds = rewoundMilliseconds
        return try Ledger(
            directory: directories[index].path,
            mapSizeBytes: mapSizeBytes,
            durability: .unsynced,
            membership: membership)
    }

    /// Ends a node's ledger, and opens its books again, under another name if told.
    func restart(
        _ index: Int, as name: NodeName? = nil, on other: (any CommandLog)? = nil,
        mapSizeBytes: Int = 1 << 26
    ) throws {
        // Out of the list first: the books are closed with the last reference.
        ledgers.remove(at: index).shutdown()
        ledgers.insert(try open(index, as: name, on: other, mapSizeBytes: mapSizeBytes), at: index)
    }

    /// Ends all ledgers, and has them follow another log.
    func restartAll(on other: any CommandLog) throws {
        log = other
        for index in ledgers.indices { try restart(index) }
    }

    /// Ends the last node's ledger.
    func stopLast() { ledgers.removeLast().shutdown() }

    /// Opens it again.
    func startLast() throws { ledgers.append(try open(ledgers.count)) }

    func submit(
        _ action: Action, at index: Int, actor: String = "test", key: String? = nil
    ) async throws -> Outcome {
        try await ledgers[index].submit(
            Command(at: Self.time, actor: actor, idempotencyKey: key, action: action))
    }

    /// The store's beginning, and codes for its product.
    func begin(codes: UInt64) async throws {
        let purchase = CodeAction.purchase(
            TestStore.acme, package: TestStore.small, quantity: codes, product: TestStore.product)
        for action in TestStore.beginning + [.codes(purchase)] {
            try #require(try await submit(action, at: 0).effect != nil)
        }
    }

    /// All nodes have applied all that is in the log, and have the same books, which balance.
    func expectSameBooks() async throws {
        // A node that has just started says hello first.
        for ledger in ledgers { try await patiently { ledger.clusterStanding?.phase == .open } }
        let last = try log.position()
        for ledger in ledgers {
            try await patiently { ledger.clusterStanding?.mark.position == last }
        }
        let first = try StoreDump(ledgers[0].books, ledgers[0].environment)
        for ledger in ledgers.dropFirst() {
            let other = try StoreDump(ledger.books, ledger.environment)
            #expect(first == other, "\(first.difference(from: other))")
            #expect(ledger.clusterStanding?.mark == ledgers[0].clusterStanding?.mark)
        }
        #expect(try ledgers[0].verify() == [])
    }

    /// It stops for that reason, and answers nothing else from then on.
    func expectStop(_ ledger: Ledger, _ why: String) async throws {
        try await patiently { ledger.clusterStanding?.isStopped == true }
        guard case .stopped(let reason) = ledger.clusterStanding?.phase else { return }
        #expect(reason.contains(why), "\(reason)")
        let action = Action.devices(.activate(TestStore.device("d1"), confirmsSecret: nil))
        await #expect(throws: StoreError.stopped(why: reason)) {
            try await ledger.submit(
                Command(at: ClusterOfLedgers.time, actor: "test", action: action))
        }
    }
}

/// Lets other threads go on for that long.
func usleepMicroseconds(_ count: UInt32) { usleep(count) }

/// Waits a minute at most until it is so.
func patiently(
    _ condition: () throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !condition() {
        try #require(
            ContinuousClock.now < end, "it does not come about within a minute",
            sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(2))
    }
}

extension Outcome {
    /// Of the entitlement that a device was answered.
    var code: ActivationCode? {
        guard case .entitled(let entitlement, _) = effect else { return nil }
        return entitlement.code
    }

    var isConsumption: Bool {
        if case .entitled(_, consumed: true) = effect { true } else { false }
    }
}

extension ClusterStanding {
    var isStopped: Bool {
        if case .stopped = phase { true } else { false }
    }
}
