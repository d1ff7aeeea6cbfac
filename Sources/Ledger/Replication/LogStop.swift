import Replication
import Storage

/// Why these books must not be taken any further along the log until a person has looked.
enum LogStop: Hashable, Sendable {
    /// They were never made the cluster's.
    case notJoined

    /// The log, or an entry of it, is another cluster's.
    case ofAnotherCluster(ClusterID, expected: ClusterID)

    /// What comes is not what comes next.
    case gap(behind: UInt64, found: UInt64)

    /// What comes next was let go of: this node was away for too long.
    case truncated(first: UInt64, applied: UInt64)

    /// The log has no entry there any more, although it was applied.
    case rewound(last: UInt64, applied: UInt64)

    /// It was begun anew from books that these are not, or not the same ones.
    case begunAnew(LogGeneration, applied: UInt64)

    /// It was begun anew while this process followed the one before.
    case replaced(generation: UInt64)

    /// The books have followed a later one.
    case outdated(generation: UInt64, expected: UInt64)

    /// Not an entry that this program can read.
    case unreadable(position: UInt64, what: String)

    /// Most of the other nodes had other books at that position.
    case diverged(position: UInt64, from: [NodeName])

    /// Another process has begun an epoch under this node's name.
    case superseded(NodeName)

    /// This node was taken out of the cluster.
    case removed(NodeName)

    var error: StoreError { .stopped(why: description) }
}

extension LogStop: CustomStringConvertible {
    var description: String {
        switch self {
        case .notJoined: "the books belong to no cluster: join one first"
        case .ofAnotherCluster(let found, let expected):
            "the log is cluster \(found)'s, and the books are cluster \(expected)'s"
        case .gap(let position, let found):
            "entry \(found) of the log came behind \(position): those between are missing"
        case .truncated(let first, let applied):
            "the log begins at \(first) by now, but the books have applied only \(applied): take a snapshot from "
                + "another node, and join again with it"
        case .rewound(let last, let applied):
            "the log ends at \(last), but the books have applied \(applied): it was lost or set back. "
                + "When its servers can't bring it back: `tollgate cluster adopt`, at the node that is furthest"
        case .begunAnew(let generation, let applied):
            "the log was begun anew behind entry \(generation.position) (generation \(generation.number)), from other "
                + "books than these, which have applied \(applied): move the ledger directory away, and join again"
        case .replaced(let generation):
            "the log was begun anew (generation \(generation)) while this gateway followed the one before: start it "
                + "again"
        case .outdated(let generation, let expected):
            "the log is generation \(generation), and the books follow generation \(expected): an old one was put "
                + "back"
        case .unreadable(let position, let what):
            "entry \(position) of the log can't be read: malformed \(what). If a later program has written it, start "
                + "that one here"
        case .diverged(let position, let nodes):
            "at entry \(position) of the log the books were not those of "
                + nodes.map(\.text).joined(separator: ", ")
                + ": take a snapshot from a node that is right"
        case .superseded(let node):
            "another process has started as node \(node): a name is one gateway's"
        case .removed(let node):
            "node \(node) was removed from the cluster, which uses no name again: join it under another name, "
                + "with an empty data directory"
        }
    }
}
