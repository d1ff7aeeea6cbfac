public import LedgerModel
public import Replication
public import Time

/// What makes a gateway a node of a cluster: the log that all nodes apply, and who it is among them.
public struct ClusterMembership: Sendable {
    public let log: any CommandLog
    public let cluster: ClusterID
    public let node: NodeName

    /// Random, another for each start, and not 0: what this process sends is told from what the one before
    /// has left under way.
    public let epoch: UInt64

    /// For how long the log has to end before what was applied until it counts as set back, in milliseconds. A server
    /// that was just elected, or has not noticed yet that the others have elected another one, does not know all of it.
    var rewoundMilliseconds: Int64 = 30_000

    public init(log: any CommandLog, cluster: ClusterID, node: NodeName, epoch: UInt64) {
        precondition(epoch != 0, "0 stands for no epoch")
        self.log = log
        self.cluster = cluster
        self.node = node
        self.epoch = epoch
    }
}

/// How a node of a cluster stands with the log, for readiness and metrics.
public struct ClusterStanding: Hashable, Sendable {
    public enum Phase: Hashable, Sendable {
        /// It comes to the log's end first: what is submitted waits.
        case joining

        /// It takes commands.
        case open

        /// It takes none until a person has looked, and why: a sentence without a full stop.
        case stopped(why: String)
    }

    public internal(set) var phase: Phase

    /// How far the log was applied here.
    public internal(set) var mark: LogMark

    /// What keeps it from going on now, and may pass; a sentence without a full stop.
    public internal(set) var trouble: String?

    /// Commands that wait for the log.
    public internal(set) var waiting: Int

    /// Where the log ends, as far as this node has heard.
    public internal(set) var end: UInt64

    /// When the log took the last entry that was applied here; `nil` before the first.
    public internal(set) var lastEntryAt: Timestamp?

    /// The last entry that has done more than to say how far its sender is.
    var lastNews: UInt64

    /// This node.
    public internal(set) var node: NodeName

    /// All that the log has shown, in the order of their names, this one and those that were removed among them.
    public internal(set) var members: [ClusterMember]

    /// The other nodes, as far as the log has shown them since this one started: how far each had come, and
    /// whether its books were the same there.
    public internal(set) var nodes: [NodeName: Peer]

    /// The last checkpoint that a person has made, and what nodes have said of their books since this one started: each
    /// at the last one that it was asked at.
    public internal(set) var question: LogMark?
    public internal(set) var digests: [NodeName: BooksDigest] = [:]

    public struct Peer: Hashable, Sendable {
        public let mark: LogMark
        public let agrees: Bool

        package init(mark: LogMark, agrees: Bool) {
            self.mark = mark
            self.agrees = agrees
        }
    }
}

extension ClusterStanding {
    /// For who shows one that no log has.
    package init(
        phase: Phase, mark: LogMark, trouble: String?, waiting: Int, nodes: [NodeName: Peer],
        question: LogMark? = nil, digests: [NodeName: BooksDigest] = [:]
    ) {
        self.init(
            phase: phase, mark: mark, trouble: trouble, waiting: waiting, end: mark.position,
            lastEntryAt: nil, lastNews: 0, node: .alone, members: [], nodes: nodes,
            question: question, digests: digests)
    }

    /// Entries that the log is known to have, and that were not applied here.
    public var lag: UInt64 { end - min(end, mark.position) }

    /// Members that were silent for so long that the log is not kept for them: each needs a snapshot, or is to be
    /// removed.
    public var lost: [NodeName] {
        guard let latest = members.latest else { return [] }
        return members.filter { $0.isLost(at: latest) }.map(\.node)
    }

    /// Between two checkpoints of a node that has nothing else to say, in milliseconds.
    private static var checkpointMilliseconds: Int64 { 600_000 }

    /// The longest that a node says nothing: half of what makes it count as lost.
    private static var signMilliseconds: Int64 { ClusterMember.silenceMilliseconds / 2 }

    /// Whether the others should hear how far this node is: it has applied what it has not told them, or was silent
    /// for long.
    public func isCheckpointDue(at now: Timestamp) -> Bool {
        guard phase == .open, let own = members.first(where: { $0.node == node }) else {
            return false
        }
        guard let at = own.at else { return true }
        let silence = now.milliseconds(since: at)
        let hasNews = lastNews > own.applied
        return silence >= Self.signMilliseconds
            || (hasNews && silence >= Self.checkpointMilliseconds)
    }
}

/// What became of the log's oldest entries.
public enum LogTruncation: Hashable, Sendable {
    /// None is to go.
    case none

    /// Those before the position are gone.
    case done(before: UInt64)

    /// A sentence without a full stop.
    case failed(String)
}
