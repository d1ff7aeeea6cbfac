package import Reactor

/// A session, for all shards: where it is, and its token there. Ordered shard by shard.
package struct SessionAddress: Sendable, Hashable, Comparable {
    package let shard: Int
    package let token: Token

    package init(shard: Int, token: Token) {
        self.shard = shard
        self.token = token
    }

    package static func < (left: SessionAddress, right: SessionAddress) -> Bool {
        if left.shard != right.shard { return left.shard < right.shard }
        return left.token.rawValue < right.token.rawValue
    }
}
