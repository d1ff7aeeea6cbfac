import Ledger
import Linux
import Reactor
import Storage
import Synchronization
import Time

/// Sees to it that another node has this one's stored sessions, and that this one takes over those of a node that
/// it follows and that is gone. Looks twice a second, and when there is news, on a thread of its own.
final class FollowKeeper: Sendable {
    private static let intervalMilliseconds: Int64 = 500

    /// How long a node may be away that could be reached, in milliseconds: its link ends when it was silent for five
    /// seconds, or with its process.
    /// Longer than the other side takes to say that it goes on alone, when it is the link that is gone.
    static let absenceMilliseconds: Int64 = 3_000

    /// The same of one that could not be reached since this process began.
    static let strangerMilliseconds: Int64 = 10_000

    private struct State {
        var hasNews = false
        var hasAnswered = false
        var isEnding = false
        var isInherited = false

        /// Nodes of which all sessions were taken over.
        var taken: [NodeName] = []
    }

    private let commons: GatewayCommons
    private let leader: SessionLeader
    let follower: SessionFollower
    private let neighbours: Neighbours
    private let state: Monitor<State>
    private let thread: Thread

    init(
        _ commons: GatewayCommons, _ leader: SessionLeader, _ follower: SessionFollower,
        _ neighbours: Neighbours, isFollowed: Bool
    ) throws(Errno) {
        let state = Monitor(State())
        self.commons = commons
        self.leader = leader
        self.follower = follower
        self.neighbours = neighbours
        self.state = state
        thread = try Thread(name: "followers") {
            var look = FollowLook(commons, leader, follower, neighbours, isFollowed: isFollowed)
            while true {
                let deadline = MonotonicInstant.now().adding(
                    milliseconds: Self.intervalMilliseconds)
                _ = state.wait(until: deadline) { $0.hasNews || $0.isEnding ? true : nil }
                let now = state.change { state in
                    defer {
                        state.hasNews = false
                        state.hasAnswered = false
                        state.taken = []
                    }
                    return state
                }
                if now.isEnding { return }
                for node in now.taken {
                    follower.remove(node)
                    look.settle(node)
                }
                look.look(hasAnswered: now.hasAnswered, isInherited: now.isInherited) { node in
                    state.change { state in
                        state.hasNews = true
                        state.taken.append(node)
                    }
                }
            }
        }
        leader.tell { [weak self] in self?.hear($0) }
    }

    func hear(_ news: FollowNews) {
        state.change { state in
            state.hasNews = true
            switch news {
            case .answered: state.hasAnswered = true
            case .inherited: state.isInherited = true
            case .changed: break
            }
        }
    }

    /// The process ends, and its last change is written: hands the sessions to the follower, which need not find out that
    /// this node is gone. Afterwards nothing is looked at any more.
    func leave() {
        state.change { $0.isEnding = true }
        thread.join()
        let deadline = MonotonicInstant.now().adding(milliseconds: 3_000)
        let standing = leader.standing
        if standing.phase == .following, let follower = standing.follower {
            let action = Action.cluster(
                .inheritSessions(of: neighbours.node, by: follower, after: standing.number))
            let isDone = Monitor(false)
            commons.ledger.submit(
                Command(at: commons.clock.now, actor: Command.gatewayActor, action: action)
            ) { _ in isDone.change { $0 = true } }
            _ = isDone.wait(until: deadline) { $0 ? true : nil }
        }
    }

    func close() { follower.close() }
}

/// What the thread knows between two looks.
private struct FollowLook {
    private let commons: GatewayCommons
    private let leader: SessionLeader
    private let follower: SessionFollower
    private let neighbours: Neighbours

    /// Whether another node is to have this one's sessions, too.
    private let isFollowed: Bool

    /// Since when nodes that this one follows have been away; and those that were there.
    private var absentSince: [NodeName: MonotonicInstant] = [:]
    private var seen: Set<NodeName> = []
    private var told: [NodeName: SessionFollowing] = [:]

    /// What this node has been told to take over.
    private var inheritances: [NodeName: UInt64] = [:]
    private var isVoid = false

    init(
        _ commons: GatewayCommons, _ leader: SessionLeader, _ follower: SessionFollower,
        _ neighbours: Neighbours, isFollowed: Bool
    ) {
        self.isFollowed = isFollowed
        self.commons = commons
        self.leader = leader
        self.follower = follower
        self.neighbours = neighbours
    }

