import Bytes
import MQTT
import Processes
import Reactor
import Support
import Telemetry
import Testing
import Time

@testable import Gateway

/// What one client is held to, and what it is spared, seen from outside.
@Suite(.waits) struct ClientLimitTests {
    private func connect(
        _ gateway: TestGateway,
        _ clientID: String,
        maximumPacketSize: UInt32? = nil
    ) throws -> TestClient {
        let client = try TestClient(port: gateway.openPort)
        let answer = try client.connect(as: .anonymous(clientID)) { properties in
            if let maximumPacketSize { properties.maximumPacketSize(maximumPacketSize) }
        }
        #expect(answer.code == 0)
        return client
    }

    /// How many subscriptions the replicas of all shards hold together.
    private func subscriptions(_ gateway: TestGateway) async -> Int {
        var count = 0
        for shard in gateway.gateway.commons.mailboxes.indices {
            count += await gateway.gateway.ask(shard, orElse: ShardGauges()) { .gauges($0) }
                .subscriptions
        }
        return count
    }

    @Test(
        "[MQTT-3.8.4-3] a filter that one SUBSCRIBE names twice is one subscription, and goes whole"
    )
    func filterNamedTwice() async throws {
        try await TestGateway.run { gateway in
            let client = try connect(gateway, "twice")
            let filter = Array("a/b".utf8)
            try client.send { buffer in
                Subscribe.encode(packetID: 9, version: .v5, into: &buffer) { writer in
                    writer.append(filter.span, qos: .atMostOnce)
                    writer.append(filter.span, qos: .atLeastOnce)
                }
            }
            let codes: [UInt8] = try client.first("SUBACK") { packet in
                if case .subscription(.suback, 9, let codes) = packet { codes } else { nil }
            }
            #expect(codes == [0, 1])
            #expect(await subscriptions(gateway) == 2, "one in each shard's tree")
            try client.unsubscribe("a/b")
            #expect(await subscriptions(gateway) == 0)
        }
    }

    @Test("[MQTT-3.8.4-3] who has all the subscriptions allowed may still replace one")
    func resubscribeAtLimit() async throws {
        try await TestGateway.run(configure: { $0.limits.subscriptions = 2 }) { gateway in
            let client = try connect(gateway, "full")
            #expect(try client.subscribe("a", "b", "c") == [1, 1, 0x97])
            #expect(try client.subscribe("a", qos: .atMostOnce) == [0])
        }
    }

    @Test("[MQTT-3.4.2-2] no Reason String makes a packet larger than the client takes")
    func reasonStringSize() async throws {
        try await TestGateway.run { gateway in
            let product = try await gateway.createProduct(codes: 1)
            let device = try await gateway.importDevices(["dk"], into: product)[0]
            // Fixed header 2, packet identifier 2, reason code 1, property length 1, property 3.
            let whole = UInt32(9 + Reason.topicNotAllowed.text.utf8.count)
            for (size, isTold) in [(whole, true), (whole - 1, false)] {
                let client = try TestClient(port: gateway.plainPort)
                let answer = try client.connect(as: .signed(device, secureMode: 3)) { properties in
                    properties.maximumPacketSize(size)
                }
                #expect(answer.code == 0)
                let refusal = try client.publish("elsewhere", "", qos: .atLeastOnce)
                #expect(refusal?.code == 0x87)
                #expect((refusal?.reasonString != nil) == isTold)
            }
        }
    }

    @Test("[MQTT-3.1.2-25] a message as large as the client takes arrives, a larger one is dropped")
    func messageSize() async throws {
        try await TestGateway.run { gateway in
            let subscriber = try connect(gateway, "small", maximumPacketSize: 50)
            try subscriber.subscribe("t", qos: .atMostOnce)
            let publisher = try connect(gateway, "publisher")
            // Fixed header 2, topic 3, property length 1.
            try publisher.publish("t", bytes: [UInt8](repeating: 7, count: 45))
            try publisher.publish("t", bytes: [UInt8](repeating: 7, count: 44))
            #expect(try subscriber.message().payload.count == 44)
        }
    }

