import Bytes
import Ledger
import Reactor
import Sessions
import Time

/// What one shard knows of the other nodes of the cluster: who can be reached, who owns which clients, what is to be
/// sent at the end of the turn, and what is waited for.
///
/// A node has a number here, which stays the same as long as this process lives.
struct Peers: ~Copyable {
    /// This node among the owners.
    static var here: UInt8 { 255 }

    /// A partition without an owner.
    static var unknown: UInt8 { 254 }

    /// Nodes besides this one that can be numbered.
    static var maximum: Int { 254 }

    /// More than this is sent before the turn ends, in bytes.
    private static var batchBytes: Int { 65_536 }

    private struct Peer {
        let name: NodeName
        let level: UInt8
        let heir: Followings.Heir?

        /// Where clients are among its shards.
        let homes: Homes

        /// When it could be reached.
        let sinceTick: UInt64
        var batches: [NodeBatch]
    }

    /// `nil`: a gateway alone.
    private let neighbours: Neighbours?
    private let index: Int
    private var nodes: [UInt8: Peer] = [:]

    /// Also of nodes that can't be reached.
    private var names: [UInt8: NodeName] = [:]
    private var shardCounts: [UInt8: Int] = [:]

    /// Batches that are not empty.
    private var touched: [(node: UInt8, shard: Int)] = []
    var owners = PartitionOwners()
    var welcomes = Welcomes()

    /// Who waits for what was held here of an account's packs.
    var recalls: [AccountID: [(NodeRequest, NodeMail.Target)]] = [:]
    private var waiting: [NodeRequest: (node: UInt8, wait: NodeWait)] = [:]
    private var lastRequest: UInt32 = 0

    /// What other nodes have asked, and is not answered yet.
    private var served: [UInt32: ServedRequest] = [:]
    private var lastServed: UInt32 = 0
    private var scratch = ByteBuffer()

    init(_ neighbours: Neighbours?, shard index: Int) {
        self.neighbours = neighbours
        self.index = index
    }

    /// Whether the gateway is in no cluster.
    var isAlone: Bool { neighbours == nil }

    // MARK: Nodes

    /// Those that can be reached.
    var reachable: [UInt8] { nodes.keys.sorted() }

    func isReachable(_ node: UInt8) -> Bool { nodes[node] != nil }

    func name(of node: UInt8) -> NodeName? { names[node] }

    /// What the disk says of a node that may never have been reached.
    mutating func know(_ node: UInt8, _ name: NodeName, shards: Int? = nil) {
        names[node] = name
        if let shards { shardCounts[node] = shards }
    }

    func node(named name: NodeName) -> UInt8? { nodes.first { $0.value.name == name }?.key }

    mutating func add(_ node: NodeArrival, at tick: UInt64) {
        names[node.number] = node.name
        shardCounts[node.number] = node.shards
        nodes[node.number] = Peer(
            name: node.name, level: node.level, heir: node.heir,
            homes: Homes(shards: node.shards), sinceTick: tick,
            batches: (0..<node.shards).map { _ in NodeBatch() })
    }

    /// Whether the node says which clients it has told (`NodeMail.placesTold`), and when a session has left it (`left`).
    func knowsFollowing(_ node: UInt8) -> Bool { nodes[node]?.level ?? 0 >= Neighbours.level }

    /// Who has the sessions that the node had before, as it says itself.
    func heir(of node: UInt8) -> Followings.Heir? { nodes[node]?.heir }

    /// Those that can be reached for no longer than that.
    func reachable(since tick: UInt64) -> [UInt8] {
        nodes.filter { $0.value.sinceTick >= tick }.keys.sorted()
    }

    /// The node can't be reached any more: answers what was waited for from it.
    mutating func remove(_ node: UInt8) -> [NodeWait] {
        nodes[node] = nil
        touched.removeAll { $0.node == node }
        for (number, request) in served where request.node == node { served[number] = nil }
        let lost = waiting.filter { $0.value.node == node }.sorted { $0.key.number < $1.key.number }
        for (request, _) in lost { waiting[request] = nil }
        return lost.map(\.value.wait)
    }

    /// How many shards the nodes that can be reached have together.
    var shardCount: Int { nodes.values.reduce(0) { $0 + $1.batches.count } }

    func shards(of node: UInt8) -> Int { nodes[node]?.batches.count ?? 0 }

    /// How many shards it has, or had when it could be reached last; 0: it never could.
    func lastShards(of node: UInt8) -> Int { shardCounts[node] ?? 0 }

