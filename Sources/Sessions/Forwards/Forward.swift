public import Bytes
public import Storage

/// A message on its way to sessions of another node of the cluster, which its publisher has been answered for: kept
/// until that node has it on its own disk.
public struct Forward: Equatable, Sendable {
    public let message: Message

    /// The RETAIN flag that it was published with.
    public let isRetained: Bool

    /// For all of the shard's sessions that have a matching subscription of their own.
    public let isForSubscribers: Bool

    /// Shares (`$share/group/filter`) of which one member there is to get it.
    public let shares: [[UInt8]]

    /// The other node's shard that has the sessions, and how many shards the node had then: with another number
    /// sessions are on other shards.
    public let shard: UInt8
    public let shardCount: UInt8

    /// Only for sessions that the node has taken over from another one, for which the message was kept before.
    public let inherited: Inherited?

    /// Not for sessions that the node has taken over from those: for them the same message is kept under another number.
    public let excluded: [String]

    /// The node that has kept it first, and is gone; `nil`: this one. It is known by that node's number wherever it comes.
    public let origin: Origin?

    /// Who has kept a message first, and under which number.
    public struct Origin: Hashable, Sendable {
        public let node: String
        public let number: ForwardNumber

        public init(node: String, number: ForwardNumber) {
            self.node = node
            self.number = number
        }
    }

    /// For whom a message was kept before.
    public struct Inherited: Equatable, Sendable {
        public let node: String

        /// Under which number it was: the node may have taken it, and that is known to who has its sessions.
        public let number: ForwardNumber

        /// Whose number that is; `nil`: of the one that the message is known by now.
        public let keeper: String?

        /// The shard of that node that had the sessions, of so many: those of its other shards get it, if at all, by a
        /// forward of their own.
        public let shard: UInt8
        public let shardCount: UInt8

        public init(
            node: String, number: ForwardNumber, keeper: String? = nil, shard: UInt8,
            shardCount: UInt8
        ) {
            self.node = node
            self.number = number
            self.keeper = keeper
            self.shard = shard
            self.shardCount = shardCount
        }
    }

    public init(
        _ message: Message,
        isRetained: Bool,
        isForSubscribers: Bool,
        shares: [[UInt8]],
        shard: UInt8,
        shardCount: UInt8,
        inherited: Inherited? = nil,
        excluded: [String] = [],
        origin: Origin? = nil
    ) {
        self.message = message
        self.isRetained = isRetained
        self.isForSubscribers = isForSubscribers
        self.shares = shares
        self.shard = shard
        self.shardCount = shardCount
        self.inherited = inherited
        self.excluded = excluded
        self.origin = origin
    }

    /// The same for all shards of the node that has taken over the sessions which it was for.
    public func readdressed(from node: String, _ number: ForwardNumber) -> Forward {
        Forward(
            message, isRetained: isRetained, isForSubscribers: isForSubscribers, shares: shares,
            shard: shard, shardCount: 0,
            inherited: Inherited(
                node: inherited?.node ?? node, number: origin?.number ?? number,
                keeper: origin?.node, shard: inherited?.shard ?? shard,
                shardCount: inherited?.shardCount ?? shardCount), excluded: excluded)
    }

    /// The same, kept by another node from now on, as the one that has kept it is gone.
    public func kept(after node: String, _ number: ForwardNumber) -> Forward {
        Forward(
            message, isRetained: isRetained, isForSubscribers: isForSubscribers, shares: shares,
            shard: shard, shardCount: shardCount, inherited: inherited, excluded: excluded,
            origin: origin ?? Origin(node: node, number: number))
    }
}

/// Names a forward among all of its node, for good: no other one of it has the number, or will. Those of one shard
/// grow.
public struct ForwardNumber: StorageKey, Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// - Parameters:
    ///   - life: of the store, which grows with each process that opens it (`SessionStore.beginForwarding`).
    ///   - shard: the one that forwards.
    ///   - count: how many it has forwarded in this life.
    public init(life: UInt64, shard: UInt8, count: UInt32) {
        rawValue = life << 40 | UInt64(shard) << 32 | UInt64(count)
    }

    /// The shard that has given it.
    public var shard: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 32) }

    /// Of the store, when it was given.
    public var life: UInt64 { rawValue >> 40 }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readUInt64() else { return nil }
        rawValue = value
    }
}

extension ForwardNumber: CustomStringConvertible {
    public var description: String {
        "forward \(rawValue >> 40).\(shard).\(UInt32(truncatingIfNeeded: rawValue))"
    }
}

/// One step of what a node keeps for other nodes, or knows of them; a part of `SessionChange`. Nodes are named as in
/// the books.
public enum ForwardChange: Equatable, Sendable {
    /// A message for sessions of that node is kept.
    case keep(String, ForwardNumber, Forward)

    /// The node has it.
    case arrived(String, ForwardNumber)

    /// A message that the node has forwarded was taken by this shard: the same again is not a new one.
    case take(String, shard: UInt8, ForwardNumber)

    /// The node knows that, and won't forward it again.
    case settle(String, shard: UInt8, ForwardNumber)

    /// Stored sessions of a shard of the node have that filter. `number` is this node's own, for the place; `shardCount`
    /// is how many shards the node has.
    case hold(String, shard: UInt8, number: UInt32, filter: [UInt8], shardCount: UInt8)

    /// They don't have it any more.
    case drop(String, shard: UInt8, number: UInt32)
}
