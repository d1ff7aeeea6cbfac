import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What is published at QoS 1 or 2 to an application that reads arrives: publishers are slowed down, and
    /// nothing is dropped.
    @Suite struct PaceTests {
        private static let shards = [1, 2, 4]

        /// Takes messages until so many have come; a message must come every few seconds.
        private func texts(_ client: TestClient, _ count: Int) throws -> [String] {
            try (0..<count).map { _ in try client.message().text }
        }

        @Test(
            "a storm of 3,000 wills arrives whole at an application that reads",
            arguments: shards, [QoS.atLeastOnce, .exactlyOnce]
        )
        func wills(shards: Int, qos: QoS) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let reader = try gateway.anonymous("reader")
                try reader.subscribe("will/#", qos: qos)
                var mortals: [TestClient] = []
                for number in 0..<3_000 {
                    let will = TestWill(topic: "will/\(number)", payload: "\(number)", qos: qos)
                    mortals.append(try gateway.anonymous("mortal-\(number)", will: will))
                }
                mortals.removeAll()
                let came = try texts(reader, 3_000)
                #expect(Set(came).count == 3_000)
                #expect(await gateway.metric("tollgate_deliveries_dropped_total") == 0)
            }
        }

        @Test(
            "devices that publish faster than an application reads wait for it: nothing is lost, each one's order is kept",
            arguments: shards, ProtocolVersion.allCases
        )
        func publishers(shards: Int, version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) {
                $0.limits.queueMessages = 20
            } _: { gateway in
                let product = try await gateway.createProduct(codes: 8)
                let devices = try await gateway.importDevices(
                    (0..<8).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let reader = try TestClient(port: gateway.plainPort)
                _ = try reader.connect(as: .application(key)) { $0.receiveMaximum(2) }
                try reader.subscribe("d/lamp/+/up/#")
                let clients = try devices.map { try gateway.connect($0, version: version) }
                for (index, client) in clients.enumerated() {
                    var bytes: [UInt8] = []
                    for number in 1...60 as ClosedRange<UInt16> {
                        bytes += Self.publishBytes(
                            devices[index].up("\(number)"), packetID: number, version)
                    }
                    try client.send(bytes)
                }
                var next = [String: Int]()
                for _ in 0..<480 {
                    let levels = try reader.message().topic.split(separator: "/")
                    let device = String(levels[2])
                    let number = try #require(Int(levels[4]))
                    #expect(next[device, default: 1] == number, "\(device)")
                    next[device] = number + 1
                }
                for client in clients {
                    for number in 1...60 as ClosedRange<UInt16> {
                        #expect(try client.acknowledgement(.puback, number).code == 0)
                    }
                }
                #expect(await gateway.metric("tollgate_deliveries_dropped_total") == 0)
            }
        }

        @Test("the same for stored sessions, and for shares: each message comes once")
        func storedAndShared() async throws {
            try await TestGateway.run(shards: 2) {
                $0.limits.queueMessages = 10
            } _: { gateway in
                let (stored, _) = try gateway.open("stored", .v5, expiry: 600)
                try stored.subscribe("t", qos: .exactlyOnce)
                let member = try gateway.anonymous("member")
                try member.subscribe("$share/g/t", qos: .atLeastOnce)
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<200 {
                    try publisher.sendPublish(
                        "t", Array("\(number)".utf8), qos: .atLeastOnce,
                        packetID: UInt16(number + 1))
                    if number % 40 == 39 { try await Task.sleep(for: .milliseconds(1)) }
                    // Within the Receive Maximum.
                    if number % 50 == 49 {
                        for expected in number - 49...number {
                            #expect(try stored.message().text == "\(expected)")
                            #expect(try member.message().text == "\(expected)")
                        }
                        for answered in number - 49...number {
                            _ = try publisher.acknowledgement(.puback, UInt16(answered + 1))
                        }
                    }
                }
                #expect(await gateway.metric("tollgate_deliveries_dropped_total") == 0)
            }
        }

        @Test("nobody waits long for a client that does not read: it loses what is above its limit")
        func silent() async throws {
            try await TestGateway.run(shards: 2) {
                $0.limits.queueMessages = 10
            } _: { gateway in
                let silent = try TestClient(port: gateway.openPort)
                silent.acknowledgesMessages = false
                _ = try silent.connect(as: .anonymous("silent")) { $0.receiveMaximum(1) }
                try silent.subscribe("t")
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<60 {
                    #expect(try publisher.publish("t", "\(number)", qos: .atLeastOnce)?.code == 0)
                }
                #expect(try silent.message().text == "0")
                let dropped = await gateway.metric("tollgate_deliveries_dropped_total")
                #expect(try #require(dropped) >= 40)
                // A client that publishes to itself, and reads later, is not kept from reading.
                let both = try gateway.anonymous("both")
                try both.subscribe("own")
                for number in 1...60 as ClosedRange<UInt16> {
                    try both.sendPublish("own", [1], qos: .atLeastOnce, packetID: number)
                }
                for number in 1...60 as ClosedRange<UInt16> {
                    _ = try both.acknowledgement(.puback, number)
                }
                for _ in 0..<60 { #expect(try both.message().payload == [1]) }
            }
        }

        static func publishBytes(
            _ topic: String, packetID: UInt16, _ version: ProtocolVersion
        ) -> [UInt8] {
            let name = Array(topic.utf8)
            let properties: [UInt8] = version == .v5 ? [0] : []
            let body =
                [UInt8(name.count >> 8), UInt8(name.count & 0xFF)] + name
                + [UInt8(packetID >> 8), UInt8(packetID & 0xFF)] + properties + [0x78]
            return [0x32, UInt8(body.count)] + body
        }
    }
}
