import Bytes
import Gateway
import Ledger
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// How connections end: DISCONNECT with the code of Wire.md in MQTT 5, just closed in 3.1.1.
    @Suite struct EndingTests {
        private func expected(_ code: UInt8, _ version: ProtocolVersion) -> UInt8? {
            version == .v5 ? code : nil
        }

        @Test(
            "the new connection wins, the old one ends with 0x8E; a code is consumed once (B2)",
            arguments: ProtocolVersion.allCases
        )
        func takeover(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let older = try gateway.connect(device, version: version)
                let newer = try gateway.connect(device, version: version)
                #expect(try older.endingCode() == expected(0x8E, version))
                try newer.ping()
                #expect(try gateway.figures(of: product)?.consumed == 1)
            }
        }

        @Test("a takeover leaves the newer connection's subscriptions and counter alone")
        func takeoverKeepsTheNewer() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let older = try gateway.connect(device)
                try older.subscribe(device.down("#"))
                try older.publish(device.up(), "x", qos: .atLeastOnce)
                let newer = try gateway.connect(device)
                try newer.subscribe(device.down("#"))
                #expect(try older.endingCode() == 0x8E)
                let backend = try gateway.connect(key)
                try backend.publish(device.down(), "one", qos: .atLeastOnce)
                #expect(try newer.message().text == "one")
                #expect(try newer.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
                #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
            }
        }

        @Test(
            "keep-alive ran out: 0x8D after one and a half times its seconds, not before",
            arguments: ProtocolVersion.allCases
        )
        func keepAlive(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device, version: version, keepAliveSeconds: 60)
                clock.advance(milliseconds: 89_000)
                gateway.gateway.clockMoved()
                try client.ping()
                clock.advance(milliseconds: 89_000)
                gateway.gateway.clockMoved()
                await gateway.settle()
                clock.advance(milliseconds: 2_000)
                gateway.gateway.clockMoved()
                #expect(try client.endingCode() == expected(0x8D, version))
            }
        }

        @Test(
            "an operator kicks a device: 0x98; in 3.1.1 a notice on sys, then the end",
            arguments: ProtocolVersion.allCases
        )
        func kicked(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device, version: version)
                try client.subscribe(device.sys("#"))
                #expect(await gateway.gateway.kick(device.identity))
                let packets = try client.untilClosed()
                try expectAdministrativeEnd(packets, reason: "kicked", device, version)
                #expect(await gateway.gateway.kick(device.identity) == false)
            }
        }

        private func expectAdministrativeEnd(
            _ packets: [TestPacket],
            reason: String,
            _ device: TestDevice,
            _ version: ProtocolVersion
        ) throws {
            let packet = try #require(packets.first)
            #expect(packets.count == 1)
            switch packet {
            case .disconnect(let code, _): #expect(version == .v5 && code == 0x98)
            case .publish(let message):
                #expect(version == .v3_1_1)
                #expect(message.topic == device.sys("notice"))
                #expect(message.text == "{\"reason\":\"\(reason)\"}")
            default: Issue.record("\(packet)")
            }
        }

        @Test(
            "B5: at expiry without renewal an online device is disconnected with 0x98, its will published",
            arguments: ProtocolVersion.allCases
        )
        func expiry(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 1, validityDays: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try gateway.connect(
                    device,
                    version: version,
                    keepAliveSeconds: 3_600,
                    will: TestWill(topic: device.up("will"), payload: "gone")
                )
                try client.subscribe(device.sys("#"))
                for _ in 0..<25 {
                    clock.advance(milliseconds: 3_000_000)
                    gateway.gateway.clockMoved()
                    try client.ping()
                }
                let backend = try gateway.connect(
                    key, keepAliveSeconds: 3_600, subscribedTo: "d/lamp/+/up/#")
                for _ in 0..<4 {
                    clock.advance(milliseconds: 3_000_000)
                    gateway.gateway.clockMoved()
                    if (try? client.ping()) == nil { break }
                    try backend.ping()
                }
                let packets = try client.untilClosed()
                try expectAdministrativeEnd(packets, reason: "entitlement-ended", device, version)
                #expect(try backend.message().text == "gone")
                try await until { try gateway.figures(of: product)?.devicesActive == 0 }
            }
        }

        @Test("B4: at expiry with a code left an online device is renewed and not interrupted")
        func renewal() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 2, validityDays: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device, keepAliveSeconds: 3_600)
                for _ in 0..<30 {
                    clock.advance(milliseconds: 3_000_000)
                    gateway.gateway.clockMoved()
                    try client.ping()
                }
                try await until { try gateway.figures(of: product)?.consumed == 2 }
                try client.ping()
                let record = try gateway.record(of: device.identity)
                let begin = Timestamp(seconds: 1_790_000_000)
                #expect(record?.entitlement?.expiresAt == begin.adding(days: 2))
            }
        }

        @Test("B12: disabling or deleting a device, or revoking a key, ends its connection")
        func disabledOnline() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let clients = try devices.map { try gateway.connect($0) }
                let backend = try gateway.connect(key)
                try await gateway.submit(.devices(.setDisabled(devices[0].identity, true)))
                #expect(try clients[0].endingCode() == 0x87)
                try await gateway.submit(.devices(.delete(devices[1].identity)))
                #expect(try clients[1].endingCode() == 0x98)
                try await gateway.submit(.keys(.revoke(key.key)))
                #expect(try backend.endingCode() == 0x98)
            }
        }

        @Test("draining for shutdown tells MQTT 5 clients 0x8B and closes all")
        func draining() async throws {
            let gateway = try TestGateway()
            let product = try await gateway.createProduct()
            let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
            let modern = try gateway.connect(devices[0])
            let classic = try gateway.connect(devices[1], version: .v3_1_1)
            let silent = try TestClient(port: gateway.plainPort)
            await gateway.stop()
            #expect(try modern.endingCode() == 0x8B)
            #expect(try classic.endingCode() == nil)
            #expect(try silent.untilClosed().isEmpty)
            #expect(throws: TestClientError.self) { _ = try TestClient(port: gateway.plainPort) }
        }

        @Test(
            "15 displacements a minute; then 0x9F (3 in 3.1.1) for 60 s, which refusals do not extend",
            arguments: ProtocolVersion.allCases
        )
        func displacement(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let credentials = TestCredentials.signed(device, secureMode: 3)
                var clients: [TestClient] = []
                for _ in 0..<17 { clients.append(try gateway.connect(device, version: version)) }
                let refused: UInt8 = version == .v5 ? 0x9F : 3
                #expect(try gateway.answer(to: credentials, version: version).code == refused)
                clock.advance(milliseconds: 59_000)
                gateway.gateway.clockMoved()
                #expect(try gateway.answer(to: credentials, version: version).code == refused)
                clock.advance(milliseconds: 1_000)
                gateway.gateway.clockMoved()
                #expect(try gateway.answer(to: credentials, version: version).code == 0)
            }
        }

        @Test(
            "more QoS 2 messages under way than the Receive Maximum: 0x93; MQTT 3.1.1 has none",
            arguments: ProtocolVersion.allCases
        )
        func receiveMaximum(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let client = try TestClient(port: gateway.openPort, version: version)
                let answer = try client.connect(as: .anonymous("greedy"))
                #expect(answer.receiveMaximum == (version == .v5 ? 64 : nil))
                for packetID in UInt16(1)...64 {
                    try client.sendPublish("t", [], qos: .exactlyOnce, packetID: packetID)
                }
                for packetID in UInt16(1)...64 { _ = try client.acknowledgement(.pubrec, packetID) }
                try client.sendPublish("t", [], qos: .exactlyOnce, packetID: 64, isDuplicate: true)
                _ = try client.acknowledgement(.pubrec, 64)
                try client.sendPublish("t", [], qos: .exactlyOnce, packetID: 65)
                switch version {
                case .v5: #expect(try client.endingCode() == 0x93)
                case .v3_1_1: _ = try client.acknowledgement(.pubrec, 65)
                }
            }
        }

        @Test(
            "a packet that says it is too large: 0x95, before any of its body has arrived",
            arguments: ProtocolVersion.allCases
        )
        func packetTooLarge(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let client = try TestClient(port: gateway.openPort, version: version)
                let answer = try client.connect(as: .anonymous("large"))
                #expect(answer.maximumPacketSize == (version == .v5 ? 262_144 : nil))
                try client.send([0x30, 0xFF, 0xFF, 0xFF, 0x7F])
                #expect(try client.endingCode() == expected(0x95, version))
            }
        }

        @Test("a packet of exactly the maximum size is taken, in pieces")
        func largestPacket() async throws {
            try await TestGateway.run { gateway in
                let client = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("large"))
                try client.subscribe("t")
                // Fixed header 4, topic 3, packet identifier 2, properties 1.
                let payload = [UInt8](repeating: 7, count: 262_144 - 10)
                #expect(try client.publish("t", bytes: payload, qos: .atLeastOnce)?.code == 0)
                #expect(try client.message().payload == payload)
            }
        }

        @Test(
            "a malformed packet ends its connection with 0x81 and touches no other",
            arguments: ProtocolVersion.allCases
        )
        func malformed(version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let neighbour = try TestClient.connected(
                    port: gateway.openPort, version: version, as: .anonymous("neighbour"))
                let client = try TestClient.connected(
                    port: gateway.openPort, version: version, as: .anonymous("broken"))
                try client.send([0x36, 0])
                #expect(try client.endingCode() == expected(0x81, version))
                try neighbour.ping()
            }
        }

        @Test(
            "[MQTT-3.1.2-8] the will is published when the connection is lost, not after DISCONNECT"
        )
        func will() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                for version in ProtocolVersion.allCases {
                    let will = TestWill(
                        topic: device.up("will"), payload: "lost \(version)", qos: .atLeastOnce)
                    try gateway.connect(device, version: version, will: will).disconnect()
                    // Else the next connection may find this one still there, and take it over.
                    try await until { await gateway.gateway.onlineCount(of: product.key) == 0 }
                    try gateway.connect(device, version: version, will: will).lose()
                    let message = try backend.message()
                    #expect(message.text == "lost \(version)")
                    #expect(message.qos == .atLeastOnce)
                    try await until { await gateway.gateway.onlineCount(of: product.key) == 0 }
                }
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test(
            "a will on a topic that the client may not publish to: 0x87, and 5 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func willRights(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                for topic in [devices[1].up("will"), devices[0].down("will"), "other"] {
                    let client = try TestClient(port: gateway.plainPort, version: version)
                    let answer = try client.connect(
                        as: .signed(devices[0], secureMode: 3),
                        will: TestWill(topic: topic, payload: "no")
                    )
                    #expect(answer.code == Expectation.notAuthorized.code(in: version))
                }
            }
        }

        @Test(
            "[MQTT-3.1.4-5]: who sends all at once and ends its TLS session is heard, though it needs a code",
            arguments: [1, 2]
        )
        func goodbyeWithMessage(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                for device in devices {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates)
                    var bytes = ByteBuffer()
                    let connect = TestCredentials.signed(device, secureMode: 2).connectPacket()
                    bytes.append(connect.span)
                    let topic = Array(device.up().utf8)
                    Publish.encode(
                        topic: topic.span, payload: topic.span, version: .v5, into: &bytes)
                    Disconnect.encode(reason: .success, version: .v5, into: &bytes)
                    try client.sendAndEndTLS(bytes.span.bytesArray)
                    _ = try? client.untilClosed()
                    #expect(try backend.message().text == device.up())
                }
            }
        }

        @Test("a CONNECT that is followed by the end of its TLS session ends nothing but itself")
        func goodbyeWithConnect() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(
                    (0..<8).map { "dk\($0)" }, into: product)
                for device in devices {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates)
                    try client.sendAndEndTLS(
                        TestCredentials.signed(device, secureMode: 2).connectPacket())
                    _ = try? client.untilClosed()
                }
                await gateway.settle()
                #expect(await gateway.metric("tollgate_connections_accepted_total") == 8)
            }
        }
    }
}

/// Waits until `condition` holds, as long as tests have patience.
func until(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<Int(Patience.seconds * 100) {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen in \(Patience.seconds) seconds")
}
