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
}

extension ClusterAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case checkpoint = 0x3E_01
        case removeNode = 0x3E_02
        case assignPartitions = 0x3E_03
        case report = 0x3E_04
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .checkpoint(let number): buffer.append(Tag.checkpoint, number)
        case .removeNode(let node): buffer.append(Tag.removeNode, node)
        case .assignPartitions(let table, let after):
            buffer.append(Tag.assignPartitions, table, after)
        case .report(let digest): buffer.append(Tag.report, digest)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .checkpoint: try reader.make(Self.checkpoint)
            case .removeNode: try reader.make(Self.removeNode)
            case .assignPartitions: try reader.make(Self.assignPartitions)
            case .report: try reader.make(Self.report)
            }
    }

    var asked: ClusterAction {
        switch self {
        case .checkpoint, .removeNode, .assignPartitions, .report: self
        }
    }
}

/// A fact about the cluster.
public enum ClusterChange: Hashable, Sendable {
    case checkpoint(number: UInt64)
    case nodeRemoved(NodeName)

    /// The table itself is in the books.
    case partitionsAssigned(number: UInt64)
}

extension ClusterChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case checkpoint = 0x4B_01
        case nodeRemoved = 0x4B_02
        case partitionsAssigned = 0x4B_03
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .checkpoint(let number): buffer.append(Tag.checkpoint, number)
        case .nodeRemoved(let node): buffer.append(Tag.nodeRemoved, node)
        case .partitionsAssigned(let number): buffer.append(Tag.partitionsAssigned, number)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .checkpoint: try reader.make(Self.checkpoint)
            case .nodeRemoved: try reader.make(Self.nodeRemoved)
            case .partitionsAssigned: try reader.make(Self.partitionsAssigned)
            }
    }

    var name: String {
        switch self {
        case .checkpoint: "cluster-checkpoint"
        case .nodeRemoved: "node-removed"
        case .partitionsAssigned: "partitions-assigned"
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
}

extension ClusterRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case alone = 0x53_01
        case unknownNode = 0x53_02
        case removedNode = 0x53_03
        case ownNode = 0x53_04
        case partitionsChanged = 0x53_05
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .alone: buffer.append(Tag.alone)
        case .unknownNode(let node): buffer.append(Tag.unknownNode, node)
        case .removedNode(let node): buffer.append(Tag.removedNode, node)
        case .ownNode(let node): buffer.append(Tag.ownNode, node)
        case .partitionsChanged(let current): buffer.append(Tag.partitionsChanged, current)
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
        }
    }
}
