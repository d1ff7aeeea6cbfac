import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Commands about the cluster itself, applied to books that are in one.
@Suite struct MembershipTests {
    private static let cluster = ClusterID(7)
    private static let one = NodeName("n1")!
    private static let two = NodeName("n2")!

    /// Books of a cluster, and what its nodes send.
    private final class Cluster {
        let store: TestStore
        private var numbers: [NodeName: UInt64] = [:]
        private(set) var position: UInt64 = 0

        init() throws {
            store = try TestStore()
            try store.write { (books, transaction) throws(StoreError) in
                try books.join(MembershipTests.cluster, behind: 0, in: transaction)
            }
            for node in [MembershipTests.one, MembershipTests.two] {
                #expect(try send(.hello(after: 0), of: node) == .begun)
            }
        }

        func send(_ content: Envelope.Content, of node: NodeName) throws -> EntryVerdict {
            position += 1
            let (books, now, position) = (store.books, store.now, position)
            return try store.environment.write { (transaction) throws(StoreError) in
                let envelope = Envelope(
                    cluster: MembershipTests.cluster, sender: node, epoch: 9,
                    mark: try books.mark(in: transaction)!, content: content)
                let entry = LogEntry(position: position, at: now, bytes: envelope.bytes)
                return try books.apply(entry, in: transaction).verdict
            }
        }

        @discardableResult
        func submit(_ action: Action, at node: NodeName = MembershipTests.one) throws -> Outcome {
            numbers[node, default: 0] += 1
            let command = Command(at: store.now, actor: "operator", action: action)
            let verdict = try send(.commands(number: numbers[node]!, [command]), of: node)
            guard case .applied(let outcomes) = verdict else {
                Issue.record("\(verdict)")
                return .done(.unchanged)
            }
            return outcomes[0]
        }

        func members() throws -> [ClusterMember] {
            try store.read { books, transaction throws(StoreError) in
                try books.members(in: transaction)
            }
        }

        func partitions() throws -> PartitionTable? {
            try store.read { books, transaction throws(StoreError) in
                try books.partitions(in: transaction)
            }
        }

        func leased() throws -> TopUpCounters {
            try store.read { books, transaction throws(StoreError) in
                try books.topUpTotals(of: TestStore.acme, .messages, in: transaction)
            }
        }
    }

    @Test("In books that are no cluster's nothing of a cluster is done")
    func alone() throws {
        let store = try TestStore()
        let table = PartitionTable.assigned(to: [Self.one], after: nil)
        for action in [
            ClusterAction.checkpoint(number: 1), .removeNode(.alone),
            .assignPartitions(table, after: 0),
            .report(
                BooksDigest(
                    mark: LogMark(
                        position: 1, chain: ChainHash([UInt8](repeating: 7, count: 32).span)!),
                    tables: [], problems: 0)),
        ] {
            #expect(try store.refusal(.cluster(action)) == "not-clustered")
        }
    }

    @Test("A checkpoint is an event, and says how far its sender had come")
    func checkpoint() throws {
        let cluster = try Cluster()
        let outcome = try cluster.submit(.cluster(.checkpoint(number: 5)), at: Self.two)
        #expect(outcome == .done(.changed(.cluster(.checkpoint(number: 5)))))
        let member = try #require(cluster.members().last)
        #expect(member.node == Self.two && member.applied == 2 && member.position == 3)
        #expect(member.at == cluster.store.now && !member.isRemoved)
        #expect(try cluster.store.findings() == [])
    }

    @Test("C6: leases and imports of a removed node are abandoned, and those of the others are not")
    func removal() throws {
        let cluster = try Cluster()
        let pack = TopUpAction.enter(
            TestStore.acme, .messages, source: .gift, quantity: 1_000,
            expiresAt: cluster.store.now.adding(days: 1))
        try cluster.submit(.topUps(pack))
        for node in [Self.one, Self.two] {
            let lease = TopUpAction.lease(
                TestStore.acme, holder: LeaseHolder(node), needed: 10, block: 10)
            try cluster.submit(.topUps(lease), at: node)
            let run = GatewayRun(node: node, number: 1)
            try cluster.submit(
                .imports(.begin(TestStore.product, key: nil, run: run)), at: node)
        }
        let outcome = try cluster.submit(.cluster(.removeNode(Self.two)))
        #expect(outcome == .done(.ended(count: 2, more: false)))
        let counters = try cluster.leased()
        #expect(counters.leased == 10 && counters.used == 10)
        let imports = try cluster.store.read { books, transaction throws(StoreError) in
            try books.imports(of: TestStore.product, limit: 10, in: transaction)
        }
        #expect(imports.elements.reversed().map(\.record.state) == [.receiving, .abandoned])
        #expect(try cluster.members().map(\.isRemoved) == [false, true])
        let again = try cluster.submit(.cluster(.removeNode(Self.two)))
        #expect(again == .done(.ended(count: 0, more: false)))
        #expect(try cluster.store.findings() == [])
    }

