import LedgerModel
import Links
import Linux
import NATSServers
import Processes
import Support
import Testing

@testable import JetStream

@Suite("Links over NATS", .waits)
struct PeerSubjectsTests {
    private struct Heard {
        var ups = 0
        var downs = 0
        var batches: [[UInt8]] = []
    }

    /// A node that has one peer.
    private final class Node: Sendable {
        let name: NodeName
        let links: Links
        private let heard: Monitor<Heard>

        init(_ name: String, _ settings: JetStreamSettings, _ cluster: ClusterID) throws {
            let heard = Monitor(Heard())
            self.name = NodeName(checked: name)
            self.heard = heard
            links = try Links(
                node: self.name, epoch: .random(in: 1...UInt64.max),
                over: PeerSubjects(settings, cluster: cluster), cluster: cluster
            ) { event in
                heard.change { heard in
                    switch event {
                    case .up: heard.ups += 1
                    case .down: heard.downs += 1
                    case .batch(_, let bytes): heard.batches.append(bytes)
                    }
                }
            }
        }

        var now: Heard { heard.look { $0 } }

        func wait(for condition: (Heard) -> Bool) -> Bool {
            let end = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
            return heard.wait(until: end) { condition($0) ? true : nil } ?? false
        }
    }

    private static func batch(_ number: Int) -> [UInt8] {
        let length = number % 50 == 0 ? 100_000 : number % 300
        return [UInt8(number >> 8), UInt8(number & 0xFF)]
            + [UInt8](repeating: UInt8(number & 0x7F), count: length)
    }

    @Test(
        "servers are killed one after the other: no link ends, and each batch comes once, in order")
    func killed() throws {
        let servers = try NATSServers(3)
        let cluster = ClusterID(UInt128.random(in: 1...UInt128.max))
        let one = try Node("a.b", servers.settings(), cluster)
        let two = try Node("a-b", servers.settings(), cluster)
        #expect(one.wait { $0.ups == 1 } && two.wait { $0.ups == 1 })
        var posted = 0
        func post(_ count: Int) {
            for _ in 0..<count {
                one.links.post(Self.batch(posted), to: two.name)
                two.links.post(Self.batch(posted), to: one.name)
                posted += 1
            }
        }
        for index in 0..<3 {
            post(200)
            try servers.stop(index, kill: true)
            post(200)
            #expect(one.wait { $0.batches.count == posted })
            #expect(two.wait { $0.batches.count == posted })
            try servers.start(index)
        }
        for node in [one, two] {
            #expect(node.now.batches == (0..<posted).map(Self.batch))
            #expect(node.now.ups == 1 && node.now.downs == 0)
        }
        for node in [one, two] { node.links.close() }
    }

    @Test("clusters on the same servers don't see each other, and a name may have dots")
    func apart() throws {
        let servers = try NATSServers(1)
        let nodes = try [("a.b", 1), ("x", 1), ("x", 2), ("y", 2)].map { name, cluster in
            try Node(name, servers.settings(), ClusterID(UInt128(cluster)))
        }
        let (dotted, x, otherX, y) = (nodes[0], nodes[1], nodes[2], nodes[3])
        #expect(dotted.wait { $0.ups >= 1 } && otherX.wait { $0.ups == 1 })
        #expect(x.wait { $0.ups >= 1 } && y.wait { $0.ups == 1 })
        x.links.post([1], to: dotted.name)
        otherX.links.post([2], to: y.name)
        #expect(dotted.wait { $0.batches == [[1]] } && y.wait { $0.batches == [[2]] })
        #expect(y.links.peers.map(\.name) == [otherX.name])
        for node in nodes { node.links.close() }
    }
}
