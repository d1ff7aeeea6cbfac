public import LedgerModel
public import Links
import Randomness
import Synchronization

/// How often what goes wrong with a network in a simulation, in datagrams of a thousand.
public struct PeerFaults: Sendable {
    public var lost = 0
    public var doubled = 0

    /// It comes up to `latestSteps` later, behind others.
    public var late = 0
    public var latestSteps = 30

    /// Larger datagrams are always lost.
    public var largestBytes = PeerDatagram.maximumBytes

    /// All goes well.
    public init() {}

    /// All that can go wrong, often.
    public static var all: PeerFaults {
        var faults = PeerFaults()
        faults.lost = 80
        faults.doubled = 50
        faults.late = 100
        return faults
    }
}

/// A network that loses, doubles, delays and reorders by a seed, and can be cut, each way by itself.
///
/// Nothing happens by itself: `step` hands on what is due, so that a simulation on one thread can be repeated.
public final class FaultyPeers: Sendable {
    struct Route: Hashable { let from: NodeName, to: NodeName }

    private struct UnderWay {
        let bytes: [UInt8]
        let route: Route
        let step: Int
    }

    private struct State {
        var faults: PeerFaults
        var dice: SplitMix64
        var step = 0
        var underWay: [UnderWay] = []
        var cuts: Set<Route> = []
        var nodes: [NodeName: (port: ObjectIdentifier, handler: @Sendable ([UInt8]) -> Void)] = [:]

        /// Decides what becomes of a datagram.
        mutating func accept(_ bytes: [UInt8], _ route: Route) {
            if cuts.contains(route) || bytes.count > faults.largestBytes { return }
            if comes(faults.lost) { return }
            for _ in 0..<(comes(faults.doubled) ? 2 : 1) {
                let latest = comes(faults.late) ? max(1, faults.latestSteps) : 1
                let delay = Int.random(in: 1...latest, using: &dice)
                underWay.append(UnderWay(bytes: bytes, route: route, step: step + delay))
            }
        }

        private mutating func comes(_ share: Int) -> Bool {
            Int.random(in: 0..<1_000, using: &dice) < share
        }
    }

    private let state: Mutex<State>

    /// - Parameter faults: none until `faults` is set, if left out.
    public init(seed: UInt64, faults: PeerFaults = PeerFaults()) {
        state = Mutex(State(faults: faults, dice: SplitMix64(seed: seed)))
    }

    /// What goes wrong from now on.
    public var faults: PeerFaults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    /// Of one node. One that receives under a name that another one has takes its place, and gets what is under way
    /// to that.
    public func attach() -> any PeerTransport { FaultyPort(self) }

    /// From now on nothing comes from the one to the other; the other way it does.
    public func cut(from: NodeName, to: NodeName) {
        _ = state.withLock { $0.cuts.insert(Route(from: from, to: to)) }
    }

    /// No way is cut any more.
    public func mend() { state.withLock { $0.cuts = [] } }

    /// Hands on what is due by now.
    public func step() {
        let due = state.withLock { state in
            state.step += 1
            let step = state.step
            let due = state.underWay.filter { $0.step <= step }
            state.underWay.removeAll { $0.step <= step }
            return due.compactMap { datagram in
                state.nodes[datagram.route.to].map { (datagram.bytes, $0.handler) }
            }
        }
        for (bytes, handler) in due { handler(bytes) }
    }

    // MARK: For a port

    func enter(
        _ node: NodeName, _ port: ObjectIdentifier, _ handler: @escaping @Sendable ([UInt8]) -> Void
    ) {
        state.withLock { $0.nodes[node] = (port, handler) }
    }

    func leave(_ node: NodeName, _ port: ObjectIdentifier) {
        state.withLock { state in
            if state.nodes[node]?.port == port { state.nodes[node] = nil }
        }
    }

    func send(_ bytes: [UInt8], from: NodeName, to: NodeName?) {
        precondition(bytes.count <= PeerDatagram.maximumBytes, "too large for a network")
        state.withLock { state in
            for node in to.map({ [$0] }) ?? state.nodes.keys.sorted() {
                state.accept(bytes, Route(from: from, to: node))
            }
        }
    }
}

private final class FaultyPort: PeerTransport {
    private let peers: FaultyPeers
    private let name = Mutex<NodeName?>(nil)

    init(_ peers: FaultyPeers) { self.peers = peers }

    func receive(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void) {
        name.withLock { $0 = node }
        peers.enter(node, ObjectIdentifier(self), handler)
    }

    func send(_ datagram: [UInt8], to node: NodeName) {
        if let from = name.withLock({ $0 }) { peers.send(datagram, from: from, to: node) }
    }

    func sendToAll(_ datagram: [UInt8]) {
        if let from = name.withLock({ $0 }) { peers.send(datagram, from: from, to: nil) }
    }

    func close() {
        if let node = name.withLock({ $0.take() }) { peers.leave(node, ObjectIdentifier(self)) }
    }
}
