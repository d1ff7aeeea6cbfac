import Time

/// The latest marks of these books, which those of other nodes are held against: each envelope carries how far
/// its sender had come, and with what. Nodes whose books have gone different ways find out at the next envelope.
struct MarkHistory {
    /// More than can be between an envelope and what its sender had applied, unless it was on its way for long.
    private static let capacity = 8_192

    private let node: NodeName
    private(set) var last: LogMark

    /// Of the last entry, by the log's clock; `nil` until one was seen.
    private(set) var lastAt: Timestamp?

    /// Of the last entry that has done more than to say how far its sender is.
    private(set) var lastNews: UInt64

    /// By position, round and round; of an older round where nothing newer has been written.
    private var marks: [LogMark]

    /// All that the books know, also those that were removed.
    private(set) var members: [NodeName: ClusterMember]
    private(set) var peers: [NodeName: ClusterStanding.Peer] = [:]

    /// The last checkpoint of a person that was seen, and what nodes have said of their books, this one too.
    private(set) var question: LogMark?
    private(set) var digests: [NodeName: BooksDigest] = [:]

    init(of node: NodeName, _ mark: LogMark, members known: [ClusterMember]) {
        self.node = node
        last = mark
        lastNews = mark.position
        marks = Array(repeating: mark, count: Self.capacity)
        members = Dictionary(uniqueKeysWithValues: known.map { ($0.node, $0) })
        lastAt = known.latest
    }

    /// An entry was applied.
    mutating func add(_ entry: AppliedEntry) {
        let sender = entry.envelope.sender
        note(entry)
        for node in entry.removed {
            members[node, default: ClusterMember(node, .unseen)].isRemoved = true
            peers[node] = nil
            digests[node] = nil
        }
        if sender != node, entry.verdict != .removed {
            let theirs = entry.envelope.mark
            let ours = marks[Int(theirs.position % UInt64(Self.capacity))]
            // One that is too old to be compared changes nothing.
            if ours.position == theirs.position {
                peers[sender] = ClusterStanding.Peer(
                    mark: theirs, agrees: ours.chain == theirs.chain)
            }
        }
        if let digest = entry.digest { digests[sender] = digest }
        if entry.isQuestion { question = entry.mark }
        last = entry.mark
        lastAt = entry.at
        if entry.isNews { lastNews = last.position }
        marks[Int(last.position % UInt64(Self.capacity))] = last
    }

    /// What the books have of its sender by now.
    private mutating func note(_ entry: AppliedEntry) {
        let envelope = entry.envelope
        var member = members[envelope.sender] ?? ClusterMember(envelope.sender, .unseen)
        member.position = entry.mark.position
        switch entry.verdict {
        case .begun:
            member.epoch = envelope.epoch
            member.number = 0
            member.applied = envelope.mark.position
            member.at = entry.at
        case .applied:
            member.number = envelope.number
            member.applied = max(member.applied, envelope.mark.position)
            member.at = entry.at
        case .repeated, .outOfTurn, .superseded, .removed: break
        }
        members[envelope.sender] = member
    }

    /// Set when as many nodes as this one has with it, or more, have had other books: it may be the one that
    /// is wrong. A single one among three that says otherwise is wrong itself, and finds out likewise.
    var divergence: LogStop? {
        let others = peers.filter { !$0.value.agrees }
        if others.isEmpty { return nil }
        let there = Set(members.values.filter { !$0.isRemoved }.map(\.node)).union([node])
        guard 2 * others.count >= there.count else { return nil }
        let position = others.map(\.value.mark.position).max() ?? 0
        return .diverged(position: position, from: others.keys.sorted())
    }
}
