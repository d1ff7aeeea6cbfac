import Bytes
import Bytes
import Ledger
import Linux
import Links
import Reactor
import Storage
import Synchronization

/// The other nodes of the cluster, for all shards: numbers them, hands what comes over the links to the shards, and
/// says who owns which clients.
///
/// A node that a link begins to first says how many shards it has; before that, nothing is sent to it.
final class Neighbours: Sendable {
    let node: NodeName

    /// Of the store in this process, by which messages for other nodes are numbered.
    let life: UInt64

    private let beginning = Mutex(Beginning())
    private let mailboxes: [Mailbox<ShardMessage>]
    private let log: GatewayLog?
    private let state = Mutex(State())
    private let links = Mutex<Links?>(nil)

    /// The node's stored sessions, and those of others that it keeps: set before the links are opened.
    private let followers = Mutex<Followers?>(nil)

    /// Whom letters between nodes are for.
    struct Followers: Sendable {
        let leader: SessionLeader
        let follower: SessionFollower

        /// A node has arrived, or was lost.
        let changed: @Sendable () -> Void
    }

    /// What this node found in its stores when it began.
    struct Beginning: Sendable {
        /// In the books, of who follows its sessions. Those of an earlier process that others have inherited by then are
        /// gone; should others inherit them by a later record, this process has to begin anew.
        var record: UInt64 = 0

        /// Who had inherited them by then.
        var heir: SessionHeir?

        /// The first life of which it keeps anything for others: what it has kept before, another one has taken over.
        var firstForwardingLife: UInt64 = 0
    }

    private struct State {
        /// By number; a name keeps its number.
        var names: [NodeName] = []

        /// Those that have said how many shards they have.
        var arrived: Set<NodeName> = []
        var levels: [NodeName: UInt8] = [:]

        /// What they have said of their beginning: the number of the record in the books.
        var records: [NodeName: UInt64] = [:]

        /// By which records others have inherited their sessions.
        var inherited: [NodeName: UInt64] = [:]

        /// Those that can be reached, and have to begin anew: they are as if they could not.
        var void: Set<NodeName> = []

        /// Those that the shards know to be removed.
        var removed: Set<NodeName> = []

        /// Those that have sent something that can't be read, since the last link to them began.
        var unread: Set<NodeName> = []
        var table: PartitionTable?

        func hasToBeginAnew(_ node: NodeName) -> Bool {
            inherited[node] ?? 0 > records[node] ?? .max
        }
    }

    init(
        _ node: NodeName, _ mailboxes: [Mailbox<ShardMessage>], life: UInt64, _ log: GatewayLog?
    ) {
        precondition(mailboxes.count <= NodeBatch.maximumShards, "shards are named by one byte")
        self.node = node
        self.life = life
        self.mailboxes = mailboxes
        self.log = log
    }

    /// Before `start`.
    func begin(_ beginning: Beginning) { self.beginning.withLock { $0 = beginning } }

    var firstForwardingLife: UInt64 { beginning.withLock { $0.firstForwardingLife } }

    /// Before `start`.
    func use(_ followers: Followers) { self.followers.withLock { $0 = followers } }

    /// Opens the links; from now on other nodes see this one.
    func start(
        over transport: any PeerTransport, cluster: ClusterID, epoch: UInt64
    ) throws(Errno) {
        // A link may begin before there is an end to this: what is posted then waits for the lock, and is not lost.
        try links.withLock { links throws(Errno) in
            links = try Links(
                node: node, epoch: epoch, over: transport, cluster: cluster,
                settings: Links.Settings()
            ) { [weak self] event in self?.take(event) }
        }
    }

    /// Says goodbye.
    func close() {
        let links = links.withLock { links in
            defer { links = nil }
            return links
        }
        links?.close()
        // They know this object, too.
        followers.withLock { $0 = nil }
    }

    func post(_ batch: [UInt8], to name: NodeName) {
        let links = links.withLock { $0 }
        links?.post(batch, to: name)
    }

    /// Whether all that have arrived can read in the log who follows whose sessions: an older program stops there.
    var allKnowFollowing: Bool {
        state.withLock { state in
            state.arrived.allSatisfy { state.levels[$0] ?? 0 >= Self.level }
        }
    }

