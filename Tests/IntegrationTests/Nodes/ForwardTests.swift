import Gateway
import Ledger
import Links
import Linux
import MQTT
import Sessions
import Support
import Testing
import Time

extension WholeGateway {
    /// What a node keeps for others until they have it: messages for a node that is away, and those of QoS 2.
    @Suite struct ForwardTests {
        /// Waits until no node keeps anything for another one, or remembers what it has taken.
        private func settled(_ nodes: TestNodes, _ indices: [Int]) async throws {
            try await until {
                try indices.allSatisfy { index in
                    let sessions = nodes[index].gateway.sessions
                    guard try sessions.figures().forwards == 0 else { return false }
                    var reader = try sessions.reader()
                    for other in 0..<3 where other != index {
                        for shard in 0..<4 as Range<UInt8> {
                            let name = TestNodes.name(other).text
                            if try !reader.taken(from: name, shard: shard).isEmpty { return false }
                        }
                    }
                    return true
                }
            }
        }

        @Test(
            "messages for a stored session of a node that is away are acknowledged, kept, and there when it is back",
            arguments: [1, 3])
        func away(shards: Int) async throws {
            try await TestNodes.run(shards: shards) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try reader.leave()
                await nodes.stop(0)
                let qos: [QoS] = [.atLeastOnce, .exactlyOnce]
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                for number in 0..<20 {
                    let answer = try writer.publish("t/\(number)", "m", qos: qos[number % 2])
                    #expect(answer?.code == 0)
                }
                // The node that keeps them is restarted before the other one is back.
                try writer.leave()
                await nodes.stop(1)
                try nodes.start(1)
                let (again, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                for number in 20..<40 {
                    let answer = try again.publish("t/\(number)", "m", qos: qos[number % 2])
                    #expect(answer?.code == 0)
                }
                try nodes.start(0)
                try await nodes.settle()
                let (later, connack) = try nodes[0].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                var topics: [[String]] = [[], []]
                for _ in 0..<40 {
                    let message = try later.message()
                    topics[message.qos == .exactlyOnce ? 1 : 0].append(message.topic)
                }
                #expect(topics[0] == stride(from: 0, to: 40, by: 2).map { "t/\($0)" })
                #expect(topics[1] == stride(from: 1, to: 40, by: 2).map { "t/\($0)" })
                try await settled(nodes, [0, 1, 2])
            }
        }

        @Test("a node that is away keeps no one waiting who has only sessions that end with it")
        func withoutStored() async throws {
            try await TestNodes.run(2) { nodes in
                let reader = try nodes[0].anonymous("reader")
                try reader.subscribe("t/#", qos: .exactlyOnce)
                await nodes.stop(0)
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                writer.tellsUnheard = true
                try await until {
                    try writer.publish("t/1", "m", qos: .atLeastOnce)?.code == 0x10
                }
                #expect(try writer.publish("t/2", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try nodes[1].gateway.sessions.figures().forwards == 0)
                try nodes.start(0)
                try await nodes.settle()
                try await settled(nodes, [0, 1])
            }
        }

        @Test(
            "[MQTT-4.3.3-10] a QoS 2 message that another node has, and says so in vain, comes once: its sender restarts"
        )
        func answerLost() async throws {
            try await TestNodes.run(2) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                nodes.peers.cut(from: TestNodes.name(0), to: TestNodes.name(1))
                for number in 0..<10 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                for number in 0..<10 { #expect(try reader.message().topic == "t/\(number)") }
                try writer.leave()
                await nodes.stop(1)
                nodes.peers.mend()
                try nodes.start(1)
                try await nodes.settle()
                let (again, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                #expect(try again.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try reader.message().topic == "t/last")
                try await settled(nodes, [0, 1])
            }
        }

        @Test("what is withdrawn while a node is away is not kept for it any more when it is back")
        func withdrawn() async throws {
            try await TestNodes.run(2) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .atLeastOnce)
                await nodes.stop(1)
                _ = try reader.unsubscribe("t/#")
                try nodes.start(1)
                try await nodes.settle()
                await nodes.stop(0)
                let writer = try nodes[1].anonymous("writer")
                writer.tellsUnheard = true
                #expect(try writer.publish("t/1", "m", qos: .atLeastOnce)?.code == 0x10)
            }
        }

