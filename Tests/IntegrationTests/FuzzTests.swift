import Bytes
import Gateway
import Glibc
import Linux
import MQTT
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// A live listener under random input.
    @Suite struct FuzzTests {
        /// A packet of every kind that a client may send, and some that it may not.
        fileprivate static func samples(_ version: ProtocolVersion) -> [[UInt8]] {
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

        @Test(
            "100,000 random byte strings and mutated packets: no crash, memory flat, neighbours served"
        )
        func liveListener() throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed of the live fuzz: \(seed)")
            let directory = TemporaryDirectory()
            let gateway = try GatewayProcess(in: directory)
            let port = gateway.openPort
            var strings = Strings(seed: seed)
            // Some of them on each of its two shards.
            let neighbours = try (0..<4).map { number in
                let client = try TestClient.connected(port: port, as: .anonymous("n\(number)"))
                try client.subscribe("neighbour/\(number)")
                return client
            }
            var settled = 0
            for round in 0..<50 {
                _ = try ConnectCrowd.send(
                    strings.next(2_000), to: port, width: 64, manner: .waitsForEnd, seconds: 30)
                for (number, neighbour) in neighbours.enumerated() {
                    try neighbour.publish("neighbour/\(number)", "\(round)", qos: .atLeastOnce)
                    #expect(try neighbour.message().text == "\(round)", "seed \(seed)")
                }
                // By then every table has grown to what this load needs.
                if round == 9 { settled = try gateway.residentBytes() }
            }
            let grown = try gateway.residentBytes() - settled
            #expect(grown < 2 << 20, "\(grown) bytes more after 80,000 strings, seed \(seed)")
            #expect(gateway.errors.isEmpty)
        }

        @Test("after random input no connection, client or timer is left behind")
        func nothingLeft() async throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed of the short fuzz: \(seed)")
            try await TestGateway.run(shards: 1) { gateway in
                let neighbour = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("neighbour"))
                var strings = Strings(seed: seed)
                for port in [gateway.openPort, gateway.plainPort] {
                    _ = try ConnectCrowd.send(
                        strings.next(5_000), to: port, width: 64, manner: .waitsForEnd, seconds: 30)
                }
                try neighbour.ping()
                #expect(await gateway.metric("tollgate_connections_accepted_total") == 10_001)
                try await until { await gateway.metric("tollgate_connections{shard=\"0\"}") == 1 }
                #expect(await gateway.metric("tollgate_clients{shard=\"0\"}") == 1)
                #expect(await gateway.metric("tollgate_connections_unadmitted{shard=\"0\"}") == 0)
                #expect(await gateway.metric("tollgate_timers{shard=\"0\"}") == 1)
            }
        }

        /// The strings of a seed, in both versions of the protocol.
        private struct Strings {
            private var mutation: Mutation
            private let connects = ProtocolVersion.allCases.map {
                TestCredentials.anonymous("fuzz").connectPacket(version: $0)
            }

            init(seed: UInt64) {
                mutation = Mutation(
                    seed: seed,
                    samples: ProtocolVersion.allCases.flatMap { FuzzTests.samples($0) }
                )
            }

            mutating func next(_ count: Int) -> [[UInt8]] {
                (0..<count).map { _ in mutation.next(connect: connects[mutation.below(2)]) }
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
