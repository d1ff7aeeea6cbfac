import Ledger
import Links
import Reactor
import Support
import Testing

@testable import Gateway

@Suite struct NeighboursTests {
    @Test("a link that begins while a node opens its links is heard of at both ends")
    func early() throws {
        for _ in 0..<30 {
            let peers = InProcessPeers()
            let nodes = try (1...3).map { number in
                Neighbours(NodeName("n\(number)")!, [try Mailbox()], life: 1, nil)
            }
            defer { for node in nodes { node.close() } }
            for (index, node) in nodes.enumerated() {
                try node.start(
                    over: peers.attach(), cluster: ClusterID(7), epoch: UInt64(index + 1))
            }
            for node in nodes {
                let others = nodes.map(\.node).filter { $0 != node.node }
                #expect(Patience.awaits { node.present == others }, "\(node.node)")
            }
        }
    }
}
