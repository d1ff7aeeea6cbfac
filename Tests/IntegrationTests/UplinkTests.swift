import Gateway
import Ledger
import MQTT
import Replication
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// Products whose devices' messages go into a stream.
    @Suite struct UplinkTests {
        private static let stream = UplinkStream("MACHINES")!

        /// Lends a gateway with a product that names a stream, and two devices of it.
        private func run(
            shards: Int = 2,
            streams: InProcessStreams? = InProcessStreams(),
            directory: TemporaryDirectory = TemporaryDirectory(),
            messagesPerDay: UInt64? = nil,
            _ body: (TestGateway, TestProduct, [TestDevice]) async throws -> Void
        ) async throws {
            let gateway = try TestGateway(shards: shards, uplink: streams, directory: directory)
            let product = try await gateway.createProduct(messagesPerDay: messagesPerDay)
            let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
            try await gateway.submit(.products(.nameUplink(product.key, Self.stream)))
            do {
                try await body(gateway, product, devices)
            } catch {
                await gateway.stop()
                throw error
            }
            await gateway.stop()
        }

        /// A client whose session outlives its connections.
        private func keep(_ device: TestDevice, at gateway: TestGateway) throws -> TestClient {
            let client = try TestClient(port: gateway.plainPort)
            let answer = try client.connect(as: .signed(device, secureMode: 3), isCleanStart: false)
            {
                $0.sessionExpiryInterval(seconds: 1_000)
            }
            guard answer.code == 0 else { throw TestRefusal(connack: answer) }
            return client
        }

        private func texts(_ streams: InProcessStreams) -> [String] {
            streams.messages(of: Self.stream.text).map {
                String(decoding: $0.payload, as: UTF8.self)
            }
        }

        @Test(
            "QoS 1 and 2 are acknowledged when the stream has them, without any application",
            arguments: ProtocolVersion.allCases, [1, 2]
        )
        func acknowledged(version: ProtocolVersion, shards: Int) async throws {
            let streams = InProcessStreams()
            try await run(shards: shards, streams: streams) { gateway, _, devices in
                for device in devices {
                    let client = try gateway.connect(device, version: version)
                    client.tellsUnheard = true
                    for qos in [QoS.atLeastOnce, .exactlyOnce] {
                        streams.set(.holds)
                        try client.sendPublish(
                            device.up(), Array("\(device.identity.device) \(qos)".utf8),
                            qos: qos, packetID: 5)
                        // The answer to what came before, and none to that.
                        #expect(try await gateway.unread(by: client) == [])
                        #expect(
                            Patience.awaits {
                                texts(streams).last == "\(device.identity.device) \(qos)"
                            })
                        streams.set(.takes)
                        let type = qos == .atLeastOnce ? PacketType.puback : .pubrec
                        #expect(try client.acknowledgement(type, 5).code == 0)
                        if qos == .exactlyOnce {
                            try client.send {
                                Pubrel.encode(packetID: 5, version: version, into: &$0)
                            }
                            _ = try client.acknowledgement(.pubcomp, 5)
                        }
                    }
                }
                #expect(texts(streams).count == 4)
                #expect(await gateway.metric("tollgate_uplink_stored_total") == 4)
            }
        }

        @Test("A device's messages are in the stream in their order, those of QoS 0 too")
        func order() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, _, devices in
                let client = try gateway.connect(devices[0])
                for number in 0..<50 {
                    if number == 20 { streams.set(.refuses("for a moment")) }
                    if number == 30 { streams.set(.takes) }
                    let qos: QoS = number % 3 == 0 ? .atMostOnce : .atLeastOnce
                    try client.sendPublish(
                        devices[0].up(), Array("\(number)".utf8), qos: qos,
                        packetID: qos == .atMostOnce ? nil : UInt16(number + 1))
                }
                for number in 0..<50 where number % 3 != 0 {
                    #expect(try client.acknowledgement(.puback, UInt16(number + 1)).code == 0)
                }
                #expect(Patience.awaits { texts(streams).count == 50 })
                #expect(texts(streams) == (0..<50).map { "\($0)" })
            }
        }

        @Test("One whose acknowledgement is lost is put again, and is there once")
        func lost() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, _, devices in
                let client = try gateway.connect(devices[0])
                streams.set(.loses)
                try client.sendPublish(devices[0].up(), [1], qos: .atLeastOnce, packetID: 1)
                #expect(Patience.awaits { texts(streams).count == 1 })
                streams.set(.takes)
                #expect(try client.acknowledgement(.puback, 1).code == 0)
                #expect(texts(streams).count == 1)
            }
        }

        @Test("Sent again with DUP while it waits, over a new connection: there once, acknowledged")
        func repeated() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, _, devices in
                let device = devices[0]
                streams.set(.refuses("not yet"))
                let first = try gateway.connect(device)
                try first.sendPublish(device.up(), [1], qos: .atLeastOnce, packetID: 3)
                #expect(try await gateway.unread(by: first) == [])
                first.lose()
                let second = try gateway.connect(device)
                try second.sendPublish(
                    device.up(), [1], qos: .atLeastOnce, packetID: 3, isDuplicate: true)
                #expect(try await gateway.unread(by: second) == [])
                streams.set(.takes)
                #expect(try second.acknowledgement(.puback, 3).code == 0)
                #expect(texts(streams).count == 1)
            }
        }

        @Test("Applications get the messages as before; other products' go into no stream")
        func applications() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, product, devices in
                let other = try await gateway.createProduct("other")
                let plain = try await gateway.importDevice("dk", into: other)
                let key = try await gateway.createApplication(products: [product, other])
                let backend = try gateway.connect(key)
                try backend.subscribe("d/\(product.key)/#")
                try backend.subscribe("d/\(other.key)/#")
                let client = try gateway.connect(devices[0])
                #expect(try client.publish(devices[0].up(), "a", qos: .atLeastOnce)?.code == 0)
                #expect(try backend.message().text == "a")
                let third = try gateway.connect(plain)
                streams.set(.refuses("this is not asked"))
                #expect(try third.publish(plain.up(), "b", qos: .atLeastOnce)?.code == 0)
                #expect(try backend.message().text == "b")
                streams.set(.takes)
                #expect(texts(streams) == ["a"])
                try await gateway.submit(.products(.nameUplink(product.key, nil)))
                #expect(try client.publish(devices[0].up(), "c", qos: .atLeastOnce)?.code == 0)
                #expect(texts(streams) == ["a"] && streams.inUse == [])
            }
        }

        @Test("A will is in the stream; a message over the day's allowance is not")
        func willsAndQuota() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams, messagesPerDay: 2) { gateway, _, devices in
                do {
                    let client = try gateway.connect(
                        devices[0], will: TestWill(topic: devices[0].up("gone"), payload: "gone"))
                    let answer = try client.publish(devices[0].up(), "one", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                    client.lose()
                }
                #expect(Patience.awaits { texts(streams) == ["one", "gone"] })
                let again = try gateway.connect(devices[0])
                let answer = try again.publish(devices[0].up(), "over", qos: .atLeastOnce)
                #expect(answer?.code == 0x97 && texts(streams).count == 2)
            }
        }

        @Test("QoS 2 of a stored session, sent again after the connection was lost, is there once")
        func exactlyOnce() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, _, devices in
                let device = devices[0]
                streams.set(.holds)
                let first = try keep(device, at: gateway)
                try first.sendPublish(device.up(), [1], qos: .exactlyOnce, packetID: 3)
                #expect(Patience.awaits { texts(streams).count == 1 })
                first.lose()
                let second = try keep(device, at: gateway)
                try second.sendPublish(
                    device.up(), [1], qos: .exactlyOnce, packetID: 3, isDuplicate: true)
                #expect(try await gateway.unread(by: second) == [])
                streams.set(.takes)
                #expect(try second.acknowledgement(.pubrec, 3).code == 0)
                #expect(texts(streams).count == 1)
            }
        }

        @Test(
            "Without NATS nothing for a stream is acknowledged: 0x83, or the end of 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func withoutServers(version: ProtocolVersion) async throws {
            try await run(streams: nil) { gateway, _, devices in
                let client = try gateway.connect(devices[0], version: version)
                #expect(!gateway.gateway.offersUplink)
                switch version {
                case .v5:
                    for qos in [QoS.atLeastOnce, .exactlyOnce] {
                        let answer = try client.publish(devices[0].up(), "a", qos: qos)
                        #expect(answer?.code == 0x83)
                        #expect(answer?.reasonString == Reason.notUplinked.text)
                    }
                case .v3_1_1:
                    try client.sendPublish(devices[0].up(), [1], qos: .atLeastOnce, packetID: 1)
                    #expect(try client.untilClosed() == [])
                }
                let check = await gateway.gateway.readiness().checks.first { $0.name == "uplink" }
                #expect(check?.warning?.contains("no NATS servers are configured") == true)
                #expect(await gateway.metric("tollgate_uplink_reachable") == 0)
            }
        }

        @Test("What waits when the gateway drains is not acknowledged")
        func drain() async throws {
            let streams = InProcessStreams()
            try await run(streams: streams) { gateway, _, devices in
                let client = try gateway.connect(devices[0], version: .v3_1_1)
                streams.set(.refuses("away"))
                try client.sendPublish(devices[0].up(), [1], qos: .atLeastOnce, packetID: 1)
                try client.ping()
                await gateway.stop()
                #expect(try client.untilClosed() == [])
            }
        }

        @Test(
            "A message that is too large for a stream ends the connection, and is not acknowledged")
        func tooLarge() async throws {
            let streams = InProcessStreams()
            let gateway = try TestGateway(uplink: streams) {
                $0.limits.packetSizeBytes = 1 << 20
                $0.limits.queueBytes = 1 << 21
            }
            let product = try await gateway.createProduct()
            let device = try await gateway.importDevice("dk", into: product)
            try await gateway.submit(.products(.nameUplink(product.key, Self.stream)))
            let client = try gateway.connect(device)
            let most = [UInt8](repeating: 7, count: uplinkPayloadMaximumBytes)
            #expect(
                try client.publish(device.up(), bytes: most, qos: .atLeastOnce)?.code == 0)
            try client.sendPublish(device.up(), most + [7], qos: .atLeastOnce, packetID: 9)
            #expect(try client.endingCode() == 0x95)
            #expect(streams.messages(of: Self.stream.text).count == 1)
            await gateway.stop()
        }
    }
}