    @Test("C6: many leases of a removed node are abandoned in steps")
    func steps() throws {
        let cluster = try Cluster()
        let pack = TopUpAction.enter(
            TestStore.acme, .messages, source: .gift, quantity: 10_000,
            expiresAt: cluster.store.now.adding(days: 1))
        try cluster.submit(.topUps(pack))
        let lease = TopUpAction.lease(
            TestStore.acme, holder: LeaseHolder(Self.two), needed: 1, block: 1)
        let command = Command(at: cluster.store.now, actor: "gateway", action: .topUps(lease))
        for number in 1...3 {
            let commands = Array(repeating: command, count: 500)
            _ = try cluster.send(.commands(number: UInt64(number), commands), of: Self.two)
        }
        let remove = Action.cluster(.removeNode(Self.two))
        #expect(try cluster.submit(remove) == .done(.ended(count: 1_000, more: true)))
        #expect(try cluster.submit(remove) == .done(.ended(count: 500, more: false)))
        #expect(try cluster.leased().used == 1_500)
        let changes = try cluster.store.read { books, transaction throws(StoreError) in
            try books.events(after: 0, limit: 10_000, in: transaction).map(\.change)
        }
        #expect(changes.filter { $0 == .cluster(.nodeRemoved(Self.two)) }.count == 1)
        #expect(try cluster.store.findings() == [])
    }

    @Test("Nothing of a removed node counts any more, a hello of its name least of all")
    func void() throws {
        let cluster = try Cluster()
        try cluster.submit(.cluster(.removeNode(Self.two)))
        let last = try cluster.store.lastSequence()
        let command = Command(
            at: cluster.store.now, actor: "gateway", action: .cluster(.checkpoint(number: 1)))
        #expect(try cluster.send(.commands(number: 1, [command]), of: Self.two) == .removed)
        #expect(try cluster.send(.hello(after: 9), of: Self.two) == .removed)
        #expect(try cluster.send(.hello(after: 0), of: Self.two) == .removed)
        #expect(try cluster.store.lastSequence() == last)
        #expect(try cluster.store.findings() == [])
    }

    @Test("What a gateway left that was alone before is abandoned by the name of one that is alone")
    func formerlyAlone() throws {
        let cluster = try Cluster()
        let pack = TopUpAction.enter(
            TestStore.acme, .messages, source: .gift, quantity: 100,
            expiresAt: cluster.store.now.adding(days: 1))
        try cluster.submit(.topUps(pack))
        try cluster.submit(
            .topUps(.lease(TestStore.acme, holder: LeaseHolder(.alone), needed: 7, block: 7)))
        let outcome = try cluster.submit(.cluster(.removeNode(.alone)))
        #expect(outcome == .done(.ended(count: 1, more: false)))
        #expect(try cluster.leased().used == 7)
        #expect(try cluster.send(.hello(after: 0), of: .alone) == .removed)
        #expect(try cluster.store.findings() == [])
    }

    @Test("A node that is not known, and the one that is asked, are not removed")
    func refusals() throws {
        let cluster = try Cluster()
        let unknown = NodeName("n3")!
        #expect(
            try cluster.submit(.cluster(.removeNode(unknown)))
                == .refused(.cluster(.unknownNode(unknown))))
        #expect(
            try cluster.submit(.cluster(.removeNode(Self.one)))
                == .refused(.cluster(.ownNode(Self.one))))
        #expect(try cluster.members().allSatisfy { !$0.isRemoved })
    }

    @Test(
        "Partitions are assigned by the one who has seen the current table, to nodes that are there"
    )
    func partitions() throws {
        let cluster = try Cluster()
        let first = PartitionTable.assigned(to: [Self.one, Self.two], after: nil)
        let assign = Action.cluster(.assignPartitions(first, after: 0))
        #expect(
            try cluster.submit(assign)
                == .done(.changed(.cluster(.partitionsAssigned(number: 1)))))
        #expect(try cluster.partitions() == first)
        #expect(
            try cluster.submit(assign) == .refused(.cluster(.partitionsChanged(current: 1))))
        let second = PartitionTable.assigned(to: [Self.one], after: first)
        // Its number has to be the next one as well.
        let third = PartitionTable.assigned(to: [Self.one], after: second)
        #expect(
            try cluster.submit(.cluster(.assignPartitions(third, after: 1)))
                == .refused(.cluster(.partitionsChanged(current: 1))))
        let stranger = NodeName("n3")!
        #expect(
            try cluster.submit(
                .cluster(.assignPartitions(.assigned(to: [stranger], after: first), after: 1)))
                == .refused(.cluster(.unknownNode(stranger))))
        try cluster.submit(.cluster(.removeNode(Self.two)))
        #expect(try cluster.partitions() == first, "who owns what is not changed by it")
        let of = PartitionTable.assigned(to: [Self.one, Self.two], after: first)
        #expect(
            try cluster.submit(.cluster(.assignPartitions(of, after: 1)))
                == .refused(.cluster(.removedNode(Self.two))))
        try cluster.submit(.cluster(.assignPartitions(second, after: 1)))
        #expect(try cluster.partitions() == second)
        #expect(try cluster.store.findings() == [])
    }
}
