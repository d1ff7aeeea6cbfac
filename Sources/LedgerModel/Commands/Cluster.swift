package import Bytes
package import Encoding

/// What a command does with the cluster that the books are of.
public enum ClusterAction: Hashable, Sendable {
    /// Changes nothing, and is an event: its place in the log is where nodes can be compared, and its envelope says how
    /// far its sender had come.
    case checkpoint(number: UInt64)

    /// Takes a node out that will not come back: its leases count as used (rule C6), the imports that it was receiving
    /// are abandoned, and what it still sends is void. Its name is not used again.
    ///
    /// So many leases at a time: to be repeated while there are more. Who owns what is not changed by it.
    case removeNode(NodeName)

    /// Unless there is another table than number `after` by now; 0: none.
    case assignPartitions(PartitionTable, after: UInt64)

    /// What the sender's books were where a person has made a checkpoint. Changes nothing, and is an event as that is.
    case report(BooksDigest)

    /// `follower` has all of the node's stored sessions from here on, and the node acknowledges nothing that the follower
    /// does not have; `nil`: the node is on its own.
    ///
    /// Unless the node's record has another number than `after` by now; 0: none. When its sessions were taken over, a node
    /// that names that number has begun anew, with none of them.
    case followSessions(of: NodeName, by: NodeName?, after: UInt64)

    /// The follower, which has all of them, takes the node's stored sessions over.
    ///
    /// Unless the node's record has another number than `after` by now, or another follower, or they were taken over.
    case inheritSessions(of: NodeName, by: NodeName, after: UInt64)

    /// What the heir has taken over under that number is among its own sessions.
    case settleInheritance(of: NodeName, by: NodeName, number: UInt64)
}

extension ClusterAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case checkpoint = 0x3E_01
        case removeNode = 0x3E_02
        case assignPartitions = 0x3E_03
        case report = 0x3E_04
        case followSessions = 0x3E_05
        case inheritSessions = 0x3E_06
        case settleInheritance = 0x3E_07
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .checkpoint(let number): buffer.append(Tag.checkpoint, number)
        case .removeNode(let node): buffer.append(Tag.removeNode, node)
        case .assignPartitions(let table, let after):
            buffer.append(Tag.assignPartitions, table, after)
        case .report(let digest): buffer.append(Tag.report, digest)
        case .followSessions(let node, let follower, let after):
            buffer.append(Tag.followSessions, node, follower, after)
        case .inheritSessions(let node, let follower, let after):
            buffer.append(Tag.inheritSessions, node, follower, after)
        case .settleInheritance(let node, let heir, let number):
            buffer.append(Tag.settleInheritance, node, heir, number)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .checkpoint: try reader.make(Self.checkpoint)
            case .removeNode: try reader.make(Self.removeNode)
            case .assignPartitions: try reader.make(Self.assignPartitions)
            case .report: try reader.make(Self.report)
            case .followSessions: try reader.make(Self.followSessions)
            case .inheritSessions: try reader.make(Self.inheritSessions)
            case .settleInheritance: try reader.make(Self.settleInheritance)
            }
    }

    var asked: ClusterAction {
        switch self {
        case .checkpoint, .removeNode, .assignPartitions, .report, .followSessions,
            .inheritSessions, .settleInheritance:
            self
        }
    }
}

/// A fact about the cluster.
public enum ClusterChange: Hashable, Sendable {
    case checkpoint(number: UInt64)
    case nodeRemoved(NodeName)

    /// The table itself is in the books.
    case partitionsAssigned(number: UInt64)

    /// Another node has all of a node's stored sessions, or none has any more. Also of each node that has lost its
    /// follower because that one was removed.
    case sessionsFollowed(of: NodeName, by: NodeName?, number: UInt64)

    /// The follower has taken a node's stored sessions over.
    case sessionsInherited(of: NodeName, by: NodeName, number: UInt64)

    /// The follower has put them among its own.
    case inheritanceSettled(of: NodeName, by: NodeName, number: UInt64)
}

