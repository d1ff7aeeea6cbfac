@testable import Gateway
import Ledger
import Links
import Linux
import MQTT
import Sessions
import Storage
import Support
import Synchronization
import Testing

extension WholeGateway {
    /// Stored sessions that another node keeps, too: they are found again when their node is gone.
    @Suite struct FollowedSessionTests {
        /// Waits until the books name a follower for each of these nodes; which it is.
        @discardableResult
        private func followed(
            _ nodes: TestNodes, _ indices: [Int], among asked: Int
        ) async throws -> [NodeName?] {
            var followers: [NodeName?] = []
            try await until {
                followers = try indices.map { index in
                    let record = try nodes[asked].gateway.ledger.read {
                        (books, transaction) throws(StoreError) in
                        try books.sessionFollowing(of: TestNodes.name(index), in: transaction)
                    }
                    return record?.isInherited == false ? record?.follower : nil
                }
                return followers.allSatisfy { $0 != nil }
            }
            return followers
        }

        @Test("each node is followed by another one, which has what it has when it is acknowledged")
        func copied() async throws {
            try await TestNodes.run(isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                let followers = try await followed(nodes, [0, 1, 2], among: 0)
                let names = [0, 1, 2].map { TestNodes.name($0) }
                #expect(zip(followers, names).allSatisfy { $0 != $1 })
                let follower = try #require(names.firstIndex { $0 == followers[0] })
                // Written by now at the follower, as it was acknowledged.
                try reader.subscribe("u/#", qos: .atLeastOnce)
                try reader.leave()
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                #expect(try writer.publish("t/1", "m", qos: .atLeastOnce)?.code == 0)
                let name = SessionName(anonymous: "reader".utf8Span.span)!
                let copies = try #require(nodes[follower].gateway.sessionFollower)
                let copy = try copies.copy(of: names[0], session: name)
                #expect(
                    copy?.record.subscriptions.map(\.filter)
                        == ["t/#", "u/#"].map { Array($0.utf8) })
                #expect(copy?.queueCount == 1)
            }
        }

