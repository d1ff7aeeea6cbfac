import FaultyPeers
import LedgerModel
import Linux
import Synchronization

@testable import Links

/// A node without a thread: its table, and what came for it.
final class SimulatedNode {
    let name: NodeName
    private(set) var table: LinkTable
    private let transport: any PeerTransport
    private let waiting = Inbox()

    /// All that its handler would have been called with, and `take` has not taken.
    private(set) var events: [LinkEvent] = []

    /// What it has sent, and in which datagrams.
    private(set) var sent: [LinkOutput.Outbound] = []
    private var posts: [LinkTable.Post] = []

    private final class Inbox: Sendable {
        let datagrams = Mutex<[[UInt8]]>([])
    }

    init(
        _ name: String,
        epoch: UInt64,
        on peers: FaultyPeers,
        cluster: ClusterID? = ClusterID(7),
        _ settings: Links.Settings,
        at now: MonotonicInstant
    ) {
        self.name = NodeName(checked: name)
        table = LinkTable(
            node: self.name, epoch: epoch, cluster: cluster, settings: settings, at: now)
        transport = peers.attach()
        transport.receive(as: self.name) { [waiting] datagram in
            waiting.datagrams.withLock { $0.append(datagram) }
        }
    }

    func post(_ batch: [UInt8], to node: NodeName) {
        posts.append(LinkTable.Post(node: node, batches: [batch]))
    }

    /// A turn, if there is a reason for one.
    func turn(at now: MonotonicInstant) {
        let datagrams = waiting.datagrams.withLock { datagrams in
            defer { datagrams = [] }
            return datagrams
        }
        guard !datagrams.isEmpty || !posts.isEmpty || table.due <= now else { return }
        let output = table.turn(at: now, posts: posts, datagrams: datagrams)
        posts = []
        events += output.events
        send(output)
    }

    /// Hears a datagram in the next turn.
    func hear(_ datagram: [UInt8]) { waiting.datagrams.withLock { $0.append(datagram) } }

    func sayGoodbye(at now: MonotonicInstant) { send(table.goodbyes(at: now)) }

    /// Another process is to have its name.
    func leave() { transport.close() }

    func take() -> [LinkEvent] {
        defer { events = [] }
        return events
    }

    func forgetSent() { sent = [] }

    func isUp(_ node: NodeName) -> Bool {
        table.standings.contains { $0.name == node && $0.isUp }
    }

    private func send(_ output: LinkOutput) {
        sent += output.datagrams
        for datagram in output.datagrams {
            if let node = datagram.node {
                transport.send(datagram.bytes, to: node)
            } else {
                transport.sendToAll(datagram.bytes)
            }
        }
    }
}

/// Two nodes, `one` and `two`, and a clock that goes on by a millisecond with each step.
final class SimulatedPair {
    let peers: FaultyPeers
    var one: SimulatedNode
    var two: SimulatedNode
    private(set) var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    private let settings: Links.Settings

    /// - Parameter cluster: the one that the second node believes to be in.
    init(
        _ settings: Links.Settings = Links.Settings(),
        cluster: ClusterID? = ClusterID(7),
        faults: PeerFaults = PeerFaults()
    ) {
        self.settings = settings
        peers = FaultyPeers(seed: 1, faults: faults)
        one = SimulatedNode("one", epoch: 1, on: peers, settings, at: now)
        two = SimulatedNode("two", epoch: 2, on: peers, cluster: cluster, settings, at: now)
    }

    /// Two nodes with a link, whose `up` has been taken.
    static func linked(_ settings: Links.Settings = Links.Settings()) -> SimulatedPair {
        let pair = SimulatedPair(settings)
        pair.go(milliseconds: 20)
        precondition(pair.one.take() == [.up(pair.two.name)], "no link")
        precondition(pair.two.take() == [.up(pair.one.name)], "no link")
        return pair
    }

    func go(milliseconds: Int) {
        for _ in 0..<milliseconds {
            one.turn(at: now)
            two.turn(at: now)
            now = now.adding(milliseconds: 1)
            peers.step()
        }
    }

    /// Another process of the second node, which knows nothing.
    func restartTwo(epoch: UInt64) {
        two.leave()
        two = SimulatedNode("two", epoch: epoch, on: peers, settings, at: now)
    }
}

/// Bytes of which a part in the wrong place, or of another length, is seen.
enum Ramp {
    private static let once = (0..<251).map { UInt8($0) }

    static func bytes(_ count: Int, from start: Int = 0) -> [UInt8] {
        var bytes = Array(once[start...].prefix(count))
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes += once.prefix(count - bytes.count) }
        return bytes
    }
}
