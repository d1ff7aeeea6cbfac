package import MQTT
package import Reactor

/// One subscription as the topic trees hold it: whose it is, and what was asked for with it.
///
/// A session has at most one subscription to a filter ([MQTT-3.8.4-3]), so shard and token name it
/// below its filter.
package struct Subscriber: Sendable, Equatable {
    /// Where the session is, and its token there.
    package let shard: Int
    package let token: Token

    /// The most that it takes.
    package let qos: QoS

    /// Its own session's messages are not sent back ([MQTT-3.8.3-3]).
    package let noLocal: Bool

    /// Messages keep the RETAIN flag that they were published with ([MQTT-3.3.1-13]).
    package let retainAsPublished: Bool

    /// The session is a stored one: who publishes to it waits for the disk.
    package let isStored: Bool

    /// 1 to 268,435,455, or 0 for none.
    package let identifier: UInt32

    package init(
        shard: Int,
        token: Token,
        qos: QoS,
        noLocal: Bool,
        retainAsPublished: Bool = false,
        isStored: Bool = false,
        identifier: UInt32 = 0
    ) {
        self.shard = shard
        self.token = token
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.isStored = isStored
        self.identifier = identifier
    }

    package var session: SessionAddress { SessionAddress(shard: shard, token: token) }

    /// What a shard of another node wants for its sessions, whose own options it knows itself.
    package init(elsewhere session: SessionAddress) {
        self.init(
            shard: session.shard, token: session.token, qos: .exactlyOnce, noLocal: false,
            retainAsPublished: true, isStored: true)
    }

    /// Whether it stands for a shard of another node.
    var isElsewhere: Bool { SessionAddress.isElsewhere(shard) }
}

/// A session, for all shards: where it is, and its token there. Ordered shard by shard.
///
/// A shard of another node is like one session here: what it wants for sessions of its own. It stands behind all of
/// this node's.
package struct SessionAddress: Sendable, Hashable, Comparable {
    /// Of this node, or made by `init(node:shard:)`.
    package let shard: Int
    package let token: Token

    package init(shard: Int, token: Token) {
        self.shard = shard
        self.token = token
    }

    /// A shard of the node that is known by that number here.
    package init(node: UInt8, shard: Int) {
        self.shard = Self.firstElsewhere + Int(node) << 8 + shard
        token = .reserved(0)
    }

    /// Greater than any number of a shard.
    private static var firstElsewhere: Int { 1 << 16 }

    /// Whether a shard number is one of another node.
    static func isElsewhere(_ shard: Int) -> Bool { shard >= firstElsewhere }

    /// Of a shard of another node.
    static func node(of shard: Int) -> UInt8 { UInt8((shard - firstElsewhere) >> 8) }
    static func peerShard(of shard: Int) -> Int { (shard - firstElsewhere) & 0xFF }

    package static func < (left: SessionAddress, right: SessionAddress) -> Bool {
        if left.shard != right.shard { return left.shard < right.shard }
        return left.token.rawValue < right.token.rawValue
    }
}

/// Subscribers to one filter, one for each session, in the sessions' order: found by halving, and
/// what is found under several filters is merged without sorting.
extension [Subscriber] {
    /// Where the session's subscription is, or would be.
    func position(of session: SessionAddress) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].session < session { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && self[low].session == session)
    }

    /// Puts the subscription in, in place of the session's earlier one; whether there was none.
    mutating func insertInOrder(_ subscriber: Subscriber) -> Bool {
        let (index, isThere) = position(of: subscriber.session)
        if isThere { self[index] = subscriber } else { insert(subscriber, at: index) }
        return !isThere
    }

    /// Takes the session's subscription out; whether there was one.
    mutating func removeInOrder(_ session: SessionAddress) -> Bool {
        let (index, isThere) = position(of: session)
        if isThere { remove(at: index) }
        return isThere
    }
}
