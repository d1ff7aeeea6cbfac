public import LedgerModel
public import Replication

/// What makes a gateway a node of a cluster: the log that all nodes apply, and who it is among them.
public struct ClusterMembership: Sendable {
    public let log: any CommandLog
    public let cluster: ClusterID
    public let node: NodeName

    /// Random, another for each start, and not 0: what this process sends is told from what the one before
    /// has left under way.
    public let epoch: UInt64

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

    /// The other nodes, as far as the log has shown them since this one started: how far each had come, and
    /// whether its books were the same there.
    public internal(set) var nodes: [NodeName: Peer]

    public struct Peer: Hashable, Sendable {
        public let mark: LogMark
        public let agrees: Bool
    }
}
