import Bytes
import Randomness
import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Several nodes and the log between them, in one thread and from one seed: what can go wrong on the way
/// does, in an order that can be had again.
///
/// The log itself keeps its promise: what is in it stays, at its position. Everything else is lost, comes
/// twice, late, and out of order, and nodes end at any instant.
struct ClusterSimulation {
    static let cluster = ClusterID(7)

    private var dice: SplitMix64
    private var stream: CommandSource
    private(set) var log: [LogEntry] = []
    private(set) var nodes: [SimulatedNode] = []
    private var now: Int64 = 0

    /// Appends on their way to the log. What an ended process has sent still comes in.
    private var network: [Packet] = []

    /// What was promised, by the actor of the command, which is another for each.
    private(set) var answered: [String: Outcome] = [:]
    private(set) var submitted = 0
    private(set) var restarts = 0
    private(set) var sent = 0
    private(set) var removals = 0

    /// An entry that a node can't have, although later ones are there, until its replica was repaired.
    private var hidden: [Int: UInt64] = [:]
    private(set) var gaps = 0

    /// Where the log would begin if it were cut: entries before that are asked for by no node that is there.
    private(set) var first: UInt64 = 1

    private struct Packet {
        let node: Int
        let epoch: UInt64
        let sending: ProposalWindow<String>.Sending
    }

    init(seed: UInt64, nodes count: Int) throws {
        dice = SplitMix64(seed: seed)
        stream = CommandSource(seed: seed)
        for index in 0..<count { nodes.append(try SimulatedNode("n\(index + 1)")) }
        for index in nodes.indices { try begin(index) }
    }

    /// One thing happens.
    mutating func step() throws {
        let node = number(nodes.count)
        switch number(100) {
        case 0..<25: try submit(at: node)
        case 25..<50: send(from: node)
        case 50..<75: deliver()
        case 75..<94: try follow(node, upTo: 1 + number(6))
        case 94..<96: now += Int64(number(2_000))
        case 96: try hideOrShow(node)
        case 97: try restart(node)
        case 98: try nodes[node].forgetCommit(of: log)
        case 99 where number(2) == 0: try truncate(as: node)
        default: if number(8) == 0 { try restart(node) } else { now += 10 }
        }
    }