        @Test(
            "a node that joins while another one is away keeps messages for that one's stored sessions, once",
            arguments: [1, 2])
        func newcomer(shards: Int) async throws {
            try await TestNodes.run(4, shards: shards, first: 3) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try reader.subscribe("gone", qos: .atLeastOnce)
                try reader.leave()
                await nodes.stop(0)
                // Two tell it of the same node.
                try nodes.start(3)
                try await nodes.settle(owners: [1, 2, 3])
                let (writer, _) = try nodes[3].open("writer", .v5, expiry: 1_000)
                writer.tellsUnheard = true
                for number in 0..<10 {
                    let qos: QoS = number % 2 == 0 ? .atLeastOnce : .exactlyOnce
                    #expect(try writer.publish("t/\(number)", "m", qos: qos)?.code == 0)
                }
                try await until { try nodes[3].gateway.sessions.figures().forwards == 10 }
                // It knows it after a restart, when no one tells it.
                try writer.leave()
                await nodes.stop(3)
                for index in 1...2 { await nodes.stop(index) }
                try nodes.start(3)
                let (again, _) = try nodes[3].open("writer", .v5, expiry: 1_000)
                again.tellsUnheard = true
                #expect(try again.publish("t/10", "m", qos: .atLeastOnce)?.code == 0)
                for index in 0...2 { try nodes.start(index) }
                try await nodes.settle()
                let (later, connack) = try nodes[0].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                let topics = try (0..<11).map { _ in try later.message().topic }
                #expect(Set(topics) == Set((0..<11).map { "t/\($0)" }))
                // It has said itself what it wants by now.
                _ = try later.unsubscribe("gone")
                #expect(try again.publish("gone", "m", qos: .atLeastOnce)?.code == 0x10)
                try await settled(nodes, [0, 1, 2, 3])
            }
        }

        @Test("of a node that was removed no other one tells a newcomer")
        func removedBefore() async throws {
            try await TestNodes.run(4, first: 3) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .atLeastOnce)
                await nodes.stop(0)
                let command = Command(
                    at: .now(), actor: "tests",
                    action: .cluster(.removeNode(TestNodes.name(0))))
                nodes[1].gateway.ledger.submit(command) { _ in }
                try nodes.start(3)
                try await nodes.settle(owners: [1, 2, 3])
                let writer = try nodes[3].anonymous("writer")
                writer.tellsUnheard = true
                try await until {
                    try writer.publish("t/1", "m", qos: .atLeastOnce)?.code == 0x10
                }
                try await until { try nodes[3].gateway.sessions.figures().forwards == 0 }
            }
        }

        @Test("a node that is removed from the cluster has nothing kept for it")
        func removed() async throws {
            try await TestNodes.run { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .atLeastOnce)
                await nodes.stop(0)
                let writer = try nodes[1].anonymous("writer")
                writer.tellsUnheard = true
                #expect(try writer.publish("t/1", "m", qos: .atLeastOnce)?.code == 0)
                #expect(try nodes[1].gateway.sessions.figures().forwards == 1)
                let command = Command(
                    at: .now(), actor: "tests",
                    action: .cluster(.removeNode(TestNodes.name(0))))
                nodes[1].gateway.ledger.submit(command) { _ in }
                try await until {
                    try writer.publish("t/2", "m", qos: .atLeastOnce)?.code == 0x10
                }
                try await until { try nodes[1].gateway.sessions.figures().forwards == 0 }
            }
        }

        @Test(
            "who publishes faster than an application on another node reads waits for it",
            arguments: [1, 2])
        func pace(shards: Int) async throws {
            try await TestNodes.run(2, shards: shards) {
                $0.limits.queueMessages = 20
            } _: { nodes in
                let reader = try TestClient(port: nodes[0].openPort)
                reader.acknowledgesMessages = false
                _ = try reader.connect(as: .anonymous("reader")) { $0.receiveMaximum(1) }
                try reader.subscribe("t")
                let publisher = try nodes[1].anonymous("publisher")
                var answered: UInt16 = 0
                for number in 1...60 as ClosedRange<UInt16> {
                    try publisher.sendPublish(
                        "t", Array("\(number)".utf8), qos: .atLeastOnce, packetID: number)
                    let answer = try? publisher.first("PUBACK", seconds: 0.4) { packet in
                        if case .acknowledgement(let found) = packet { found } else { nil }
                    }
                    guard answer != nil else { break }
                    answered = number
                }
                #expect((20...50).contains(answered))
                for number in 1...answered + 1 {
                    let message = try reader.message()
                    #expect(message.text == "\(number)")
                    let packetID = try #require(message.packetID)
                    try reader.send {
                        Puback.encode(packetID: packetID, version: .v5, into: &$0)
                    }
                }
                #expect(try publisher.acknowledgement(.puback, answered + 1).code == 0)
                #expect(await nodes[0].metric("tollgate_deliveries_dropped_total") == 0)
            }
        }
    }
}
