import Bytes
import Gateway
import Ledger
import Linux
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// Packets in a stream of bytes: in pieces, in bunches, faster than somebody reads.
    @Suite struct StreamTests {
        private func packet(_ encode: (inout ByteBuffer) -> Void) -> [UInt8] {
            var buffer = ByteBuffer()
            encode(&buffer)
            return buffer.span.bytesArray
        }

        @Test(
            "what follows a CONNECT in the same bytes is served after it, also when a code is consumed"
        )
        func pipelined() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 16)
                let devices = try await gateway.importDevices(
                    (0..<16).map { "dk\($0)" }, into: product)
                for (number, device) in devices.enumerated() {
                    let overTLS = number.isMultiple(of: 2)
                    let client = try TestClient(
                        port: overTLS ? gateway.tlsPort : gateway.plainPort,
                        certificates: overTLS ? gateway.certificates : nil
                    )
                    let credentials = TestCredentials.signed(device, secureMode: overTLS ? 2 : 3)
                    let filter = Array(device.down("#").utf8)
                    let topic = Array(device.up().utf8)
                    try client.send(
                        credentials.connectPacket()
                            + packet {
                                Subscribe.encode(packetID: 1, version: .v5, into: &$0) {
                                    $0.append(filter.span, qos: .atLeastOnce)
                                }
                            }
                            + packet {
                                Publish.encode(
                                    topic: topic.span, payload: topic.span, qos: .atLeastOnce,
                                    packetID: 2, version: .v5, into: &$0)
                            } + packet { Pingreq.encode(into: &$0) }
                    )
                    guard case .connack(let connack) = try client.next() else {
                        Issue.record("no CONNACK")
                        continue
                    }
                    #expect(connack.code == 0)
                    #expect(try client.next() == .subscription(.suback, packetID: 1, codes: [1]))
                    #expect(try client.acknowledgement(.puback, 2).code == 0x10)
                    #expect(try client.next() == .pingresp)
                }
                #expect(try gateway.figures(of: product)?.consumed == 16)
            }
        }

        @Test("packets that come byte by byte are served like any other", arguments: [false, true])
        func byteByByte(overTLS: Bool) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                for device in devices {
                    let client = try TestClient(
                        port: overTLS ? gateway.tlsPort : gateway.plainPort,
                        certificates: overTLS ? gateway.certificates : nil
                    )
                    let credentials = TestCredentials.signed(device, secureMode: overTLS ? 2 : 3)
                    let topic = Array(device.up().utf8)
                    let bytes =
                        credentials.connectPacket()
                        + packet {
                            Publish.encode(
                                topic: topic.span, payload: topic.span, qos: .atLeastOnce,
                                packetID: 2,
                                version: .v5, into: &$0)
                        }
                    for byte in bytes { try client.send([byte]) }
                    #expect(try client.acknowledgement(.puback, 2).code == 0x10)
                }
            }
        }

        @Test(
            "2,000 QoS 1 messages in one write are acknowledged in order", arguments: [false, true])
        func bunch(overTLS: Bool) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient.connected(
                    port: overTLS ? gateway.tlsPort : gateway.plainPort,
                    certificates: overTLS ? gateway.certificates : nil,
                    as: .signed(device, secureMode: overTLS ? 2 : 3)
                )
                let topic = Array(device.up().utf8)
                var bytes: [UInt8] = []
                for packetID in UInt16(1)...2_000 {
                    bytes += packet {
                        Publish.encode(
                            topic: topic.span, payload: topic.span, qos: .atLeastOnce,
                            packetID: packetID, version: .v5, into: &$0)
                    }
                }
                try client.send(bytes)
                for packetID in UInt16(1)...2_000 {
                    guard case .acknowledgement(let found) = try client.next() else {
                        Issue.record("something else than a PUBACK")
                        return
                    }
                    #expect(found.packetID == packetID && found.code == 0x10)
                }
                let usage = try await gateway.gateway.usage(of: device.identity)
                #expect(usage.today.used == 2_000)
            }
        }

        @Test("a large message goes through TLS whole, up and down")
        func largeOverTLS() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try TestClient.connected(
                    port: gateway.tlsPort, certificates: gateway.certificates,
                    as: .signed(device, secureMode: 2))
                try client.subscribe(device.down("#"))
                let backend = try TestClient.connected(
                    port: gateway.tlsPort, certificates: gateway.certificates, as: .application(key)
                )
                try backend.subscribe("d/lamp/+/up/#")
                for size in [16_383, 16_384, 16_385, 65_535, 100_000, 261_000] {
                    let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                    let up = try client.publish(device.up(), bytes: payload, qos: .atLeastOnce)
                    #expect(up?.code == 0)
                    #expect(try backend.message().payload == payload)
                    try backend.publish(device.down(), bytes: payload, qos: .atMostOnce)
                    #expect(try client.message().payload == payload)
                }
            }
        }

        @Test(
            "a receiver that does not read loses messages, holds nobody up, and finds whole packets later",
            arguments: [false, true]
        )
        func slowReceiver(overTLS: Bool) async throws {
            try await TestGateway.run { gateway in
                let key = try await gateway.createApplication()
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let slow = try TestClient.connected(
                    port: overTLS ? gateway.tlsPort : gateway.plainPort,
                    certificates: overTLS ? gateway.certificates : nil,
                    as: .application(key, clientID: "slow")
                )
                try slow.subscribe("d/lamp/+/up/#")
                let client = try gateway.connect(device)
                let payload = [UInt8](repeating: 88, count: 100_000)
                for number in 0..<400 {
                    try client.publish(
                        device.up("\(number)"), bytes: payload,
                        qos: number.isMultiple(of: 2) ? .atMostOnce : .atLeastOnce)
                }
                try client.ping()
                let dropped = await gateway.metric("tollgate_deliveries_dropped_total") ?? 0
                #expect(dropped > 100)
                slow.patienceSeconds = 30
                var count = 0
                while count < 400 - dropped {
                    let message = try slow.message()
                    #expect(message.payload.count == payload.count)
                    count += 1
                }
                #expect(try await gateway.unread(by: slow) == [])
            }
        }

        @Test("whoever sends without reading the answers is not read from any more, and recovers")
        func deafSender() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let neighbour = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("neighbour"))
                let deaf = try TestClient.connected(port: gateway.openPort, as: .anonymous("deaf"))
                deaf.patienceSeconds = 0.5
                let pings = [UInt8]((0..<100_000).flatMap { _ in [UInt8(0xC0), 0] })
                var sent = 0
                // Until even the kernel takes no more.
                while sent < 400, (try? deaf.send(pings)) != nil { sent += 1 }
                try neighbour.ping()
                #expect(sent < 400)
                deaf.patienceSeconds = 10
                for _ in 0..<(sent * 100_000) { #expect(try deaf.next() == .pingresp) }
                try neighbour.ping()
            }
        }

        @Test("a silent client is closed when the time for its CONNECT or its handshake is over")
        func silence() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let plain = try TestClient(port: gateway.plainPort)
                let half = try TestClient(port: gateway.plainPort)
                try half.send([0x10, 20, 0, 4])
                let encrypted = try TestClient(
                    port: gateway.tlsPort, certificates: gateway.certificates)
                let mute = try TestClient(port: gateway.tlsPort)
                try await until {
                    let accepted = await gateway.metric("tollgate_connections_accepted_total")
                    let established = await gateway.metric("tollgate_tls_handshakes_total")
                    return accepted == 4 && established == 1
                }
                clock.advance(milliseconds: 9_000)
                gateway.gateway.clockMoved()
                await gateway.settle()
                #expect(await gateway.byShard("tollgate_connections").reduce(0, +) == 4)
                clock.advance(milliseconds: 1_200)
                gateway.gateway.clockMoved()
                for client in [plain, half, encrypted] {
                    #expect(try client.untilClosed().isEmpty)
                }
                await gateway.settle()
                #expect(await gateway.byShard("tollgate_connections").reduce(0, +) == 1)
                clock.advance(milliseconds: 10_000)
                gateway.gateway.clockMoved()
                #expect(try mute.untilClosed().isEmpty)
            }
        }

        @Test(
            "over the limits of connections and of handshakes under way new ones are closed early")
        func limits() async throws {
            try await TestGateway.run(
                shards: 1,
                configure: { configuration in
                    configuration.limits.connections = 4
                    configuration.limits.handshakesInFlight = 2
                    configuration.limits.connectTimeoutSeconds = 300
                }
            ) { gateway in
                let waiting = try (0..<2).map { _ in try TestClient(port: gateway.openPort) }
                await gateway.settle()
                try await until {
                    await gateway.metric("tollgate_connections_unadmitted{shard=\"0\"}") == 2
                }
                let third = try TestClient(port: gateway.openPort)
                #expect(try third.untilClosed().isEmpty)
                for (number, client) in waiting.enumerated() {
                    #expect(try client.connect(as: .anonymous("c\(number)")).code == 0)
                }
                for number in 2..<4 {
                    _ = try TestClient.connected(
                        port: gateway.openPort, as: .anonymous("c\(number)")
                    )
                    .publish("keeps/it/open", "x", qos: .atLeastOnce)
                }
                for client in waiting { try client.ping() }
            }
        }
    }
}