    /// Nothing is lost any more: all that was sent arrives, and all nodes come to the end of the log.
    mutating func settle() throws {
        hidden.removeAll()
        for _ in 0..<200 {
            now += 2_000
            for node in nodes.indices { send(from: node) }
            while !network.isEmpty { append(network.removeFirst(), isAcknowledged: true) }
            for node in nodes.indices { try follow(node, upTo: .max) }
            let isQuiet = nodes.allSatisfy {
                $0.isRemoved || ($0.window.count == 0 && $0.window.phase == .open)
            }
            if isQuiet && nodes.allSatisfy({ $0.position == UInt64(log.count) }) { return }
        }
        Issue.record("the cluster does not come to rest")
    }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &dice) }

    private mutating func submit(at node: Int) throws {
        guard nodes[node].window.count < 40, !nodes[node].isRemoved else { return }
        let command = stream.next()
        let action = try clusterAction(at: node) ?? command.action
        submitted += 1
        let actor = "\(nodes[node].name)-\(submitted)"
        nodes[node].window.add(
            Command(
                at: command.at, actor: actor, idempotencyKey: command.idempotencyKey,
                action: action),
            actor)
    }

    /// Now and then: a checkpoint, other owners, as far as the node knows the table, the end of the last node, and
    /// another follower or an heir of stored sessions, as far as the node knows who that was.
    private mutating func clusterAction(at node: Int) throws -> Action? {
        switch number(24) {
        case 0: return .cluster(.checkpoint(number: UInt64(submitted)))
        case 5:
            let digest = BooksDigest(mark: nodes[node].mark, tables: [], problems: 0)
            return .cluster(.report(digest))
        case 1:
            let current = try nodes[node].partitions()
            let names = nodes.map { NodeName($0.name)! }.shuffled(using: &dice)
            let chosen = Array(names.prefix(1 + number(names.count)))
            let next = PartitionTable.assigned(to: chosen, after: current)
            return .cluster(.assignPartitions(next, after: current?.number ?? 0))
        case 2 where number(4) == 0:
            return .cluster(.removeNode(NodeName(nodes[nodes.count - 1].name)!))
        case 3:
            let (of, by) = (name(number(nodes.count)), name(number(nodes.count)))
            let follower = number(4) == 0 ? nil : by
            let after = try nodes[node].followings()[of]?.number ?? 0
            return .cluster(.followSessions(of: of, by: follower, after: after))
        case 4:
            let (of, following) =
                try nodes[node].followings().sorted { $0.key < $1.key }
                .randomElement(using: &dice) ?? (name(0), .unseen)
            let by = following.follower ?? name(1)
            return .cluster(.inheritSessions(of: of, by: by, after: following.number))
        default: return nil
        }
    }

    private func name(_ node: Int) -> NodeName { NodeName(nodes[node].name)! }

    /// A node looks how much of the log may go: nothing that a node has not applied, unless that was silent too long.
    private mutating func truncate(as node: Int) throws {
        let members = try nodes[node].members()
        for member in members where !member.isRemoved {
            let known = nodes.first { $0.name == member.node.text }
            #expect(member.applied <= known?.position ?? 0, "\(member)")
        }
        guard let position = members.truncatablePosition(keeping: 3) else { return }
        first = max(first, position)
        let lost = members.filter { $0.isRemoved || $0.isLost(at: members.latest!) }.map(
            \.node.text)
        for other in nodes where members.contains(where: { $0.node.text == other.name }) {
            #expect(other.position + 1 >= position || lost.contains(other.name), "\(other.name)")
        }
    }

    /// A gap, for a while: nothing behind it is applied (`FaultyFollower.hide`; what a ledger does then is in
    /// `ReplicaTests`).
    private mutating func hideOrShow(_ node: Int) throws {
        guard hidden.removeValue(forKey: node) == nil else { return }
        let ahead = UInt64(log.count) - nodes[node].position
        if ahead > 0 { hidden[node] = nodes[node].position + 1 + UInt64(number(Int(ahead))) }
    }

    private mutating func send(from node: Int) {
        let epoch = nodes[node].window.epoch
        for sending in nodes[node].window.due(at: now, nodes[node].mark) {
            network.append(Packet(node: node, epoch: epoch, sending: sending))
            sent += 1
        }
    }

    /// A packet gets to the log, or does not.
    private mutating func deliver() {
        guard !network.isEmpty else { return }
        // Mostly in order.
        let index = number(4) == 0 ? number(network.count) : 0
        switch number(10) {
        case 0: fail(network.remove(at: index))
        case 1: network.remove(at: index)
        case 2: append(network[index], isAcknowledged: false)
        case 3:
            // The log has it, and the sender is told that it may not.
            let packet = network.remove(at: index)
            append(packet, isAcknowledged: false)
            fail(packet)
        default: append(network.remove(at: index), isAcknowledged: number(4) != 0)
        }
    }

    private mutating func fail(_ packet: Packet) {
        if nodes[packet.node].window.epoch == packet.epoch {
            nodes[packet.node].window.failed(packet.sending.number)
        }
    }

    private mutating func append(_ packet: Packet, isAcknowledged: Bool) {
        // The log's clock goes on by itself, and back a little when its leader changes.
        let time = 1_700_000_000_000 + Int64(log.count) * 600_000 - Int64(number(3)) * 900_000
        log.append(
            LogEntry(
                position: UInt64(log.count + 1), at: Timestamp(milliseconds: time),
                bytes: packet.sending.bytes))
    }

    private mutating func follow(_ node: Int, upTo maximum: Int) throws {
        let first = Int(nodes[node].position)
        var entries = log[first...].prefix(maximum)
        if let gap = hidden[node], entries.contains(where: { $0.position == gap }) {
            gaps += 1
            entries = entries.prefix { $0.position < gap }
        }
        for applied in try nodes[node].apply(entries) {
            if applied.removed.contains(where: { $0.text == nodes[node].name }) {
                removals += 1
                nodes[node].isRemoved = true
                _ = nodes[node].window.giveUp()
            }
            guard applied.envelope.sender.text == nodes[node].name else { continue }
            if nodes[node].window.mustJoinAgain(after: applied) { nodes[node].isJoining = false }
            for (actor, outcome) in nodes[node].window.saw(applied) {
                #expect(answered[actor] == nil, "\(actor) is answered twice")
                answered[actor] = outcome
                stream.learn(outcome)
            }
            #expect(nodes[node].window.phase != .superseded)
        }
        try begin(node)
    }

    /// Says hello, if the node has applied the log to its end, and has not said it.
    private mutating func begin(_ node: Int) throws {
        guard !nodes[node].isJoining, nodes[node].position == UInt64(log.count) else { return }
        nodes[node].isJoining = true
        let sending = nodes[node].window.join(
            after: try nodes[node].epochInBooks(), at: now, nodes[node].mark)
        network.append(Packet(node: node, epoch: nodes[node].window.epoch, sending: sending))
    }

    private mutating func restart(_ node: Int) throws {
        restarts += 1
        try nodes[node].restart(epoch: UInt64.random(in: 1...UInt64.max, using: &dice))
        try begin(node)
    }
}

