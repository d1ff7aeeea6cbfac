/// What a node that has just started waits for before it takes connections: that the others have told it what their
/// applications want. Until then it would tell a device that no one wants its message, which is lost with that.
struct Welcomes {
    /// How long nodes that may not be there are waited for, in milliseconds.
    static let patienceMilliseconds: Int64 = 3_000

    /// Shards of each node that have not answered yet. An answer comes behind all filters.
    private var outstanding: [UInt8: Int] = [:]

    /// That many shards of a node have been asked.
    mutating func ask(_ node: UInt8, shards: Int) { outstanding[node] = shards }

    mutating func answered(_ node: UInt8) { outstanding[node]? -= 1 }

    mutating func lose(_ node: UInt8) { outstanding[node] = nil }

    /// Whether all of these nodes have answered.
    func areComplete(of nodes: Set<UInt8>) -> Bool {
        nodes.allSatisfy { outstanding[$0].map { $0 <= 0 } ?? false }
    }
}
