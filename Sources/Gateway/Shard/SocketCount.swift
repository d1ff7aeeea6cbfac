import Synchronization

/// The sockets that clients and children have in all shards together: a child has two, one of them at its parent's end
/// (`ChildLink`).
///
/// Never less than there are. Each shard says what it has before it takes another one up, and at each turn; what it lets go
/// of in a turn is counted until its next one, and a connection on its way to another shard until that has it. So as many as
/// the limit are never exceeded, and when two shards want the last place at the same instant, both may be refused.
final class SocketCount: Sendable {
    /// What one shard has said of itself.
    struct Share {
        fileprivate var connections = 0
        fileprivate var links = 0
    }

    private let sockets = Atomic<Int>(0)

    /// Those at parents' ends.
    private let links = Atomic<Int>(0)

    /// A shard has so many; what all have.
    @discardableResult
    func note(_ share: inout Share, connections: Int, links newLinks: Int) -> Int {
        let (moreConnections, moreLinks) = (connections - share.connections, newLinks - share.links)
        (share.connections, share.links) = (connections, newLinks)
        if moreLinks != 0 { links.add(moreLinks, ordering: .sequentiallyConsistent) }
        return sockets.add(moreConnections + moreLinks, ordering: .sequentiallyConsistent).newValue
    }

    /// A shard is to have so many. False, when that would be more than `limit`, as children have some of them: without any,
    /// `limits.connections` alone says how many connections there may be.
    func take(_ share: inout Share, connections: Int, links newLinks: Int, limit: Int) -> Bool {
        let before = share
        let sum = note(&share, connections: connections, links: newLinks)
        let mayExceed = sum > limit && links.load(ordering: .sequentiallyConsistent) > 0
        if mayExceed {
            note(&share, connections: before.connections, links: before.links)
        }
        return !mayExceed
    }

    /// A connection goes to another shard, which has not taken it in yet.
    func depart() { sockets.add(1, ordering: .sequentiallyConsistent) }

    /// That shard has said that it has it.
    func arrive() { sockets.subtract(1, ordering: .sequentiallyConsistent) }
}