    /// - Parameter finished: to be called when all sessions of a node were taken over.
    mutating func look(
        hasAnswered: Bool, isInherited: Bool, _ finished: @escaping @Sendable (NodeName) -> Void
    ) {
        if isInherited, !isVoid {
            isVoid = true
            for mailbox in commons.mailboxes { mailbox.post(.sessionsVoid) }
            commons.storeWatch.beginAnew(
                "another node has taken over the stored sessions of this one, which could not be reached"
            )
        }
        guard !isVoid, commons.ledger.clusterStanding?.phase == .open else { return }
        let records: [NodeName: SessionFollowing]
        do throws(StoreError) {
            records = try commons.ledger.read { books, transaction throws(StoreError) in
                try books.sessionFollowings(in: transaction)
            }
        } catch {
            // The next look tries again; that the books can't be read is said where clients need them.
            return
        }
        // Before the shards hear who has their sessions.
        neighbours.noteInherited(records.filter(\.value.isInherited).mapValues(\.number))
        leader.books(records[neighbours.node], hasAnswered: hasAnswered)
        let present = neighbours.present
        leader.look(present: isFollowed && neighbours.allKnowFollowing ? present : [])
        seen.formUnion(present)
        for (node, record) in records {
            for heir in record.heirs where heir.node == neighbours.node {
                takeOver(node, heir.number, finished)
            }
            if record.follower == neighbours.node, !record.isInherited {
                lookAfter(node, record, isPresent: present.contains(node))
            }
        }
        forgetOthers(than: records)
        tellShards(records)
    }

    /// A node that this one follows.
    private mutating func lookAfter(
        _ node: NodeName, _ record: SessionFollowing, isPresent: Bool
    ) {
        guard !isPresent else {
            absentSince[node] = nil
            return
        }
        let now = MonotonicInstant.now()
        let since = absentSince[node] ?? now
        absentSince[node] = since
        let patience =
            seen.contains(node)
            ? FollowKeeper.absenceMilliseconds : FollowKeeper.strangerMilliseconds
        guard now.milliseconds(since: since) >= patience,
            follower.mark(of: node) == record.number
        else { return }
        absentSince[node] = now
        let action = Action.cluster(
            .inheritSessions(of: node, by: neighbours.node, after: record.number))
        // What becomes of it is seen in the books.
        commons.ledger.submit(
            Command(at: commons.clock.now, actor: Command.gatewayActor, action: action)
        ) {
            _ in
        }
    }

    /// The books say that a node's sessions are this one's.
    private mutating func takeOver(
        _ node: NodeName, _ number: UInt64, _ finished: @escaping @Sendable (NodeName) -> Void
    ) {
        guard inheritances[node] != number else { return }
        inheritances[node] = number
        let store = follower.inherit(node, mark: number - 1)
        let count = commons.mailboxes.count
        let inheritance = Inheritance(
            from: node, neighbours.number(of: node), number, store, shards: count
        ) { finished(node) }
        commons.log?.say(
            .notice, "this node takes over the stored sessions of another one",
            .init("node", node.text), .init("copy", store == nil ? "none" : "whole"))
        for mailbox in commons.mailboxes { mailbox.post(.inherit(inheritance)) }
    }

    /// All of it is on this node's disk, and on its follower's.
    func settle(_ node: NodeName) {
        guard let number = inheritances[node] else { return }
        let action = Action.cluster(
            .settleInheritance(of: node, by: neighbours.node, number: number))
        commons.ledger.submit(
            Command(at: commons.clock.now, actor: Command.gatewayActor, action: action)
        ) { _ in }
    }

    /// Copies that the books don't name, and that no node is sending.
    private mutating func forgetOthers(than records: [NodeName: SessionFollowing]) {
        guard records != told else { return }
        for node in records.keys
        where records[node]?.follower != neighbours.node && !follower.isActive(node)
            && !follower.isInheriting(node)
            && records[node]?.heirs.contains(where: { $0.node == neighbours.node }) != true
        {
            if follower.mark(of: node) != nil { follower.remove(node) }
        }
    }

    private mutating func tellShards(_ records: [NodeName: SessionFollowing]) {
        guard records != told else { return }
        told = records
        var entries: [UInt8: Followings.Entry] = [:]
        for (node, record) in records where node != neighbours.node {
            entries[neighbours.number(of: node)] = Followings.Entry(
                follower: record.follower.map { neighbours.number(of: $0) },
                isInherited: record.isInherited, number: record.number,
                heirs: record.heirs.map {
                    Followings.Heir(node: neighbours.number(of: $0.node), number: $0.number)
                })
        }
        let followings = Followings(entries)
        for mailbox in commons.mailboxes { mailbox.post(.followings(followings)) }
    }
}

extension Change {
    /// Whether it is about who keeps whose stored sessions.
    var isOfSessionFollowing: Bool {
        switch self {
        case .cluster(.sessionsFollowed), .cluster(.sessionsInherited),
            .cluster(.inheritanceSettled):
            true
        case .cluster(.checkpoint), .cluster(.nodeRemoved), .cluster(.partitionsAssigned), .codes,
            .devices, .packages, .accounts, .imports, .products, .topUps, .upgrades, .keys, .clock,
            .limits, .corrections, .productSecrets, .metadata, .webhooks, .alerts, .authorities,
            .firmware, .campaigns:
            false
        }
    }
}
