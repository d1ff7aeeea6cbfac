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

    @Test(
        """
        a node that began before others inherited its sessions is lost, link or not, and can be reached when it has \
        begun anew
        """)
    func inherited() throws {
        let peers = InProcessPeers()
        let names = [NodeName("n1")!, NodeName("n2")!]
        let mailbox = try Mailbox<ShardMessage>()
        let node = Neighbours(names[0], [mailbox], life: 1, nil)
        defer { node.close() }
        func other(record: UInt64, epoch: UInt64) throws -> Neighbours {
            let other = Neighbours(names[1], [try Mailbox()], life: 1, nil)
            other.begin(Neighbours.Beginning(record: record, firstForwardingLife: 0))
            try other.start(over: peers.attach(), cluster: ClusterID(7), epoch: epoch)
            return other
        }
        /// What the shards were told since this was asked last.
        func changes() -> [String] {
            var posted: [ShardMessage] = []
            mailbox.drain(into: &posted)
            return posted.compactMap { message in
                if case .nodeArrived = message { return "arrived" }
                if case .nodeLost = message { return "lost" }
                return nil
            }
        }
        try node.start(over: peers.attach(), cluster: ClusterID(7), epoch: 1)
        let before = try other(record: 3, epoch: 2)
        #expect(Patience.awaits { node.present == [names[1]] })
        node.noteInherited([names[1]: 3])
        #expect(node.present == [names[1]], "it has begun with that")
        node.noteInherited([names[1]: 4])
        #expect(node.present == [] && changes() == ["arrived", "lost"])
        // Of the books of before still.
        before.close()
        let again = try other(record: 3, epoch: 3)
        #expect(Patience.awaits { again.present == [names[0]] })
        #expect(node.present == [])
        again.close()
        let anew = try other(record: 4, epoch: 4)
        defer { anew.close() }
        #expect(Patience.awaits { node.present == [names[1]] })
        #expect(changes() == ["arrived"])
    }
}