    func home(of device: DeviceIdentity, on node: UInt8) -> Int {
        nodes[node]?.homes.shard(of: device) ?? 0
    }

    func home(of client: Client, on node: UInt8) -> Int {
        nodes[node]?.homes.shard(of: client) ?? 0
    }

    /// Who owns a partition, if that is this node or one that can be reached.
    func owner(of partition: Partition) -> NodePlace {
        place(owners.owner(of: partition))
    }

    func deputy(of partition: Partition) -> NodePlace {
        place(owners.deputy(of: partition))
    }

    private func place(_ node: UInt8) -> NodePlace {
        if node == Self.here { return .here }
        return nodes[node] == nil ? .unreachable : .node(node)
    }

    // MARK: Sending

    mutating func send(_ mail: NodeMail, to node: UInt8, shard: Int, at time: Timestamp) {
        guard let count = nodes[node]?.batches.count, shard < count else { return }
        if nodes[node]?.batches[shard].isEmpty == true { touched.append((node, shard)) }
        nodes[node]?.batches[shard].append(mail, from: index, to: shard, at: time, &scratch)
        if nodes[node]?.batches[shard].byteCount ?? 0 > Self.batchBytes { post(node, shard) }
    }

    /// To every shard of every node. Answers how many there are.
    @discardableResult
    mutating func sendToAll(at time: Timestamp, _ mail: (NodeMail.Target) -> NodeMail) -> Int {
        var count = 0
        for node in nodes.keys.sorted() {
            for shard in 0..<shards(of: node) {
                send(
                    mail(NodeMail.Target(node: node, shard: shard)), to: node, shard: shard,
                    at: time)
                count += 1
            }
        }
        return count
    }

    /// At the end of a turn.
    mutating func post() {
        guard !touched.isEmpty else { return }
        for (node, shard) in touched { post(node, shard) }
        touched.removeAll(keepingCapacity: true)
    }

    private mutating func post(_ node: UInt8, _ shard: Int) {
        guard let name = nodes[node]?.name, nodes[node]?.batches[shard].isEmpty == false,
            let bytes = nodes[node]?.batches[shard].take()
        else { return }
        neighbours?.post(bytes, to: name)
    }

    // MARK: Waiting for others

    /// A request to that node, to be sent with a message that carries it.
    mutating func request(_ node: UInt8, for wait: NodeWait) -> NodeRequest {
        lastRequest &+= 1
        let request = NodeRequest(number: lastRequest)
        waiting[request] = (node, wait)
        return request
    }

    /// What an answer is to.
    mutating func take(_ request: NodeRequest, from node: UInt8) -> NodeWait? {
        guard waiting[request]?.node == node else { return nil }
        return waiting.removeValue(forKey: request)?.wait
    }

    /// The shard ends: who waits for what another node knows is told that no answer comes.
    mutating func loseQuestions() {
        for (_, wait) in waiting.values {
            if case .question(let answer) = wait { answer(nil) }
        }
        waiting.removeAll()
    }

    /// Clients that begin anew and have waited for their owners since before that tick: they are let in, and an answer
    /// that comes is still taken.
    mutating func letInSlowClaims(before tick: UInt64) -> [WaitingClaim] {
        var slow: [(request: NodeRequest, claim: WaitingClaim)] = []
        for (request, entry) in waiting {
            guard case .claim(let claim) = entry.wait, claim.isCleanStart, !claim.isLetIn,
                claim.sinceTick <= tick
            else { continue }
            slow.append((request, claim))
        }
        slow.sort { $0.request.number < $1.request.number }
        for index in slow.indices {
            slow[index].claim.isLetIn = true
            waiting[slow[index].request]?.wait = .claim(slow[index].claim)
        }
        return slow.map(\.claim)
    }

    /// The same for clients that have to leave other nodes, which take so long: they are waited for no more.
    mutating func takeSlowYields(before tick: UInt64) -> [(SessionName, DisplacedBy)] {
        var slow: [(request: NodeRequest, name: SessionName, by: DisplacedBy)] = []
        for (request, entry) in waiting {
            guard case .yield(let name, let by, true, let since) = entry.wait, since <= tick
            else { continue }
            slow.append((request, name, by))
        }
        slow.sort { $0.request.number < $1.request.number }
        for entry in slow { waiting[entry.request] = nil }
        return slow.map { ($0.name, $0.by) }
    }

    // MARK: Serving others

