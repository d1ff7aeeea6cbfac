import Bytes
import Gateway
import Glibc
import MQTT
import Support
import Testing

extension WholeGateway {
    /// A live listener under random input.
    @Suite struct FuzzTests {
        /// A packet of every kind that a client may send, and some that it may not.
        private static func samples(_ version: ProtocolVersion) -> [[UInt8]] {
            func packet(_ encode: (inout ByteBuffer) -> Void) -> [UInt8] {
                var buffer = ByteBuffer()
                encode(&buffer)
                return buffer.span.bytesArray
            }
            let topic = Array("d/lamp/dk1/up/data".utf8)
            let filter = Array("d/+/dk1/#".utf8)
            let payload = Array("payload".utf8)
            return [
                TestCredentials.anonymous("fuzz").connectPacket(version: version),
                TestCredentials(clientID: "a.b|securemode=3|", userName: "b&a", password: "c")
                    .connectPacket(version: version),
                packet {
                    Publish.encode(
                        topic: topic.span, payload: payload.span, version: version, into: &$0)
                },
                packet {
                    Publish.encode(
                        topic: topic.span, payload: payload.span, qos: .atLeastOnce, packetID: 7,
                        version: version, into: &$0
                    ) { properties in
                        guard version == .v5 else { return }
                        properties.contentType(payload.span)
                        properties.userProperty(name: topic.span, value: payload.span)
                    }
                },
                packet {
                    Publish.encode(
                        topic: topic.span, payload: payload.span, qos: .exactlyOnce, packetID: 8,
                        version: version, into: &$0)
                },
                packet { Puback.encode(packetID: 1, version: version, into: &$0) },
                packet { Pubrec.encode(packetID: 1, version: version, into: &$0) },
                packet { Pubrel.encode(packetID: 8, version: version, into: &$0) },
                packet { Pubcomp.encode(packetID: 1, version: version, into: &$0) },
                packet {
                    Subscribe.encode(packetID: 2, version: version, into: &$0) {
                        $0.append(filter.span, qos: .exactlyOnce)
                        $0.append(topic.span, qos: .atMostOnce)
                    }
                },
                packet {
                    Unsubscribe.encode(packetID: 3, version: version, into: &$0) {
                        $0.append(filter.span)
                    }
                },
                packet { Pingreq.encode(into: &$0) },
                packet { Disconnect.encode(version: version, into: &$0) },
                [0xF0, 2, 0x18, 0],
                [0x20, 2, 0, 0],
            ]
        }

        /// The process's resident memory, in bytes.
        private func residentBytes() -> Int {
            guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
            defer { unsafe fclose(file) }
            var line = [CChar](repeating: 0, count: 256)
            // Safe: fgets(3) writes at most as many bytes as it is told, and ends them.
            guard unsafe fgets(&line, 256, file) != nil else { return 0 }
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
        }

        @Test(
            "100,000 random byte strings and mutated packets: no crash, no leak, neighbours served")
        func liveListener() async throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed of the live fuzz: \(seed)")
            try await TestGateway.run(shards: 1) { gateway in
                var mutation = Mutation(
                    seed: seed, samples: ProtocolVersion.allCases.flatMap { Self.samples($0) })
                let connects = ProtocolVersion.allCases.map {
                    TestCredentials.anonymous("fuzz").connectPacket(version: $0)
                }
                let neighbour = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("neighbour"))
                try neighbour.subscribe("neighbour/#")
                var settled = 0
                for round in 0..<50 {
                    let strings = (0..<2_000).map { _ in
                        mutation.next(connect: connects[mutation.below(2)])
                    }
                    _ = try ConnectCrowd.send(
                        strings, to: gateway.openPort, width: 64, manner: .waitsForEnd, seconds: 30)
                    try neighbour.publish("neighbour/x", "\(round)", qos: .atLeastOnce)
                    #expect(try neighbour.message().text == "\(round)", "seed \(seed)")
                    // By then every table has grown to what this load needs.
                    if round == 9 { settled = residentBytes() }
                }
                #expect(await gateway.metric("tollgate_connections_accepted_total") == 100_001)
                let grown = residentBytes() - settled
                #expect(grown < 8 << 20, "\(grown) bytes more after 80,000 strings, seed \(seed)")
                try await until { await gateway.metric("tollgate_connections{shard=\"0\"}") == 1 }
                #expect(await gateway.metric("tollgate_clients{shard=\"0\"}") == 1)
                #expect(await gateway.metric("tollgate_connections_unadmitted{shard=\"0\"}") == 0)
                #expect(await gateway.metric("tollgate_timers{shard=\"0\"}") == 1)
            }
        }

        @Test("random bytes and damaged handshakes on the TLS listener end only themselves")
        func tlsListener() async throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed of the TLS fuzz: \(seed)")
            try await TestGateway.run { gateway in
                var mutation = Mutation(seed: seed, samples: [])
                let strings = (0..<2_000).map { number -> [UInt8] in
                    let noise = (0..<(1 + mutation.below(300))).map { _ in
                        UInt8(truncatingIfNeeded: mutation.random())
                    }
                    // A record's header (RFC 8446, 5.1) in front of every other one.
                    let header: [UInt8] = [
                        0x16, 3, 1, UInt8(noise.count >> 8), UInt8(noise.count & 255),
                    ]
                    return number.isMultiple(of: 2) ? noise : header + noise
                }
                _ = try ConnectCrowd.send(
                    strings, to: gateway.tlsPort, width: 64, manner: .waitsForEnd, seconds: 30)
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let credentials = TestCredentials.signed(device, secureMode: 2)
                #expect(try gateway.answer(to: credentials, overTLS: true, version: .v5).code == 0)
            }
        }
    }
}
