import Gateway
import MQTT
import Support
import Synchronization
import Testing

extension WholeGateway {
    /// What is retained, while it is being replaced: a SUBSCRIBE is answered from the state that it was asked
    /// in.
    @Suite struct RetainedOrderTests {
        private static let shards = [1, 2, 4]

        /// Replaces a retained message with the next number every so many milliseconds, while `body` runs.
        private func replacing(
            _ topic: String,
            every milliseconds: Int,
            by publisher: @escaping @Sendable () throws -> TestClient,
            _ body: () async throws -> Void
        ) async throws {
            let end = End()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let client = try publisher()
                    var number = 0
                    while !end.hasCome.load(ordering: .relaxed) {
                        number += 1
                        try client.publish(topic, "\(number)", qos: .atLeastOnce, isRetained: true)
                        try await Task.sleep(for: .milliseconds(milliseconds))
                    }
                }
                defer { end.hasCome.store(true, ordering: .relaxed) }
                try await body()
            }
        }

        private final class End: Sendable {
            let hasCome = Atomic(false)
        }

        /// Whether what came is in order and comes once: at most the first is a retained one.
        private func expectOrder(_ messages: [TestPacket.Message], _ what: String) {
            let numbers = messages.map { Int($0.text) ?? 0 }
            let words = messages.map { ($0.isRetained ? "R" : "L") + $0.text }
            let isRight = zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }
            #expect(isRight, "\(what): \(words)")
            #expect(messages.dropFirst().allSatisfy { !$0.isRetained }, "\(what): \(words)")
            // Nothing that was published since is missing.
            let live = messages.filter { !$0.isRetained }.map { Int($0.text) ?? 0 }
            #expect(live.last.map { $0 - (live.first ?? 0) + 1 } ?? 0 == live.count, "\(words)")
        }

        private func receive(_ client: TestClient, _ count: Int) throws -> [TestPacket.Message] {
            try (0..<count).map { _ in try client.message() }
        }

        @Test(
            "[MQTT-4.6.0-5], [MQTT-3.3.1-12]: while a retained message is replaced every 2 ms, 40 subscribers in turn hear nothing old after something new, and nothing twice",
            arguments: shards, [QoS.atLeastOnce, .exactlyOnce]
        )
        func replaced(shards: Int, qos: QoS) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                try await replacing("t", every: 2) {
                    try gateway.anonymous("publisher")
                } _: {
                    for number in 0..<40 {
                        let client = try gateway.anonymous("client-\(number)")
                        try client.subscribe("t", qos: qos)
                        expectOrder(try receive(client, 8), "\(number)")
                    }
                }
            }
        }

        @Test(
            "[MQTT-3.3.1-12]: the same with two nodes, of which one replaces it, and clients subscribe at the other",
            arguments: [1, 2]
        )
        func elsewhere(shards: Int) async throws {
            try await TestNodes.run(2, shards: shards, isRetaining: true) { nodes in
                let publisher = nodes[1]
                try await replacing("t", every: 2) {
                    try publisher.anonymous("publisher")
                } _: {
                    for number in 0..<60 {
                        let client = try nodes[0].anonymous("client-\(number)")
                        try client.subscribe("t", qos: .atLeastOnce)
                        expectOrder(try receive(client, 8), "\(number)")
                        try client.leave()
                    }
                }
            }
        }

        @Test(
            "the same for a device, whose filters no other shard knows, and for one that subscribes again and again",
            arguments: shards
        )
        func device(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 4)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try gateway.connect(device)
                try await replacing(device.down(), every: 5) {
                    try gateway.connect(key)
                } _: {
                    for number in 0..<20 {
                        try client.subscribe(device.down("#"))
                        expectOrder(try receive(client, 6), "\(number)")
                        try client.unsubscribe(device.down("#"))
                        _ = try await gateway.unread(by: client).count
                        while true {
                            do throws(TestClientError) {
                                _ = try client.message(seconds: 0.02)
                            } catch { break }
                        }
                    }
                }
            }
        }

        @Test(
            "published behind the SUBACK, a message comes live, and not as a retained one too",
            arguments: shards
        )
        func behindSuback(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<100 {
                    let client = try gateway.anonymous("client-\(number % 7)")
                    try client.subscribe("t/#", qos: .exactlyOnce)
                    try publisher.publish("t/\(number)", "x", qos: .atLeastOnce, isRetained: true)
                    var topics: [String] = []
                    while topics.last != "t/\(number)" { topics.append(try client.message().topic) }
                    let rest = try await gateway.unread(by: client)
                    #expect(Set(topics).count == topics.count, "\(topics)")
                    for case .publish(let message) in rest {
                        #expect(message.topic != "t/\(number)" && message.isRetained)
                    }
                    try client.leave()
                }
            }
        }

        @Test(
            "[MQTT-3.10.4-2]: behind an UNSUBACK nothing retained comes any more, of however many",
            arguments: shards
        )
        func unsubscribed(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<2_000 {
                    try publisher.sendPublish("t/\(number)", [1], isRetained: true)
                }
                try publisher.publish("t/last", "x", qos: .atLeastOnce, isRetained: true)
                let client = try gateway.anonymous("client")
                for _ in 0..<5 {
                    try client.subscribe("t/#", qos: .atMostOnce)
                    try client.unsubscribe("t/#")
                    // What came before the UNSUBACK was kept by the client.
                    while true {
                        do throws(TestClientError) {
                            _ = try client.message(seconds: 0)
                        } catch { break }
                    }
                    try await Task.sleep(for: .milliseconds(30))
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test(
            "[MQTT-3.8.4-3]: a SUBSCRIBE in place of one whose retained messages are on their way: each comes once for the newer, at its QoS",
            arguments: shards
        )
        func replacedSubscription(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<1_000 {
                    try publisher.sendPublish(
                        "t/\(number)", [1], qos: .atMostOnce, isRetained: true)
                }
                try publisher.publish("t/last", "x", qos: .atLeastOnce, isRetained: true)
                let client = try gateway.anonymous("client")
                let filter = Array("t/#".utf8)
                try client.send { buffer in
                    for (packetID, identifier) in [(UInt16(1), UInt32(1)), (2, 2)] {
                        Subscribe.encode(packetID: packetID, version: .v5, into: &buffer) {
                            writer in
                            writer.append(filter.span, qos: .atMostOnce)
                        } properties: {
                            $0.subscriptionIdentifier(identifier)
                        }
                    }
                }
                var counts: [UInt32: Int] = [:]
                var topics: Set<String> = []
                while topics.count < 1_001 {
                    let message = try client.message()
                    let identifier = message.subscriptionIdentifiers.first ?? 0
                    counts[identifier, default: 0] += 1
                    if identifier == 2 { topics.insert(message.topic) }
                }
                #expect(counts[2] == 1_001)
                let rest = try await gateway.unread(by: client)
                #expect(
                    rest == [
                        .subscription(.suback, packetID: 1, codes: [0]),
                        .subscription(.suback, packetID: 2, codes: [0]),
                    ])
            }
        }

        @Test(
            "a will of a connection that is taken over comes before what the client says on the new one"
        )
        func willBeforeNews() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let watcher = try gateway.anonymous("watcher")
                try watcher.subscribe("state")
                let will = TestWill(topic: "state", payload: "offline", isRetained: true)
                let first = try gateway.anonymous("mortal", will: will)
                let second = try TestClient(port: gateway.openPort)
                var bytes = TestCredentials.anonymous("mortal").connectPacket()
                bytes += TestPacket.publish("state", packetID: 1)
                try second.send(bytes)
                #expect(try watcher.message().text == "offline")
                #expect(try watcher.message().text == "")
                #expect(try first.endingCode() == 0x8E)
            }
        }
    }
}
