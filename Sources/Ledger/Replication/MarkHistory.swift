/// The latest marks of these books, which those of other nodes are held against: each envelope carries how far
/// its sender had come, and with what. Nodes whose books have gone different ways find out at the next envelope.
struct MarkHistory {
    /// More than can be between an envelope and what its sender had applied, unless it was on its way for long.
    private static let capacity = 8_192

    private let node: NodeName
    private(set) var last: LogMark

    /// By position, round and round; of an older round where nothing newer has been written.
    private var marks: [LogMark]

    /// Of the cluster, as far as the books know, this one among them; without those that were removed.
    private var members: Set<NodeName>
    private(set) var peers: [NodeName: ClusterStanding.Peer] = [:]

    init(of node: NodeName, _ mark: LogMark, members known: [ClusterMember]) {
        self.node = node
        last = mark
        marks = Array(repeating: mark, count: Self.capacity)
        members = Set(known.filter { !$0.isRemoved }.map(\.node) + [node])
    }

    /// An entry was applied.
    mutating func add(_ entry: AppliedEntry) {
        let sender = entry.envelope.sender
        for node in entry.removed {
            members.remove(node)
            peers[node] = nil
        }
        if sender != node, entry.verdict != .removed {
            members.insert(sender)
            let theirs = entry.envelope.mark
            let ours = marks[Int(theirs.position % UInt64(Self.capacity))]
            // One that is too old to be compared changes nothing.
            if ours.position == theirs.position {
                peers[sender] = ClusterStanding.Peer(
                    mark: theirs, agrees: ours.chain == theirs.chain)
            }
        }
        last = entry.mark
        marks[Int(last.position % UInt64(Self.capacity))] = last
    }

    /// Set when as many nodes as this one has with it, or more, have had other books: it may be the one that
    /// is wrong. A single one among three that says otherwise is wrong itself, and finds out likewise.
    var divergence: LogStop? {
        let others = peers.filter { !$0.value.agrees }
        guard !others.isEmpty, 2 * others.count >= members.count else { return nil }
        let position = others.map(\.value.mark.position).max() ?? 0
        return .diverged(position: position, from: others.keys.sorted())
    }
}
