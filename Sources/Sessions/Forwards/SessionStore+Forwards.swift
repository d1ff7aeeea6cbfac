internal import Bytes
public import Storage

// What a node keeps for other nodes of its cluster, and knows of them.
extension SessionStore {
    /// The number of this life of the store, greater than those of all before it. Once, before anything is forwarded.
    public func beginForwarding() throws(StoreError) -> UInt64 {
        let tables = tables
        return try shared.environment.write { transaction throws(StoreError) in
            try tables.beginLife(in: transaction)
        }
    }

    /// The first life of which this node keeps anything: what earlier ones have kept another one has taken over.
    public func firstForwardingLife() throws(StoreError) -> UInt64 {
        let tables = tables
        return try shared.environment.read { transaction throws(StoreError) in
            try tables.numbers.get(2, in: transaction)?.value ?? 0
        }
    }

    /// Calls `body` with all that is on its way to other nodes: of each node in the order of the numbers. One
    /// snapshot: for the start.
    public func forEachForward(
        _ body: (String, ForwardNumber, Forward) throws(StoreError) -> Void
    ) throws(StoreError) {
        let tables = tables
        try shared.environment.read { transaction throws(StoreError) in
            try tables.nodes.forwards.forEach(in: transaction) {
                (key, forward) throws(StoreError) in
                try body(key.first, key.second, forward)
                return .proceed
            }
        }
    }

    /// Calls `body` with each filter that stored sessions of other nodes have. One snapshot: for the start.
    public func forEachFilterElsewhere(
        _ body: (FilterElsewhere) throws(StoreError) -> Void
    ) throws(StoreError) {
        let tables = tables
        try shared.environment.read { transaction throws(StoreError) in
            try tables.nodes.filters.forEach(in: transaction) { (key, record) throws(StoreError) in
                try body(
                    FilterElsewhere(
                        node: key.first, shard: key.second.number, shardCount: record.shardCount,
                        number: key.third, filter: record.filter))
                return .proceed
            }
        }
    }
}

/// A filter that stored sessions of another node have.
public struct FilterElsewhere: Equatable, Sendable {
    public let node: String

    /// The shard of the node that has the sessions, and how many shards the node has.
    public let shard: UInt8
    public let shardCount: UInt8

    /// Of its place.
    public let number: UInt32
    public let filter: [UInt8]
}

extension SessionReader {
    /// A message on its way to that node; `nil`: it is not any more.
    public mutating func forward(
        _ number: ForwardNumber, to node: String
    ) throws(StoreError) -> Forward? {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.nodes.forwards.get(KeyPair(node, number), in: transaction)
        }
    }

    /// Whether a shard has taken what that node has forwarded under the number.
    public mutating func hasTaken(
        _ number: ForwardNumber, from node: String, shard: UInt8
    ) throws(StoreError) -> Bool {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.nodes.taken.contains(
                KeyTriple(node, ShardKey(shard), number), in: transaction)
        }
    }

    /// All that a shard has taken from that node, and the node does not know of for all that is known.
    public mutating func taken(
        from node: String, shard: UInt8
    ) throws(StoreError) -> [ForwardNumber] {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            var numbers: [ForwardNumber] = []
            try tables.nodes.taken.forEach(
                in: transaction, prefix: KeyPair(node, ShardKey(shard))
            ) { key, _ in
                numbers.append(key.third)
                return .proceed
            }
            return numbers
        }
    }
}