/// A gateway's ledger in a cluster, as far as the simulation needs it.
struct SimulatedNode {
    let name: String
    let store: TestStore
    var window: ProposalWindow<String>
    private(set) var mark: LogMark

    /// It has said hello, and waits.
    var isJoining = false

    /// It was taken out: what it still sends counts for nothing.
    var isRemoved = false

    var position: UInt64 { mark.position }

    init(_ name: String) throws {
        self.name = name
        store = try CommandSource.store()
        let (books, environment) = (store.books, store.environment)
        mark = try environment.write { transaction throws(StoreError) in
            try books.join(ClusterSimulation.cluster, behind: 0, in: transaction)
            return try books.mark(in: transaction)!
        }
        window = Self.window(name, epoch: UInt64(name.utf8.reduce(0) { $0 * 31 + UInt64($1) }))
    }

    private static func window(_ name: String, epoch: UInt64) -> ProposalWindow<String> {
        ProposalWindow(cluster: ClusterSimulation.cluster, node: NodeName(name)!, epoch: epoch)
    }

    /// All in one transaction.
    mutating func apply(_ entries: ArraySlice<LogEntry>) throws -> [AppliedEntry] {
        if entries.isEmpty { return [] }
        let books = store.books
        let applied = try store.environment.write { transaction throws(StoreError) in
            var applied: [AppliedEntry] = []
            for entry in entries { applied.append(try books.apply(entry, in: transaction)) }
            return applied
        }
        mark = applied[applied.count - 1].mark
        return applied
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

    func followings() throws -> [NodeName: SessionFollowing] {
        try store.read { books, transaction throws(StoreError) in
            try books.sessionFollowings(in: transaction)
        }
    }

    /// A transaction that is not committed leaves nothing: what it has applied is applied again.
    func forgetCommit(of log: [LogEntry]) throws {
        let transaction = try WriteTransaction(in: store.environment)
        for entry in log[Int(position)...].prefix(3) {
            _ = try store.books.apply(entry, in: transaction)
        }
    }

    func epochInBooks() throws -> UInt64 {
        try store.read { books, transaction throws(StoreError) in
            try books.epoch(of: NodeName(name)!, in: transaction)
        }
    }

    /// The process ends, and all that it has not written with it; a new one opens its books.
    mutating func restart(epoch: UInt64) throws {
        try store.reopen()
        mark = try store.read { books, transaction throws(StoreError) in
            try books.mark(in: transaction)!
        }
        window = Self.window(name, epoch: epoch)
        isJoining = false
    }
}

extension SessionFollowing {
    /// In place of a record that is not there.
    fileprivate static let unseen = SessionFollowing(number: 0, follower: nil, isInherited: false)
}
