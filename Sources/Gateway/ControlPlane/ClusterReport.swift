public import Ledger

/// How a node stands with its cluster: what it knows itself, and what the log has shown it of the others.
public struct ClusterReport: Sendable {
    public let cluster: ClusterID
    public let node: NodeName
    public let standing: ClusterStanding

    /// Why the log may not be relied on now; `nil` when it may.
    public let doubt: String?

    /// Where the log ended when it was last asked; `nil` before it has answered.
    public let end: UInt64?

    /// How long ago all was applied that the log had; `nil` until that was so for the first time.
    public let behindMilliseconds: Int64?

    /// Every node that the log has shown, this one too, by name.
    public let members: [Member]

    public struct Member: Sendable {
        public let node: NodeName

        /// How far it is known to have applied the log.
        public let position: UInt64

        /// What its books were made of up to there; `nil` when this node has not seen it since its start.
        public let chainHash: ChainHash?

        /// How long ago the log has taken the last that it said; `nil` when that is not known.
        public let silentMilliseconds: Int64?

        /// Whether it can be reached now, over the links between nodes: one that ends or is killed can't a few seconds
        /// later. `nil` of one that was removed, or when this node has no links.
        public let isReachable: Bool?

        /// How long ago anything came from it over its link; `nil`: nothing since this node's start.
        public let heardMilliseconds: Int64?

        /// Whether its books were the same where they were last compared; `nil` when they were not, since the start.
        public let agrees: Bool?

        /// For good.
        public let isRemoved: Bool

        /// Who keeps its stored sessions besides itself, or has taken them over; `nil`: it is yet to be said.
        public let following: SessionFollowing?

        package init(
            node: NodeName, position: UInt64, chainHash: ChainHash?, silentMilliseconds: Int64?,
            agrees: Bool?, isRemoved: Bool = false, following: SessionFollowing? = nil,
            reach: PeerReach? = nil
        ) {
            self.node = node
            self.position = position
            self.chainHash = chainHash
            self.silentMilliseconds = silentMilliseconds
            self.agrees = agrees
            isReachable = isRemoved ? nil : reach?.isReachable
            heardMilliseconds = isRemoved ? nil : reach?.heardMilliseconds
            self.isRemoved = isRemoved
            self.following = following
        }
    }

    package init(
        cluster: ClusterID, node: NodeName, standing: ClusterStanding, doubt: String?,
        end: UInt64?, behindMilliseconds: Int64?, members: [Member]
    ) {
        self.cluster = cluster
        self.node = node
        self.standing = standing
        self.doubt = doubt
        self.end = end
        self.behindMilliseconds = behindMilliseconds
        self.members = members
    }

    /// Entries of the log that were not applied here yet, as far as is known.
    public var lag: UInt64? { end.map { Self.entries(to: $0, from: standing.mark.position) } }

    /// The same of another node, when it was last heard of.
    public func lag(of member: Member) -> UInt64? {
        guard let end, !member.isRemoved else { return nil }
        return Self.entries(to: max(end, standing.mark.position), from: member.position)
    }

    private static func entries(to end: UInt64, from position: UInt64) -> UInt64 {
        end > position ? end - position : 0
    }
}

/// How a node stands to another one over the link between them.
package struct PeerReach: Equatable, Sendable {
    package let isReachable: Bool

    /// How long ago anything came from it; `nil`: nothing since this node's start.
    package let heardMilliseconds: Int64?

    package init(isReachable: Bool, heardMilliseconds: Int64?) {
        self.isReachable = isReachable
        self.heardMilliseconds = heardMilliseconds
    }

    /// A node to itself.
    static let own = PeerReach(isReachable: true, heardMilliseconds: 0)

    /// One that has never been heard of.
    static let unheard = PeerReach(isReachable: false, heardMilliseconds: nil)
}