    /// Takes up what another node's shard has asked. `wantsOutcome`: it is answered with the outcome of one message.
    mutating func begin(
        _ request: NodeRequest, of target: NodeMail.Target, wantsOutcome: Bool = false
    ) -> UInt32 {
        lastServed &+= 1
        served[lastServed] = ServedRequest(
            node: target.node, shard: target.shard, request: request, wantsOutcome: wantsOutcome)
        return lastServed
    }

    func wantsOutcome(_ number: UInt32) -> Bool { served[number]?.wantsOutcome ?? false }

    /// Something of it has been left to be done.
    mutating func delay(_ number: UInt32) { served[number]?.outstanding += 1 }

    /// All that was to be done has been begun. The answer is due now if nothing is left.
    mutating func conclude(_ number: UInt32, at time: Timestamp) {
        served[number]?.isConcluded = true
        answerIfDone(number, at: time)
    }

    /// Something of it has been done, or could not be.
    mutating func finish(_ number: UInt32, isWritten: Bool, at time: Timestamp) {
        served[number]?.outstanding -= 1
        if !isWritten { served[number]?.isLost = true }
        answerIfDone(number, at: time)
    }

    private mutating func answerIfDone(_ number: UInt32, at time: Timestamp) {
        guard let request = served[number], request.isConcluded, request.outstanding == 0 else {
            return
        }
        answer(number, request.isLost ? .notStored : .done, at: time)
    }

    /// Answers it, whatever is left of it.
    mutating func answer(_ number: UInt32, _ answer: NodeAnswer, at time: Timestamp) {
        guard let request = served.removeValue(forKey: number) else { return }
        send(.answer(request.request, answer), to: request.node, shard: request.shard, at: time)
    }
}

extension NodeMail {
    /// A shard of another node.
    struct Target: Hashable {
        let node: UInt8
        let shard: Int
    }
}

/// Where the owner of a client is.
enum NodePlace: Equatable {
    case here
    case node(UInt8)

    /// There is none, or no link to it.
    case unreachable
}

/// A node that can be reached from now on.
struct NodeArrival: Sendable {
    let number: UInt8
    let name: NodeName
    let shards: Int

    /// What its program knows (`Neighbours.level`).
    let level: UInt8

    /// Who had taken over its stored sessions when it began; `nil`: no one, or none that was heard of when it was here last.
    let heir: Followings.Heir?
}

/// What an answer of another node is waited for with.
enum NodeWait {
    /// A SUBSCRIBE or UNSUBSCRIBE is answered when all shards of all nodes know of it.
    case filter(Confirmation?)

    /// A PUBLISH is acknowledged when the node has taken the message; when the node is lost, it is kept for it.
    case delivery(DownlinkSender, Forward, NodeMail.Target)

    /// A message that is kept for the node until it has it.
    case forward(NodeMail.Target, ForwardNumber)

    /// What became of a message to a device.
    case outcome(DownlinkSender)

    /// A client waits for being let in.
    case claim(WaitingClaim)

    /// A client is to leave the node, as it has come elsewhere.
    case yield(SessionName, DisplacedBy, isCleanStart: Bool, sinceTick: UInt64)

    /// The node has told all that its applications want.
    case welcome(UInt8)

    /// The control side asks; `nil`: the node can't be reached any more.
    case question(@Sendable (NodeAnswer?) -> Void)
}

/// A connection whose client waits for its owner.
struct WaitingClaim {
    let connection: Token
    let name: SessionName
    let until: Timestamp

    /// A code was consumed for it.
    let isOwed: Bool

    /// It wants no session that another node may have.
    let isCleanStart: Bool
    let sinceTick: UInt64

    /// Its owner took too long: it was let in without.
    var isLetIn = false
}

/// Who has come in a client's place.
enum DisplacedBy {
    case here(WaitingClaim)

    /// A connection of another node, whose claim has that number among those served.
    case node(UInt8, served: UInt32)

    var node: UInt8 {
        switch self {
        case .here: Peers.here
        case .node(let node, _): node
        }
    }

    /// Whether both are one connection.
    static func == (one: DisplacedBy, other: DisplacedBy) -> Bool {
        switch (one, other) {
        case (.here(let one), .here(let other)): one.connection == other.connection
        case (.node(let one, let served), .node(let other, let alsoServed)):
            one == other && served == alsoServed
        case (.here, .node), (.node, .here): false
        }
    }
}

/// What another node's shard has asked.
private struct ServedRequest {
    let node: UInt8
    let shard: Int
    let request: NodeRequest
    let wantsOutcome: Bool
    var outstanding = 0
    var isConcluded = false
    var isLost = false
}
