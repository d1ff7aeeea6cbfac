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
    private static let three = NodeName("n3")!

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
            for node in [MembershipTests.one, MembershipTests.two, MembershipTests.three] {
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

        func following(of node: NodeName) throws -> SessionFollowing? {
            try store.read { books, transaction throws(StoreError) in
                let following = try books.sessionFollowing(of: node, in: transaction)
                #expect(try books.sessionFollowings(in: transaction)[node] == following)
                return following
            }
        }

        /// `two` is the follower of `one`: the record is number 1.
        func follow() throws {
            let action = ClusterAction.followSessions(
                of: MembershipTests.one, by: MembershipTests.two, after: 0)
            let change = ClusterChange.sessionsFollowed(
                of: MembershipTests.one, by: MembershipTests.two, number: 1)
            #expect(try submit(.cluster(action)) == .done(.changed(.cluster(change))))
        }

        func refusal(_ action: ClusterAction) throws -> ClusterRefusal? {
            guard case .refused(.cluster(let refusal)) = try submit(.cluster(action)) else {
                return nil
            }
            return refusal
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
            .followSessions(of: Self.one, by: nil, after: 0),
            .inheritSessions(of: Self.one, by: Self.two, after: 0),
        ] {
            #expect(try store.refusal(.cluster(action)) == "not-clustered")
        }
    }

    @Test("A checkpoint is an event, and says how far its sender had come")
    func checkpoint() throws {
        let cluster = try Cluster()
        let outcome = try cluster.submit(.cluster(.checkpoint(number: 5)), at: Self.two)
        #expect(outcome == .done(.changed(.cluster(.checkpoint(number: 5)))))
        let member = try cluster.members()[1]
        #expect(member.node == Self.two && member.applied == 3 && member.position == 4)
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
        #expect(try cluster.members().map(\.isRemoved) == [false, true, false])
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
        let unknown = NodeName("n9")!
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
        let stranger = NodeName("n9")!
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

    // MARK: Who keeps whose stored sessions

    @Test("A node's stored sessions have a follower, another one, or none, as was said last")
    func followed() throws {
        let cluster = try Cluster()
        #expect(try cluster.following(of: Self.one) == nil)
        try cluster.follow()
        #expect(
            try cluster.following(of: Self.one)
                == SessionFollowing(number: 1, follower: Self.two, isInherited: false))
        #expect(try cluster.following(of: Self.two) == nil)
        for (number, follower) in [(2, nil), (3, Self.three), (4, Self.three)] {
            let action = ClusterAction.followSessions(
                of: Self.one, by: follower, after: UInt64(number - 1))
            #expect(try cluster.refusal(action) == nil)
            #expect(
                try cluster.following(of: Self.one)
                    == SessionFollowing(
                        number: UInt64(number), follower: follower, isInherited: false))
        }
        #expect(try cluster.store.findings() == [])
    }

    @Test("Of two who name one number, of a node's followers or of none, the first alone is right")
    func followingRace() throws {
        let cluster = try Cluster()
        #expect(
            try cluster.refusal(.followSessions(of: Self.one, by: Self.two, after: 1))
                == .followingChanged(current: 0))
        try cluster.follow()
        for follower in [Self.two, Self.three, nil] {
            for after: UInt64 in [0, 2] {
                #expect(
                    try cluster.refusal(
                        .followSessions(of: Self.one, by: follower, after: after))
                        == .followingChanged(current: 1))
            }
        }
        #expect(try cluster.following(of: Self.one)?.number == 1)
    }

    @Test("Stored sessions are taken over once, by the follower that has all of them")
    func inherited() throws {
        let cluster = try Cluster()
        let inherit = ClusterAction.inheritSessions(of: Self.one, by: Self.two, after: 1)
        #expect(try cluster.refusal(inherit) == .followingChanged(current: 0))
        try cluster.follow()
        for (by, after): (NodeName, UInt64) in [(Self.three, 1), (Self.two, 0), (Self.two, 2)] {
            #expect(
                try cluster.refusal(.inheritSessions(of: Self.one, by: by, after: after))
                    == .followingChanged(current: 1))
        }
        let change = ClusterChange.sessionsInherited(of: Self.one, by: Self.two, number: 2)
        #expect(
            try cluster.submit(.cluster(inherit), at: Self.two)
                == .done(.changed(.cluster(change))))
        #expect(
            try cluster.following(of: Self.one)
                == SessionFollowing(
                    number: 2, follower: Self.two, isInherited: true,
                    heirs: [SessionHeir(node: Self.two, number: 2)]))
        for after: UInt64 in [1, 2] {
            #expect(
                try cluster.refusal(.inheritSessions(of: Self.one, by: Self.two, after: after))
                    == .followingChanged(current: 2))
        }
        #expect(try cluster.store.findings() == [])
    }

    @Test(
        "A node that is on its own by now is inherited from by none, and one that was is not on its own"
    )
    func inheritanceRace() throws {
        let cluster = try Cluster()
        try cluster.follow()
        let alone = ClusterAction.followSessions(of: Self.one, by: nil, after: 1)
        let inherit = ClusterAction.inheritSessions(of: Self.one, by: Self.two, after: 1)
        #expect(try cluster.refusal(alone) == nil)
        #expect(try cluster.refusal(inherit) == .followingChanged(current: 2))
        #expect(
            try cluster.refusal(.inheritSessions(of: Self.one, by: Self.two, after: 2))
                == .followingChanged(current: 2), "it has no follower")

        let other = try Cluster()
        try other.follow()
        #expect(try other.refusal(inherit) == nil)
        #expect(try other.refusal(alone) == .followingChanged(current: 2))
        #expect(try other.following(of: Self.one)?.isInherited == true)
        // It has seen that, and begins anew.
        #expect(try other.refusal(.followSessions(of: Self.one, by: nil, after: 2)) == nil)
        #expect(
            try other.following(of: Self.one)
                == SessionFollowing(
                    number: 3, follower: nil, isInherited: false,
                    heirs: [SessionHeir(node: Self.two, number: 2)]),
            "its heir hears of it still")
        #expect(try other.store.findings() == [])
    }

    @Test(
        "An heir is named until it says that it has put the sessions among its own, whatever follows"
    )
    func heirs() throws {
        let cluster = try Cluster()
        try cluster.follow()
        let settle = ClusterAction.settleInheritance(of: Self.one, by: Self.two, number: 2)
        #expect(try cluster.refusal(settle) == .followingChanged(current: 1))
        #expect(
            try cluster.refusal(.inheritSessions(of: Self.one, by: Self.two, after: 1)) == nil)
        for (follower, after): (NodeName?, UInt64) in [(nil, 2), (Self.three, 3)] {
            #expect(
                try cluster.refusal(.followSessions(of: Self.one, by: follower, after: after))
                    == nil)
        }
        #expect(
            try cluster.refusal(.inheritSessions(of: Self.one, by: Self.three, after: 4)) == nil)
        #expect(
            try cluster.following(of: Self.one)?.heirs
                == [
                    SessionHeir(node: Self.two, number: 2),
                    SessionHeir(node: Self.three, number: 5),
                ])
        for wrong in [
            ClusterAction.settleInheritance(of: Self.one, by: Self.three, number: 2),
            .settleInheritance(of: Self.one, by: Self.two, number: 5),
            .settleInheritance(of: Self.two, by: Self.two, number: 2),
        ] {
            #expect(try cluster.refusal(wrong) != nil)
        }
        #expect(try cluster.refusal(settle) == nil)
        #expect(try cluster.refusal(settle) == .followingChanged(current: 5))
        #expect(
            try cluster.following(of: Self.one)
                == SessionFollowing(
                    number: 5, follower: Self.three, isInherited: true,
                    heirs: [SessionHeir(node: Self.three, number: 5)]))
        #expect(try cluster.store.findings() == [])
    }

    @Test("Neither side of a following is a node that is not there, and no node is both")
    func followingRefusals() throws {
        let cluster = try Cluster()
        let unknown = NodeName("n9")!
        try cluster.submit(.cluster(.removeNode(Self.three)))
        let refusals: [(ClusterAction, ClusterRefusal)] = [
            (.followSessions(of: unknown, by: Self.two, after: 0), .unknownNode(unknown)),
            (.followSessions(of: Self.one, by: unknown, after: 0), .unknownNode(unknown)),
            (.followSessions(of: Self.three, by: Self.two, after: 0), .removedNode(Self.three)),
            (.followSessions(of: Self.three, by: nil, after: 0), .removedNode(Self.three)),
            (.followSessions(of: Self.one, by: Self.three, after: 0), .removedNode(Self.three)),
            (.followSessions(of: Self.one, by: Self.one, after: 0), .ownFollower(Self.one)),
            (.inheritSessions(of: Self.one, by: unknown, after: 0), .unknownNode(unknown)),
            (.inheritSessions(of: Self.one, by: Self.three, after: 0), .removedNode(Self.three)),
            (.inheritSessions(of: Self.one, by: Self.one, after: 0), .ownFollower(Self.one)),
            (.inheritSessions(of: unknown, by: Self.one, after: 0), .followingChanged(current: 0)),
        ]
        for (action, refusal) in refusals {
            #expect(try cluster.refusal(action) == refusal, "\(action)")
        }
        for node in [Self.one, Self.two, Self.three, unknown] {
            #expect(try cluster.following(of: node) == nil)
        }
        #expect(try cluster.store.findings() == [])
    }

    @Test(
        "When a node is removed, its follower inherits, and those that it has followed hear that they have none"
    )
    func followingOfRemoved() throws {
        let cluster = try Cluster()
        try cluster.follow()
        for (node, by) in [(Self.two, Self.one), (Self.three, Self.two)] {
            let follow = ClusterAction.followSessions(of: node, by: by, after: 0)
            #expect(try cluster.refusal(follow) == nil)
        }
        let first = ClusterAction.inheritSessions(of: Self.three, by: Self.two, after: 1)
        #expect(try cluster.refusal(first) == nil)
        for _ in 0..<2 {
            let outcome = try cluster.submit(.cluster(.removeNode(Self.two)))
            #expect(outcome == .done(.ended(count: 0, more: false)))
            #expect(
                try cluster.following(of: Self.one)
                    == SessionFollowing(number: 2, follower: nil, isInherited: false))
            #expect(
                try cluster.following(of: Self.two)
                    == SessionFollowing(number: 1, follower: Self.one, isInherited: false))
            #expect(
                try cluster.following(of: Self.three)
                    == SessionFollowing(number: 2, follower: Self.two, isInherited: true))
        }
        let changes = try cluster.store.read { books, transaction throws(StoreError) in
            try books.events(after: 0, limit: 1_000, in: transaction).map(\.change)
        }
        let lost = ClusterChange.sessionsFollowed(of: Self.one, by: nil, number: 2)
        let settled = ClusterChange.inheritanceSettled(of: Self.three, by: Self.two, number: 2)
        #expect(
            changes.suffix(3) == [
                .cluster(.nodeRemoved(Self.two)), .cluster(lost), .cluster(settled),
            ])
        #expect(
            try cluster.refusal(.inheritSessions(of: Self.one, by: Self.two, after: 2))
                == .removedNode(Self.two))
        let second = ClusterAction.inheritSessions(of: Self.two, by: Self.one, after: 1)
        #expect(try cluster.refusal(second) == nil)
        #expect(
            try cluster.following(of: Self.two)
                == SessionFollowing(
                    number: 2, follower: Self.one, isInherited: true,
                    heirs: [SessionHeir(node: Self.one, number: 2)]))
        #expect(try cluster.store.findings() == [])
    }
}