extension ClusterChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case checkpoint = 0x4B_01
        case nodeRemoved = 0x4B_02
        case partitionsAssigned = 0x4B_03
        case sessionsFollowed = 0x4B_04
        case sessionsInherited = 0x4B_05
        case inheritanceSettled = 0x4B_06
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .checkpoint(let number): buffer.append(Tag.checkpoint, number)
        case .nodeRemoved(let node): buffer.append(Tag.nodeRemoved, node)
        case .partitionsAssigned(let number): buffer.append(Tag.partitionsAssigned, number)
        case .sessionsFollowed(let node, let follower, let number):
            buffer.append(Tag.sessionsFollowed, node, follower, number)
        case .sessionsInherited(let node, let follower, let number):
            buffer.append(Tag.sessionsInherited, node, follower, number)
        case .inheritanceSettled(let node, let heir, let number):
            buffer.append(Tag.inheritanceSettled, node, heir, number)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .checkpoint: try reader.make(Self.checkpoint)
            case .nodeRemoved: try reader.make(Self.nodeRemoved)
            case .partitionsAssigned: try reader.make(Self.partitionsAssigned)
            case .sessionsFollowed: try reader.make(Self.sessionsFollowed)
            case .sessionsInherited: try reader.make(Self.sessionsInherited)
            case .inheritanceSettled: try reader.make(Self.inheritanceSettled)
            }
    }

    var name: String {
        switch self {
        case .checkpoint: "cluster-checkpoint"
        case .nodeRemoved: "node-removed"
        case .partitionsAssigned: "partitions-assigned"
        case .sessionsFollowed: "sessions-followed"
        case .sessionsInherited: "sessions-inherited"
        case .inheritanceSettled: "inheritance-settled"
        }
    }
}

/// Why nothing was done with the cluster.
public enum ClusterRefusal: Hashable, Sendable {
    /// The books are those of a gateway alone.
    case alone

    /// No node of that name has ever been in the cluster.
    case unknownNode(NodeName)

    /// It was removed, so that nothing can be given to it.
    case removedNode(NodeName)

    /// A node is removed by another one: what it would be told it could not carry on with.
    case ownNode(NodeName)

    /// The table that is to follow is not the one behind the current one.
    case partitionsChanged(current: UInt64)

    /// The node's record is not the one that was named, or does not allow it; 0: there is none.
    case followingChanged(current: UInt64)

    /// A node's stored sessions are followed by another one.
    case ownFollower(NodeName)
}

extension ClusterRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case alone = 0x53_01
        case unknownNode = 0x53_02
        case removedNode = 0x53_03
        case ownNode = 0x53_04
        case partitionsChanged = 0x53_05
        case followingChanged = 0x53_06
        case ownFollower = 0x53_07
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .alone: buffer.append(Tag.alone)
        case .unknownNode(let node): buffer.append(Tag.unknownNode, node)
        case .removedNode(let node): buffer.append(Tag.removedNode, node)
        case .ownNode(let node): buffer.append(Tag.ownNode, node)
        case .partitionsChanged(let current): buffer.append(Tag.partitionsChanged, current)
        case .followingChanged(let current): buffer.append(Tag.followingChanged, current)
        case .ownFollower(let node): buffer.append(Tag.ownFollower, node)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .alone: .alone
            case .unknownNode: try reader.make(Self.unknownNode)
            case .removedNode: try reader.make(Self.removedNode)
            case .ownNode: try reader.make(Self.ownNode)
            case .partitionsChanged: try reader.make(Self.partitionsChanged)
            case .followingChanged: try reader.make(Self.followingChanged)
            case .ownFollower: try reader.make(Self.ownFollower)
            }
    }

    public var description: String {
        switch self {
        case .alone: "the gateway is in no cluster"
        case .unknownNode(let node): "the cluster has no node \(node)"
        case .removedNode(let node): "node \(node) was removed from the cluster"
        case .ownNode(let node): "node \(node) can't remove itself: ask another node"
        case .partitionsChanged(let current):
            "the table of partitions is number \(current) by now: make another one from that"
        case .followingChanged(0): "no node has followed the node's stored sessions yet"
        case .followingChanged(let current):
            "who keeps the node's stored sessions has changed: the record is number \(current) by now"
        case .ownFollower(let node): "node \(node) can't follow itself: name another node"
        }
    }
}