    @Test("[MQTT-3.2.2-16] a device without a client identifier is told the one it was given")
    func assignedToDevice() async throws {
        try await TestGateway.run { gateway in
            let product = try await gateway.createProduct(codes: 1)
            let device = try await gateway.importDevices(["dk"], into: product)[0]
            let client = try TestClient(
                port: gateway.tlsPort, certificates: gateway.certificates)
            let answer = try client.connect(as: .secret(device))
            #expect(answer.code == 0)
            #expect(answer.assignedClientID == "\(device.identity)")
        }
    }

    @Test(
        "[MQTT-3.1.4-3] who comes back with the identifier it was assigned takes its session over")
    func assignedIsAtHome() async throws {
        try await TestGateway.run(shards: 4) { gateway in
            for _ in 0..<4 {
                let first = try TestClient(port: gateway.openPort)
                let answer = try first.connect(as: .anonymous(""))
                let assigned = try #require(answer.assignedClientID)
                let second = try connect(gateway, assigned)
                #expect(try first.endingCode() == 0x8E)
                try second.ping()
            }
        }
    }

    @Test("MQTT 5 (3.14.2.2.2): a session that was to end cannot be given time with DISCONNECT")
    func expiryWithDisconnect() async throws {
        try await TestGateway.run { gateway in
            let client = try connect(gateway, "late")
            try client.send { buffer in
                Disconnect.encode(version: .v5, into: &buffer) { properties in
                    properties.sessionExpiryInterval(seconds: 60)
                }
            }
            #expect(try client.endingCode() == 0x82)
        }
    }

    @Test("A client that reads nothing holds no more than its queue, at QoS 1 too")
    func slowReader() async throws {
        let size = 200_000
        try await TestGateway.run(
            shards: 1,
            configure: { $0.limits.queueBytes = $0.limits.packetSizeBytes }
        ) { gateway in
            let subscriber = try connect(gateway, "slow")
            try subscriber.subscribe("t", qos: .atLeastOnce)
            let publisher = try connect(gateway, "publisher")
            // All of them fit into the window of 64, but not into the sockets' buffers.
            for _ in 0..<60 {
                try publisher.publish(
                    "t", bytes: [UInt8](repeating: 1, count: size), qos: .atLeastOnce)
            }
            let counters = gateway.gateway.counters[0].events
            let dropped = Int(counters.value(of: .deliveriesDropped))
            #expect(dropped > 0)
            // What was taken arrives, and so does what comes when there is room again.
            for _ in 0..<(60 - dropped) { #expect(try subscriber.message().payload.count == size) }
            try publisher.publish("t", "again", qos: .atLeastOnce)
            #expect(try subscriber.message().text == "again")
        }
    }

    @Test("[MQTT-3.3.2-5] a message that has waited for longer than it lasts is not sent")
    func messageExpiry() async throws {
        let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
        try await TestGateway.run(shards: 1, time: .manual(clock)) { gateway in
            let subscriber = try TestClient(port: gateway.openPort)
            subscriber.acknowledgesMessages = false
            _ = try subscriber.connect(as: .anonymous("one at a time")) { $0.receiveMaximum(1) }
            try subscriber.subscribe("t", qos: .atLeastOnce)
            let publisher = try connect(gateway, "publisher")
            let topic = Array("t".utf8)
            for (seconds, text) in [(60, "sent"), (1, "expired"), (60, "late")]
                as [(UInt32, String)]
            {
                let payload = Array(text.utf8)
                let packetID = publisher.nextPacketID()
                try publisher.send { buffer in
                    Publish.encode(
                        topic: topic.span,
                        payload: payload.span,
                        qos: .atLeastOnce,
                        packetID: packetID,
                        version: .v5,
                        into: &buffer
                    ) { $0.messageExpiryInterval(seconds: seconds) }
                }
                _ = try publisher.acknowledgement(.puback, packetID)
            }
            let first = try subscriber.message()
            #expect(first.text == "sent")
            clock.advance(milliseconds: 1_200)
            gateway.gateway.clockMoved()
            let packetID = try #require(first.packetID)
            try subscriber.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
            #expect(try subscriber.message().text == "late")
        }
    }
}
