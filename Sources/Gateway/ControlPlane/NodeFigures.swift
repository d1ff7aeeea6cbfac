public import Ledger
public import Storage
import Telemetry

/// What a node, or one shard of it, has now, and what it has counted since its start.
public struct NodeFigures: Equatable, Sendable {
    /// Open sockets.
    public var connections: UInt64 = 0

    /// Admitted clients.
    public var clients: UInt64 = 0

    /// Sessions in memory, of clients that are away too.
    public var sessions: UInt64 = 0

    public var connectsAdmitted: UInt64 = 0
    public var publishesReceived: UInt64 = 0
    public var publishesDelivered: UInt64 = 0
    public var publishesOverQuota: UInt64 = 0

    /// Connections that ended, and CONNECTs that were refused.
    public var connectionsEnded: UInt64 = 0

    package init() {}

    /// All of them, in the order in which they go between nodes.
    static var fields: [any WritableKeyPath<Self, UInt64> & Sendable] {
        [
            \.connections, \.clients, \.sessions, \.connectsAdmitted, \.publishesReceived,
            \.publishesDelivered, \.publishesOverQuota, \.connectionsEnded,
        ]
    }

    static func += (sum: inout Self, part: Self) {
        // Another node may say anything: it wraps around rather than traps.
        for field in fields { sum[keyPath: field] &+= part[keyPath: field] }
    }
}

extension Gateway {
    /// The figures of each node of the cluster, in order; `nil` of one that does not answer. Empty of a gateway alone.
    ///
    /// Throws when the ledger can't be read.
    public func nodeFigures() async throws(StoreError) -> [(node: NodeName, figures: NodeFigures?)]
    {
        let nodes = try nodes()
        guard !nodes.isEmpty else { return [] }
        let reachable = await ask(0, orElse: [:]) { .reachableNodes($0) }
        return await nodes.mapAtOnce { node in
            if node == self.commons.node { return (node, await self.ownFigures()) }
            return (node, await self.figures(of: node, shards: reachable[node] ?? 0))
        }
    }

    private func ownFigures() async -> NodeFigures {
        await askShards(orElse: NodeFigures()) { .figures($0) }.reduce(into: NodeFigures(), +=)
    }

    private func figures(of node: NodeName, shards: Int) async -> NodeFigures? {
        guard shards > 0 else { return nil }
        let answers = await (0..<shards).mapAtOnce { shard in
            await self.ask(0, orElse: nil) { .node(node, shard: shard, NodeQuestion.figures, $0) }
        }
        var sum = NodeFigures()
        for answer in answers {
            guard case .figures(let part)? = answer else { return nil }
            sum += part
        }
        return sum
    }
}

extension Shard {
    func figures() -> NodeFigures {
        let counters = context.counters
        var figures = NodeFigures()
        figures.connections = UInt64(context.wire.count)
        figures.clients = UInt64(broker.connectedCount)
        figures.sessions = UInt64(broker.sessionCount)
        figures.connectsAdmitted = counters.events.value(of: .connectsAdmitted)
        figures.publishesReceived = counters.events.value(of: .publishesReceived)
        figures.publishesDelivered = counters.events.value(of: .publishesDelivered)
        figures.publishesOverQuota = counters.events.value(of: .publishesOverQuota)
        figures.connectionsEnded = Reason.allCases.reduce(0) {
            $0 + counters.endings.value(of: $1)
        }
        return figures
    }
}