        @Test(
            "a node that stops hands its sessions over: queues, subscriptions and QoS 2 identifiers are there at once",
            arguments: [1, 3])
        func handedOver(shards: Int) async throws {
            try await TestNodes.run(shards: shards, isFollowing: true) { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1_000)
                let key = try await nodes[0].createApplication(products: [product])
                let device = try await nodes.device("d1", of: product)
                let (lamp, _) = try nodes[0].open(device, expiry: 1_000)
                try lamp.subscribe(device.down("#"))
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try await followed(nodes, [0], among: 1)
                try lamp.leave()
                try reader.leave()
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                for number in 0..<10 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                let sender = try nodes[2].connect(key, clientID: "sender")
                #expect(try sender.publish(device.down(), "on", qos: .atLeastOnce)?.code == 0)
                await nodes.stop(0)
                // Between the two, and after it.
                for number in 10..<20 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                let (later, connack) = try nodes[2].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                let topics = try (0..<20).map { _ in try later.message().topic }
                #expect(topics == (0..<20).map { "t/\($0)" })
                let (lampAgain, welcome) = try nodes[1].open(device, expiry: 1_000)
                #expect(welcome.isSessionPresent)
                #expect(try lampAgain.message().text == "on")
                // The node is back, has none of them, and is followed anew.
                try nodes.start(0)
                try await nodes.settle()
                try await followed(nodes, [0, 1, 2], among: 0)
                #expect(try nodes[0].gateway.sessions.figures().sessions == 0)
                #expect(try writer.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                #expect(try later.message().topic == "t/last")
            }
        }

        @Test("what is published just as a node's sessions are taken over comes to each of them")
        func publishedMeanwhile() async throws {
            try await TestNodes.run(shards: 4, isFollowing: true) { nodes in
                // On one shard, which is the last to know all of them.
                let homes = Homes(shards: 4)
                let names = (0..<2_000).map { "r\($0)" }.filter {
                    homes.shard(ofClientID: $0.utf8Span.span) == 0
                }
                let readers = names.count
                for name in names {
                    let (reader, _) = try nodes[0].open(name, .v5, expiry: 1_000)
                    try reader.subscribe("t/#", qos: .atLeastOnce)
                    try reader.leave()
                }
                let follower = try await followed(nodes, [0], among: 1)[0]
                #expect(follower == TestNodes.name(1))
                let heir = nodes[1].gateway
                let writers = PersistentWriters(port: nodes[1].openPort)
                // On the others, most of them.
                let threads = try (0..<8).map { number in
                    try Thread(name: "writer") { writers.write(as: "w\(number)") }
                }
                await nodes.stop(0)
                try await until { try heir.sessions.figures().sessions == readers }
                writers.end()
                for thread in threads { thread.join() }
                let expected = writers.count * readers
                try await until {
                    let figures = try heir.sessions.figures()
                    return figures.queuedMessages == expected && figures.forwards == 0
                }
                #expect(try heir.sessions.figures().queuedMessages == expected)
                #expect(try heir.sessions.figures().forwards == 0)
            }
        }

        @Test("all nodes stop, one after the other, and sessions come through")
        func rolled() async throws {
            try await TestNodes.run(isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try reader.leave()
                for index in 0..<3 {
                    try await followed(nodes, [0, 1, 2], among: (index + 1) % 3)
                    await nodes.stop(index)
                    let writer = try nodes[(index + 1) % 3].anonymous("writer")
                    #expect(try writer.publish("t/\(index)", "m", qos: .atLeastOnce)?.code == 0)
                    try writer.leave()
                    try nodes.start(index)
                    try await nodes.settle()
                }
                let (later, connack) = try nodes[0].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                for index in 0..<3 { #expect(try later.message().topic == "t/\(index)") }
            }
        }

        @Test(
            "[MQTT-4.3.3-10] what a node had taken when it stopped comes once, although it is sent again to who has its sessions"
        )
        func takenBefore() async throws {
            try await TestNodes.run(4, isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                let follower = try await followed(nodes, [0], among: 2)[0]
                #expect(follower == TestNodes.name(1))
                // That it has them is not heard.
                let (writer, _) = try nodes[2].open("writer", .v5, expiry: 1_000)
                nodes.peers.cut(from: TestNodes.name(0), to: TestNodes.name(2))
                for number in 0..<10 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                for number in 0..<10 { #expect(try reader.message().topic == "t/\(number)") }
                try reader.leave()
                #expect(try nodes[2].gateway.sessions.figures().forwards == 10)
                await nodes.stop(0)
                nodes.peers.mend()
                try await until { try nodes[2].gateway.sessions.figures().forwards == 0 }
                #expect(try nodes[2].gateway.sessions.figures().forwards == 0)
                #expect(try writer.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                let (later, connack) = try nodes[3].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                #expect(try later.message().topic == "t/last")
                #expect(try nodes[1].gateway.sessions.figures().forwards == 0)
            }
        }

        @Test(
            "what was kept for a node comes once to each session that it had, whichever of its shards had it"
        )
        func keptForShards() async throws {
            try await TestNodes.run(4, isFollowing: true) { nodes in
                // On both shards.
                let names = (0..<6).map { "reader-\($0)" }
                for name in names {
                    let (reader, _) = try nodes[0].open(name, .v5, expiry: 1_000)
                    try reader.subscribe("t/#", qos: .exactlyOnce)
                    try reader.leave()
                }
                try await followed(nodes, [0], among: 2)
                let (writer, _) = try nodes[2].open("writer", .v5, expiry: 1_000)
                nodes.peers.cut(from: TestNodes.name(0), to: TestNodes.name(2))
                nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(0))
                for number in 0..<5 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                #expect(try nodes[2].gateway.sessions.figures().forwards == 10)
                await nodes.stop(0)
                nodes.peers.mend()
                try await until { try nodes[2].gateway.sessions.figures().forwards == 0 }
                #expect(try writer.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                for name in names {
                    let (reader, connack) = try nodes[3].open(name, .v5, expiry: 1_000)
                    #expect(connack.isSessionPresent)
                    let topics = try (0..<6).map { _ in try reader.message().topic }
                    #expect(topics == (0..<5).map { "t/\($0)" } + ["t/last"], "\(name)")
                }
            }
        }

        @Test(
            """
            [MQTT-4.3.3-10] a node that runs, and whose sessions another one has taken over, is sent nothing more: a \
            message for them comes once
            """)
        func void() async throws {
            try await TestNodes.run(isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try await followed(nodes, [0, 1, 2], among: 2)
                try reader.leave()
                // As it is when the log did not answer for a while, and the node is back by then.
                let record = try #require(
                    try nodes[2].gateway.ledger.read { (books, transaction) throws(StoreError) in
                        try books.sessionFollowing(of: TestNodes.name(0), in: transaction)
                    })
                let action = Action.cluster(
                    .inheritSessions(
                        of: TestNodes.name(0), by: try #require(record.follower),
                        after: record.number))
                let isDone = Monitor(false)
                nodes[2].gateway.ledger.submit(
                    Command(at: .now(), actor: Command.gatewayActor, action: action)
                ) { _ in isDone.change { $0 = true } }
                isDone.wait { $0 ? () : nil }
                try await until {
                    ![1, 2].contains { index in
                        nodes[index].gateway.commons.neighbours?.present.contains(
                            TestNodes.name(0)) == true
                    }
                }
                let (writer, _) = try nodes[2].open("writer", .v5, expiry: 1_000)
                for number in 0..<20 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                await nodes.stop(0)
                for number in 20..<30 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                try nodes.start(0)
                try await nodes.settle()
                let (later, connack) = try nodes[2].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                #expect(try writer.publish("t/last", "m", qos: .exactlyOnce)?.code == 0)
                let topics = try (0..<31).map { _ in try later.message().topic }
                #expect(topics == (0..<30).map { "t/\($0)" } + ["t/last"])
            }
        }

        @Test("a client that began anew while its session was taken over has the new one")
        func begunAnew() async throws {
            try await TestNodes.run(isFollowing: true) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .atLeastOnce)
                try await followed(nodes, [0], among: 1)
                try reader.leave()
                await nodes.stop(0)
                let anew = try nodes[2].anonymous("reader")
                try anew.subscribe("u/#", qos: .atLeastOnce)
                let writer = try nodes[1].anonymous("writer")
                #expect(try writer.publish("u/1", "m", qos: .atLeastOnce)?.code == 0)
                #expect(try anew.message().topic == "u/1")
            }
        }
    }
}

/// Clients that publish to `t/1` until they are told to end.
private final class PersistentWriters: Sendable {
    private let port: UInt16
    private let isOver = Atomic(false)
    private let acknowledged = Atomic(0)

    init(port: UInt16) { self.port = port }

    func write(as clientID: String) {
        guard
            let client = try? TestClient.connected(
                port: port, version: .v5, as: .anonymous(clientID))
        else { return }
        while !isOver.load(ordering: .relaxed) {
            guard let answer = try? client.publish("t/1", "m", qos: .atLeastOnce) else { return }
            if answer.code == 0 { acknowledged.add(1, ordering: .relaxed) }
        }
    }

    func end() { isOver.store(true, ordering: .relaxed) }

    /// Messages that were taken.
    var count: Int { acknowledged.load(ordering: .relaxed) }
}
