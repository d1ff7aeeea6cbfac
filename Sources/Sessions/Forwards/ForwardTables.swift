public import Bytes
public import Storage

/// The tables of messages between nodes, in the environment of the sessions. Keys begin with the other node's name.
struct ForwardTables: Sendable {
    /// What is on its way to other nodes.
    let forwards: Table<KeyPair<String, ForwardNumber>, Forward>

    /// What other nodes have forwarded, by the shard that has taken it, as long as they don't know.
    let taken: Table<KeyTriple<String, ShardKey, ForwardNumber>, EmptyRecord>

    /// What stored sessions of other nodes subscribe to, by their shard.
    let filters: Table<KeyTriple<String, ShardKey, UInt32>, FilterRecord>

    init(in environment: Environment) throws(StoreError) {
        forwards = try Table("node-forwards", in: environment)
        taken = try Table("node-taken", in: environment)
        filters = try Table("node-filters", in: environment)
    }

    func write(
        _ change: ForwardChange, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        switch change {
        case .keep(let node, let number, let forward):
            try forwards.put(KeyPair(node, number), forward, in: transaction)
        case .arrived(let node, let number):
            try forwards.delete(KeyPair(node, number), in: transaction)
        case .take(let node, let shard, let number):
            try taken.put(
                KeyTriple(node, ShardKey(shard), number), EmptyRecord(), in: transaction)
        case .settle(let node, let shard, let number):
            try taken.delete(KeyTriple(node, ShardKey(shard), number), in: transaction)
        case .hold(let node, let shard, let number, let filter, let shardCount):
            try filters.put(
                KeyTriple(node, ShardKey(shard), number),
                FilterRecord(filter, shardCount: shardCount), in: transaction)
        case .drop(let node, let shard, let number):
            try filters.delete(KeyTriple(node, ShardKey(shard), number), in: transaction)
        }
    }

    /// All that was taken, as the changes that say so.
    func allTaken(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [ForwardChange] {
        var found: [ForwardChange] = []
        try taken.forEach(in: transaction) { key, _ in
            found.append(.take(key.first, shard: key.second.number, key.third))
            return .proceed
        }
        return found
    }
}

/// A shard, in one byte.
struct ShardKey: StorageKey, Hashable {
    let number: UInt8

    init(_ number: UInt8) { self.number = number }

    func encode(into writer: inout KeyWriter) { writer.append(number) }

    init?(decoding reader: inout ByteReader) {
        guard let number = reader.readUInt8() else { return nil }
        self.number = number
    }
}

/// A topic filter, `$share/group/` included.
struct FilterRecord: StorageRecord, Equatable {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    let filter: [UInt8]

    /// Of the node.
    let shardCount: UInt8

    init(_ filter: [UInt8], shardCount: UInt8) {
        self.filter = filter
        self.shardCount = shardCount
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(shardCount)
        buffer.append(counted: filter.span)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "filter of another node") {
        case .v1: break
        }
        shardCount = try reader.takeUInt8()
        filter = try reader.takeBytes()
        try reader.requireEnd(of: "filter of another node")
    }
}

extension Forward: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1, v2, v3 }

    /// The least that has all of it.
    private var version: Version {
        if origin != nil || inherited?.keeper != nil { return .v3 }
        return inherited == nil && excluded.isEmpty ? .v1 : .v2
    }

    public func encode(into buffer: inout ByteBuffer) {
        let version = version
        buffer.append(version)
        if version == .v3 {
            buffer.append(optional: origin) {
                $0.append(text: $1.node)
                $0.append($1.number.rawValue)
            }
            buffer.append(optional: inherited?.keeper) { $0.append(text: $1) }
        }
        if version != .v1 {
            buffer.append(optional: inherited) {
                $0.append(text: $1.node)
                $0.append($1.number.rawValue)
                $0.append($1.shard)
                $0.append($1.shardCount)
            }
            buffer.append(list: excluded) { $0.append(text: $1) }
        }
        buffer.append(shard)
        buffer.append(shardCount)
        buffer.append(isRetained)
        buffer.append(isForSubscribers)
        buffer.append(list: shares) { $0.append(counted: $1.span) }
        message.append(to: &buffer)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        var inherited: Inherited?
        var excluded: [String] = []
        var origin: Origin?
        var keeper: String?
        let version = try reader.take(Version.self, of: "message for another node")
        if version == .v3 {
            origin = try reader.takeOptional { reader throws(MalformedRecord) in
                Origin(
                    node: try reader.takeText(),
                    number: ForwardNumber(rawValue: try reader.takeUInt64()))
            }
            keeper = try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeText()
            }
        }
        switch version {
        case .v1: break
        case .v2, .v3:
            inherited = try reader.takeOptional { reader throws(MalformedRecord) in
                Inherited(
                    node: try reader.takeText(),
                    number: ForwardNumber(rawValue: try reader.takeUInt64()), keeper: keeper,
                    shard: try reader.takeUInt8(), shardCount: try reader.takeUInt8())
            }
            excluded = try reader.takeList { reader throws(MalformedRecord) in
                try reader.takeText()
            }
        }
        let shard = try reader.takeUInt8()
        let shardCount = try reader.takeUInt8()
        let isRetained = try reader.takeBool()
        let isForSubscribers = try reader.takeBool()
        let shares = try reader.takeList { reader throws(MalformedRecord) in
            try reader.takeBytes()
        }
        self.init(
            try Message(taking: &reader), isRetained: isRetained,
            isForSubscribers: isForSubscribers, shares: shares, shard: shard,
            shardCount: shardCount, inherited: inherited, excluded: excluded, origin: origin)
        try reader.requireEnd(of: "message for another node")
    }
}
