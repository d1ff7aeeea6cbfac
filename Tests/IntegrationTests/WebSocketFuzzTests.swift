import Bytes
import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Listeners for WebSockets under random input.
    @Suite struct WebSocketFuzzTests {
        @Test(
            "10,000 damaged handshakes and frames: neighbours are served, and nothing is left behind"
        )
        func nothingLeft() async throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed of the WebSocket fuzz: \(seed)")
            try await TestGateway.runWithWebSockets(shards: 1) { gateway in
                let neighbour = try gateway.webSocketClient("neighbour")
                let request = TestWebSocket.request()
                let connect = TestCredentials.anonymous("fuzz").connectPacket()
                let frames: [[UInt8]] = [
                    TestWebSocket.frame(connect), TestWebSocket.frame([0xC0, 0]),
                    TestWebSocket.frame(TestPacket.publish("t", packetID: 1)),
                    TestWebSocket.frame([1, 2, 3], opcode: 9),
                    TestWebSocket.frame([0x03, 0xE8], opcode: 8),
                    TestWebSocket.frame([0xC0], isFinal: false),
                    TestWebSocket.frame([0], opcode: 0),
                    TestWebSocket.frame([UInt8](repeating: 7, count: 300)),
                ]
                var mutation = Mutation(seed: seed, samples: frames)
                for round in 0..<5 {
                    let strings = (0..<2_000).map { number -> [UInt8] in
                        let noise = mutation.next(connect: frames[0])
                        if number % 4 == 0 { return noise }
                        guard number % 4 == 1 else { return request + noise }
                        var damaged = request
                        damaged[mutation.below(damaged.count)] = UInt8(mutation.below(256))
                        return damaged + noise
                    }
                    _ = try ConnectCrowd.send(
                        strings, to: gateway.port(of: "ws-open"), width: 64,
                        manner: .waitsForEnd, seconds: 60)
                    try neighbour.publish("neighbour", "\(round)", qos: .atLeastOnce)
                }
                try neighbour.ping()
                try await until { await gateway.metric("tollgate_connections{shard=\"0\"}") == 1 }
                #expect(await gateway.metric("tollgate_clients{shard=\"0\"}") == 1)
                #expect(await gateway.metric("tollgate_connections_unadmitted{shard=\"0\"}") == 0)
                #expect(await gateway.metric("tollgate_timers{shard=\"0\"}") == 1)
            }
        }
    }
}
