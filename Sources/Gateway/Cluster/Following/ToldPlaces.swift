import Ledger
import Sessions

/// How far other nodes' shards have told this one which clients they have.
///
/// An owner that does not know a client can say that it has no session only when all have told: under the table of
/// owners that holds, and with what they have inherited.
struct ToldPlaces {
    private struct Shard {
        var table: UInt64 = 0
        var inherited: [NodeName: UInt64] = [:]
    }

    private var shards: [NodeMail.Target: Shard] = [:]

    /// Whether all have told; `nil`: that has to be found out, as something has changed.
    var isComplete: Bool?

    mutating func note(_ mark: PlacesMark, from target: NodeMail.Target) {
        isComplete = nil
        shards[target] = Shard(
            table: mark.table,
            inherited: Dictionary(mark.inherited.map { ($0.node, $0.number) }) { max($0, $1) })
    }

    mutating func forget(_ node: UInt8) {
        isComplete = nil
        for target in shards.keys where target.node == node { shards[target] = nil }
    }

    /// Whether the shard has told under that table.
    func hasTold(_ target: NodeMail.Target, under table: UInt64) -> Bool {
        shards[target]?.table ?? 0 >= table
    }

    /// Whether what the shard has told has that inheritance in it.
    func hasInherited(_ target: NodeMail.Target, from node: NodeName, number: UInt64) -> Bool {
        shards[target]?.inherited[node] ?? 0 >= number
    }
}

/// What a shard says behind the clients that it has told.
struct PlacesMark: Equatable {
    struct Inherited: Hashable {
        let node: NodeName
        let number: UInt64
    }

    /// The number of the table of owners that it went by.
    let table: UInt64

    /// The sessions of which nodes are its own by now.
    let inherited: [Inherited]
}

/// A claim that its owner can't decide on yet.
struct UndecidedClaim {
    let name: SessionName
    let by: DisplacedBy
    let sinceTick: UInt64
}
