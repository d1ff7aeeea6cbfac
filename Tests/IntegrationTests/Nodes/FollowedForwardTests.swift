@testable import Gateway
import Ledger
import Links
import Linux
import MQTT
import Sessions
import Storage
import Support
import Testing

extension WholeGateway {
    /// What a node keeps for others is at its follower, too, which sends it when the node is gone.
    @Suite struct FollowedForwardTests {
        private func followed(_ index: Int, by other: Int, _ nodes: TestNodes) async throws {
            var follower: NodeName?
            try await until {
                let record = try nodes[other].gateway.ledger.read {
                    (books, transaction) throws(StoreError) in
                    try books.sessionFollowing(of: TestNodes.name(index), in: transaction)
                }
                follower = record?.isInherited == false ? record?.follower : nil
                return follower != nil
            }
            #expect(follower == TestNodes.name(other))
        }

        private func forwards(_ nodes: TestNodes, _ index: Int) throws -> Int {
            try nodes[index].gateway.sessions.figures().forwards
        }

        /// What a gateway knows to have taken from that node.
        private func known(
            _ gateway: TestGateway, of node: Int, shards: Int
        ) throws -> [ForwardNumber] {
            var reader = try gateway.gateway.sessions.reader()
            return try (0..<shards).flatMap { shard in
                try reader.taken(from: TestNodes.name(node).text, shard: UInt8(shard))
            }
        }

        /// What the second node's copy of the first one has of what that keeps for others.
        private func copied(_ nodes: TestNodes) throws -> Int {
            let copies = try #require(nodes[1].gateway.sessionFollower)
            var count = 0
            try copies.stores[TestNodes.name(0)]?.forEachForward { _, _, _ in count += 1 }
            return count
        }

        @Test(
            "[MQTT-4.3.3-10] what a node that is gone has kept for another one comes from its follower, once",
            arguments: [1, 2])
        func keptByOneThatIsGone(shards: Int) async throws {
            try await TestNodes.run(4, shards: shards, isFollowing: true) { nodes in
                let (reader, _) = try nodes[3].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try await followed(0, by: 1, nodes)
                let (writer, _) = try nodes[0].open("writer", .v5, expiry: 1_000)
                // It gets these, and that is not heard.
                nodes.peers.cut(from: TestNodes.name(3), to: TestNodes.name(0))
                for number in 0..<5 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                for number in 0..<5 { #expect(try reader.message().topic == "t/\(number)") }
                // These it does not.
                nodes.peers.cut(from: TestNodes.name(0), to: TestNodes.name(3))
                for number in 5..<10 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                #expect(try forwards(nodes, 0) == 10)
                await nodes.stop(0)
                nodes.peers.mend()
                for number in 5..<10 { #expect(try reader.message().topic == "t/\(number)") }
                try await until { try forwards(nodes, 1) == 0 }
                // It is back, and has none of them.
                try nodes.start(0)
                try await nodes.settle()
                #expect(try forwards(nodes, 0) == 0)
                #expect(try forwards(nodes, 1) == 0)
                let later = try nodes[0].anonymous("later")
                #expect(try later.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try reader.message().topic == "t/last")
                // Nothing of what it had kept is known any more.
                try await until { try known(nodes[3], of: 0, shards: shards).isEmpty }
                #expect(try known(nodes[3], of: 0, shards: shards) == [])
            }
        }

        @Test(
            """
            what is kept for a node that is back without its sessions waits for who has them, although the node could take \
            it, and the books that say so come later
            """, arguments: [false, true])
        func keptForOneThatIsBack(isDeaf: Bool) async throws {
            try await TestNodes.run(isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try reader.leave()
                try await followed(0, by: 1, nodes)
                let names = (0..<3).map(TestNodes.name)
                for index in [0, 1] {
                    nodes.peers.cut(from: names[2], to: names[index])
                    nodes.peers.cut(from: names[index], to: names[2])
                }
                try await until { nodes[2].gateway.commons.neighbours?.present == [] }
                let writer = try nodes[2].anonymous("writer")
                for number in 0..<10 {
                    let qos = number % 2 == 0 ? QoS.exactlyOnce : .atLeastOnce
                    #expect(try writer.publish("t/\(number)", "m", qos: qos)?.code == 0)
                }
                if isDeaf { nodes.deafen(2) }
                await nodes.stop(0)
                try nodes.start(0)
                // It comes first, and who has its sessions later.
                nodes.peers.mend(from: names[0], to: names[2])
                nodes.peers.mend(from: names[2], to: names[0])
                try await until { nodes[2].gateway.commons.neighbours?.present == [names[0]] }
                // Each shard has heard of it, and would have sent it what it keeps.
                _ = await nodes[2].gateway.metricsText()
                nodes.hear(2)
                nodes.peers.mend()
                try await nodes.settle()
                let (later, connack) = try nodes[2].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                let topics = try (0..<10).map { _ in try later.message().topic }
                #expect(Set(topics) == Set((0..<10).map { "t/\($0)" }))
            }
        }

        @Test(
            """
            [MQTT-4.3.3-10] a message that its node had kept and not acknowledged when it ended comes once, although it is \
            sent again
            """, arguments: [1, 2])
        func keptAndNotAcknowledged(shards: Int) async throws {
            try await TestNodes.run(shards: shards, isFollowing: true) { nodes in
                // At the follower of the writer's node.
                let (reader, _) = try nodes[1].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try await followed(0, by: 1, nodes)
                let (writer, _) = try nodes[0].open("writer", .v5, expiry: 1_000)
                #expect(try writer.publish("t/first", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try reader.message().topic == "t/first")
                try await until { try forwards(nodes, 0) == 0 && copied(nodes) == 0 }
                // What the follower has is not heard, and it can't be left, so nothing is acknowledged or sent.
                nodes.silence(0)
                nodes.peers.cut(from: TestNodes.name(1), to: TestNodes.name(0))
                let packetID = writer.nextPacketID()
                try writer.sendPublish(
                    "t/1", Array("m".utf8), qos: .exactlyOnce, packetID: packetID)
                try await until { try forwards(nodes, 0) == 1 }
                try await until { try copied(nodes) == 1 }
                await nodes.stop(0)
                nodes.peers.mend()
                #expect(try reader.message().topic == "t/1")
                let (again, connack) = try nodes[2].open("writer", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                try again.sendPublish(
                    "t/1", Array("m".utf8), qos: .exactlyOnce, packetID: packetID,
                    isDuplicate: true)
                #expect(try again.acknowledgement(.pubrec, packetID).code == 0)
                try again.send { Pubrel.encode(packetID: packetID, version: .v5, into: &$0) }
                #expect(try again.acknowledgement(.pubcomp, packetID).code == 0)
                try nodes.start(0)
                try await nodes.settle()
                let later = try nodes[0].anonymous("later")
                #expect(try later.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try reader.message().topic == "t/last")
            }
        }
    }
}