    /// Those that have arrived, in order.
    var present: [NodeName] { state.withLock { $0.arrived.sorted() } }

    /// For status and metrics.
    var standings: [PeerStanding] { links.withLock { $0 }?.peers ?? [] }

    /// For people: how the nodes that were heard of can be reached now. One that has a link and has to begin anew can't.
    var reaches: [NodeName: PeerReach] {
        let present = state.withLock { $0.arrived }
        let now = MonotonicInstant.now()
        return standings.reduce(into: [:]) { reaches, peer in
            reaches[peer.name] = PeerReach(
                isReachable: peer.isUp && present.contains(peer.name),
                heardMilliseconds: max(0, now.milliseconds(since: peer.heardAt)))
        }
    }

    // MARK: Owners

    var table: PartitionTable? { state.withLock { $0.table } }

    /// The books say who owns the partitions.
    func adopt(_ table: PartitionTable) {
        let owners = state.withLock { state -> PartitionOwners? in
            guard table.number > state.table?.number ?? 0 else { return nil }
            state.table = table
            var numbers: [NodeName: UInt8] = [:]
            for name in table.nodes { numbers[name] = number(of: name, in: &state) }
            return PartitionOwners(table) { numbers[$0] ?? Peers.unknown }
        }
        guard let owners else { return }
        for mailbox in mailboxes { mailbox.post(.ownersChanged(owners)) }
    }

    /// By which the shards know a node.
    func number(of name: NodeName) -> UInt8 { state.withLock { number(of: name, in: &$0) } }

    /// Of another node that has been numbered.
    func name(of number: UInt8) -> NodeName? {
        state.withLock { state in
            state.names.indices.contains(Int(number)) ? state.names[Int(number)] : nil
        }
    }

    /// The books say which nodes were removed: nothing is kept for them.
    func forget(_ removed: Set<NodeName>) {
        let news = state.withLock { state -> [UInt8] in
            let names = removed.subtracting(state.removed)
            state.removed = removed
            return names.sorted().map { number(of: $0, in: &state) }
        }
        for number in news where number < Peers.unknown {
            for mailbox in mailboxes { mailbox.post(.nodeRemoved(number)) }
        }
    }

    /// The books say that other nodes have inherited the sessions of these, by which records. A process of one of them that
    /// began before that is as if it were gone, link or not: what it is told it can't keep, and it is about to begin anew.
    func noteInherited(_ records: [NodeName: UInt64]) {
        let void = state.withLock { state -> [NodeName] in
            guard state.inherited != records else { return [] }
            state.inherited = records
            let void = state.arrived.filter { state.hasToBeginAnew($0) }.sorted()
            for name in void {
                tellLost(name, &state)
                state.void.insert(name)
            }
            return void
        }
        for name in void { sayLost(name) }
    }

    /// Whether the books say so.
    func isRemoved(_ name: NodeName) -> Bool { state.withLock { $0.removed.contains(name) } }

    private func number(of name: NodeName, in state: inout State) -> UInt8 {
        if name == node { return Peers.here }
        if let known = state.names.firstIndex(of: name) { return UInt8(known) }
        guard state.names.count < Peers.maximum else { return Peers.unknown }
        state.names.append(name)
        return UInt8(state.names.count - 1)
    }

    // MARK: The links' thread

    private func take(_ event: LinkEvent) {
        switch event {
        case .up(let name): post(greeting, to: name)
        case .batch(let name, let bytes): take(bytes, from: name)
        case .down(let name): lose(name)
        }
    }

    private func take(_ bytes: [UInt8], from name: NodeName) {
        if let greeting = Self.greeting(bytes) {
            return arrive(name, greeting)
        }
        if FollowMail.isOne(bytes) { return takeLetter(bytes, from: name) }
        let number = state.withLock { state -> UInt8? in
            if state.void.contains(name) { return nil }
            return state.arrived.contains(name)
                ? self.number(of: name, in: &state) : Peers.unknown
        }
        guard let number else { return }
        let shard = NodeBatch.receiver(of: bytes).map(Int.init) ?? mailboxes.count
        let isReadable = number != Peers.unknown && shard < mailboxes.count
        if !isReadable { noteUnread(name) }
        guard number != Peers.unknown else { return }
        // What can't be read is counted by a shard.
        mailboxes[isReadable ? shard : 0].post(.nodeMail(number, isReadable ? bytes : []))
    }

