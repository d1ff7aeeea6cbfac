import Bytes
import Gateway
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// How WebSockets end, and what they may take.
    @Suite struct WebSocketEndingTests {
        @Test(
            "RFC 6455, 5.5.1: the client's Close is answered after its packets; its will is published",
            arguments: ProtocolVersion.allCases
        )
        func closedByClient(version: ProtocolVersion) async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let watcher = try gateway.webSocketClient("watcher", version: version)
                try watcher.subscribe("#")
                for (payload, code) in [
                    ([0x03, 0xE8], 1_000), ([0x0F, 0xA0, 0x62, 0x79, 0x65], 4_000), ([], 0),
                ] as [([UInt8], UInt16)] {
                    let client = try gateway.webSocketClient(
                        "client", version: version, will: TestWill(topic: "will", payload: "gone"))
                    try client.sendPublish("last", [])
                    try client.sendRaw(TestWebSocket.frame(payload, opcode: 8))
                    #expect(try client.closeCode() == code)
                    #expect(client.webSocket?.breaches == [])
                    #expect(try watcher.message().topic == "last")
                    #expect(try watcher.message().topic == "will")
                }
            }
        }

        @Test(
            "a violation ends the connection: DISCONNECT 0x82 in MQTT 5, then Close with its code",
            arguments: ProtocolVersion.allCases
        )
        func violations(version: ProtocolVersion) async throws {
            try await TestGateway.runWithWebSockets { gateway in
                for (bytes, code) in [
                    ([0x82, 2, 0xC0, 0], 1_002), (TestWebSocket.frame([65], opcode: 1), 1_003),
                    (TestWebSocket.frame([0xC0, 0], opcode: 0), 1_002), ([0xC2], 1_002),
                    (TestWebSocket.frame([], opcode: 3), 1_002),
                    (TestWebSocket.frame([9], opcode: 8), 1_002),
                    ([0x82, 0xFF, 0, 0, 0, 0, 0, 4, 0, 1], 1_009),
                ] as [([UInt8], UInt16)] {
                    let client = try gateway.webSocketClient("client", version: version)
                    try client.sendRaw(bytes)
                    let packets = try client.untilClosed()
                    #expect(client.webSocket?.closeCode == code)
                    if version == .v5, case .disconnect(let reason, _) = packets.first {
                        #expect(reason == 0x82)
                    } else {
                        #expect(packets.isEmpty && version == .v3_1_1)
                    }
                }
                #expect(
                    await gateway.metric(
                        "tollgate_connections_ended_total{reason=\"websocket-violation\"}") == 7)
            }
        }

        @Test(
            "what MQTT refuses is said in MQTT, and the WebSocket closed with the code nearest to it"
        )
        func endings() async throws {
            let configure: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.limits.connectTimeoutSeconds = 1
            }
            try await TestGateway.runWithWebSockets(configure: configure) { gateway in
                let large = try gateway.webSocketClient("large")
                try large.send([0x30, 0xFF, 0xFF, 0x7F])
                #expect(try large.closeCode() == 1_009)
                let wrong = try gateway.webSocketClient("wrong")
                try wrong.send([0xF0, 2, 0x18, 0])
                #expect(try wrong.closeCode() == 1_002)
                let first = try gateway.webSocketClient("twice")
                let second = try gateway.webSocketClient("twice")
                #expect(try first.endingCode() == 0x8E)
                #expect(first.webSocket?.closeCode == 1_008)
                try second.ping()
                let early = try gateway.webSocket(isOpen: true)
                try early.send { Pingreq.encode(into: &$0) }
                #expect(try early.closeCode() == 1_002)
                // Nobody waits for ever, neither for a handshake nor for CONNECT behind it.
                let silent = try TestClient(port: gateway.port(of: "ws"))
                #expect(try silent.untilClosed().isEmpty)
                let idle = try gateway.webSocket(isOpen: true)
                #expect(try idle.closeCode() == 1_008)
                let stopped = try gateway.webSocketClient("stopped")
                await gateway.stop()
                #expect(try stopped.endingCode() == 0x8B)
                #expect(stopped.webSocket?.closeCode == 1_001)
            }
        }

        @Test("[MQTT-3.1.2-22]: packets keep a client alive, a WebSocket's Pings do not")
        func keepAlive() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.runWithWebSockets(time: .manual(clock)) { gateway in
                let client = try gateway.webSocketClient("client", keepAliveSeconds: 60)
                for _ in 0..<4 {
                    clock.advance(milliseconds: 80_000)
                    gateway.gateway.clockMoved()
                    try client.ping()
                }
                clock.advance(milliseconds: 80_000)
                gateway.gateway.clockMoved()
                try client.sendRaw(TestWebSocket.frame([], opcode: 9))
                try client.awaitPong()
                clock.advance(milliseconds: 11_000)
                gateway.gateway.clockMoved()
                #expect(try client.endingCode() == 0x8D)
            }
        }

        @Test(
            "a subscriber that reads late gets every byte in whole frames, over TLS and without",
            arguments: [false, true])
        func slowReader(overTLS: Bool) async throws {
            let configure: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.limits.queueBytes = 64 << 20
                configuration.listeners[4].authentication = .none
            }
            try await TestGateway.runWithWebSockets(configure: configure) { gateway in
                let reader = try gateway.webSocket(overTLS: overTLS, isOpen: true)
                #expect(try reader.connect(as: .anonymous("reader")).code == 0)
                try reader.subscribe("large", qos: .atMostOnce)
                let writer = try gateway.webSocketClient("writer")
                for number in 0..<100 {
                    let payload = [UInt8](repeating: UInt8(number), count: 200_000)
                    try writer.publish("large", bytes: payload, qos: .atLeastOnce)
                    if number % 10 == 0 { try reader.sendRaw(TestWebSocket.frame([9], opcode: 9)) }
                }
                for number in 0..<100 {
                    let message = try reader.message()
                    #expect(message.payload.count == 200_000)
                    #expect(message.payload.allSatisfy { $0 == UInt8(number) })
                }
                try reader.ping()
                #expect(reader.webSocket?.breaches == [])
                #expect(reader.webSocket?.controls.count == 10)
            }
        }

        @Test("a WebSocket goes with its connection to the client's shard, wherever a frame is cut")
        func handOver() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                for number in 0..<32 {
                    let clientID = "client-\(number)"
                    let client = try TestClient(port: gateway.port(of: "ws-open"))
                    // All at once: the handshake, CONNECT and a half of what comes behind it.
                    let behind = TestWebSocket.frame(TestPacket.publish("t", packetID: 9))
                    let connect = TestCredentials.anonymous(clientID).connectPacket()
                    let cut = number % behind.count
                    try client.sendRaw(
                        TestWebSocket.request() + TestWebSocket.frame(connect) + behind[..<cut])
                    #expect(try client.webSocketAnswer().hasPrefix("HTTP/1.1 101 "))
                    try client.sendRaw(Array(behind[cut...]))
                    #expect(try client.acknowledgement(.puback, 9).code < 0x80)
                    if number % 2 == 0 {
                        try client.sendRaw(TestWebSocket.frame([0x03, 0xE8], opcode: 8))
                        #expect(try client.closeCode() == 1_000)
                    }
                }
                #expect(await gateway.metric("tollgate_hand_overs_total") ?? 0 > 0)
            }
        }

        @Test("CONNECT and Close in one write: the shard that it was handed to closes it")
        func handOverAndClose() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                for number in 0..<16 {
                    let client = try gateway.webSocket(isOpen: true)
                    let connect = TestCredentials.anonymous("client-\(number)").connectPacket()
                    try client.sendRaw(
                        TestWebSocket.frame(connect)
                            + TestWebSocket.frame([0x03, 0xE9], opcode: 8))
                    #expect(try client.closeCode() == 1_001)
                }
                #expect(await gateway.metric("tollgate_hand_overs_total") ?? 0 > 0)
            }
        }
    }
}
