public import LedgerModel
internal import Synchronization

/// A network in memory, for nodes in one process: it loses nothing but what goes where it was cut.
///
/// A datagram is handed on during the call that sends it.
public final class InProcessPeers: Sendable {
    private struct Route: Hashable { let from: NodeName, to: NodeName }

    private struct Network {
        var nodes: [NodeName: (port: ObjectIdentifier, handler: @Sendable ([UInt8]) -> Void)] = [:]
        var cuts: Set<Route> = []
    }

    private let network = Mutex(Network())

    public init() {}

    /// Of one node. One that receives under a name that another one has takes its place.
    public func attach() -> any PeerTransport { Port(self) }

    /// From now on nothing comes from the one to the other; the other way it does.
    public func cut(from: NodeName, to: NodeName) {
        _ = network.withLock { $0.cuts.insert(Route(from: from, to: to)) }
    }

    /// What is sent from one node to the other comes through again.
    public func mend(from: NodeName, to: NodeName) {
        _ = network.withLock { $0.cuts.remove(Route(from: from, to: to)) }
    }

    /// Everything comes through again.
    public func mend() { network.withLock { $0.cuts = [] } }

    private final class Port: PeerTransport {
        private let peers: InProcessPeers
        private let name = Mutex<NodeName?>(nil)

        init(_ peers: InProcessPeers) { self.peers = peers }

        func receive(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void) {
            name.withLock { $0 = node }
            peers.network.withLock { $0.nodes[node] = (ObjectIdentifier(self), handler) }
        }

        func send(_ datagram: [UInt8], to node: NodeName) {
            guard let from = name.withLock({ $0 }) else { return }
            let handler = peers.network.withLock { network in
                network.cuts.contains(Route(from: from, to: node))
                    ? nil : network.nodes[node]?.handler
            }
            handler?(datagram)
        }

        func sendToAll(_ datagram: [UInt8]) {
            for node in peers.network.withLock({ $0.nodes.keys.sorted() }) {
                send(datagram, to: node)
            }
        }

        func close() {
            guard let node = name.withLock({ $0.take() }) else { return }
            peers.network.withLock { network in
                guard network.nodes[node]?.port == ObjectIdentifier(self) else { return }
                network.nodes[node] = nil
            }
        }
    }
}