    private func noteUnread(_ name: NodeName) {
        guard state.withLock({ $0.unread.insert(name).inserted }) else { return }
        log?.say(
            .warning, "what another node has sent can't be read: it may be of another version",
            .init("node", name.text))
    }

    private func takeLetter(_ bytes: [UInt8], from name: NodeName) {
        guard let followers = followers.withLock({ $0 }) else { return }
        do throws(MalformedRecord) {
            let mail = try FollowMail(bytes)
            followers.leader.receive(mail, from: name)
            followers.follower.receive(mail, from: name)
        } catch {
            noteUnread(name)
        }
    }

    private func arrive(_ name: NodeName, _ greeting: Greeting) {
        let number = state.withLock { state -> UInt8? in
            let number = self.number(of: name, in: &state)
            // What the process that was here last had, others have inherited since then only. Of one that was never here it
            // is not known for which of its sessions something is kept.
            let last = state.records.updateValue(greeting.record, forKey: name)
            guard !state.hasToBeginAnew(name) else {
                state.void.insert(name)
                return nil
            }
            guard number != Peers.unknown else { return number }
            state.arrived.insert(name)
            state.levels[name] = greeting.level
            let arrival = NodeArrival(
                number: number, name: name, shards: greeting.shards, level: greeting.level,
                heir: greeting.heir.flatMap { heir in
                    guard let last, heir.number > last else { return nil }
                    return Followings.Heir(
                        node: self.number(of: heir.node, in: &state), number: heir.number)
                })
            for mailbox in mailboxes { mailbox.post(.nodeArrived(arrival)) }
            return number
        }
        guard let number else { return }
        guard number != Peers.unknown else {
            log?.say(.error, "there are too many nodes", .init("node", name.text))
            return
        }
        log?.say(.notice, "another node can be reached", .init("node", name.text))
        followers.withLock { $0 }?.changed()
    }

    private func lose(_ name: NodeName) {
        let wasThere = state.withLock { state in
            state.unread.remove(name)
            state.void.remove(name)
            return tellLost(name, &state)
        }
        if wasThere { sayLost(name) }
    }

    /// Under the lock, as arrivals are posted, too: they come from the links' thread, and losses from that of followers as
    /// well, and the shards have to hear of both in their order.
    @discardableResult
    private func tellLost(_ name: NodeName, _ state: inout State) -> Bool {
        guard state.arrived.remove(name) != nil else { return false }
        let number = number(of: name, in: &state)
        for mailbox in mailboxes { mailbox.post(.nodeLost(number)) }
        return true
    }

    private func sayLost(_ name: NodeName) {
        log?.say(.warning, "another node can't be reached", .init("node", name.text))
        let followers = followers.withLock { $0 }
        followers?.leader.lost(name)
        followers?.changed()
    }

    // MARK: Greetings

    private struct Greeting {
        let shards: Int
        let level: UInt8

        /// Of `Beginning`; of a program that does not say it, none is later.
        let record: UInt64

        /// Of `Beginning`.
        let heir: SessionHeir?
    }

    private var greeting: [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(Self.greetingVersion)
        buffer.append(NodeBatch.everyShard)
        buffer.append(UInt8(mailboxes.count))
        buffer.append(Self.level)
        let beginning = beginning.withLock { $0 }
        buffer.append(beginning.record)
        beginning.heir?.encode(into: &buffer)
        return buffer.span.bytesArray
    }

    private static let greetingVersion: UInt8 = 1

    /// What this program knows beyond the first one of a cluster. 1: who follows whose sessions, also in the log, and when
    /// a session has left a node.
    static let level: UInt8 = 1

    /// What a later program appends is ignored.
    private static func greeting(_ bytes: [UInt8]) -> Greeting? {
        var reader = ByteReader(bytes.span)
        guard reader.readUInt8() == greetingVersion, reader.readUInt8() == NodeBatch.everyShard,
            let shards = reader.readUInt8(), shards > 0
        else { return nil }
        return Greeting(
            shards: Int(shards), level: reader.readUInt8() ?? 0,
            record: reader.readUInt64() ?? .max, heir: try? SessionHeir(from: &reader))
    }
}
