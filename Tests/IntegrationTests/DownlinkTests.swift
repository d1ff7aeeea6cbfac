import Bytes
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What became of a message to a device, for whoever sent it (rule C10).
    @Suite struct DownlinkTests {
        private static let overQuota = DownlinkOutcome.quotaExceeded.text

        @Test(
            "C10: downlink over the device's quota is refused to its sender with 0x97 and a reason",
            arguments: [1, 2], ProtocolVersion.allCases
        )
        func overQuota(shards: Int, receiver: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                for device in devices {
                    let client = try gateway.connect(device, version: receiver)
                    try client.subscribe(device.down("#"))
                    for qos in [QoS.atLeastOnce, .exactlyOnce] {
                        let answer = try backend.publish(device.down(), "in time", qos: qos)
                        #expect(answer?.code == 0)
                        #expect(try client.message().text == "in time")
                    }
                    for qos in [QoS.atLeastOnce, .exactlyOnce, .exactlyOnce] {
                        let answer = try backend.publish(device.down(), "late", qos: qos)
                        #expect(answer?.code == 0x97)
                        #expect(answer?.reasonString == Self.overQuota)
                    }
                    // The device is disturbed by none of it.
                    #expect(try await gateway.unread(by: client) == [])
                }
                #expect(await gateway.metric("tollgate_deliveries_over_quota_total") == 12)
            }
        }

        @Test("C10: a sender of MQTT 3.1.1 can't be told: acknowledged, dropped, and counted")
        func untold() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, version: .v3_1_1)
                for device in devices {
                    let client = try gateway.connect(device)
                    try client.subscribe(device.down("#"))
                    for qos in [QoS.atLeastOnce, .atLeastOnce, .exactlyOnce, .atMostOnce] {
                        let answer = try backend.publish(device.down(), "\(qos)", qos: qos)
                        #expect(answer?.code ?? 0 == 0)
                    }
                    try backend.ping()
                    #expect(try client.message().text == "atLeastOnce")
                    #expect(try await gateway.unread(by: client) == [])
                }
                #expect(await gateway.metric("tollgate_deliveries_over_quota_total") == 6)
            }
        }

        @Test(
            "[MQTT-4.6.0-2], [MQTT-4.6.0-3] PUBACKs and PUBRECs come in the order of the PUBLISHes, whatever shard their devices live on",
            arguments: [1, 2, 4]
        )
        func order(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 16)
                let devices = try await gateway.importDevices(
                    (0..<16).map { "dk\($0)" }, into: product)
                let clients = try devices.map { device in
                    let client = try gateway.connect(device)
                    try client.subscribe(device.down("#"))
                    return client
                }
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                // One in four is refused at once, on the sender's own shard.
                let topics = (0..<60).map { number in
                    number % 4 == 3 ? "nobody's" : devices[number * 7 % devices.count].down()
                }
                for (number, topic) in topics.enumerated() {
                    try backend.sendPublish(
                        topic, Array("\(number)".utf8),
                        qos: number % 3 == 2 ? .exactlyOnce : .atLeastOnce,
                        packetID: UInt16(number + 1))
                }
                for number in topics.indices {
                    let answer = try backend.first("an acknowledgement") { packet in
                        if case .acknowledgement(let answer) = packet { answer } else { nil }
                    }
                    #expect(answer.packetID == UInt16(number + 1))
                    #expect(answer.type == (number % 3 == 2 ? .pubrec : .puback))
                    #expect(answer.code == (number % 4 == 3 ? 0x87 : 0))
                }
                for (index, device) in devices.enumerated() {
                    let expected = topics.indices.filter { topics[$0] == device.down() }
                    for number in expected {
                        #expect(try clients[index].message().text == "\(number)")
                    }
                }
            }
        }

        @Test("0x10 tells a sender that nobody heard its message: no device, no application")
        func nobody() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                for device in devices {
                    let absent = try backend.publish(device.down(), "x", qos: .atLeastOnce)
                    #expect(absent?.code == 0x10)
                    #expect(absent?.reasonString == DownlinkOutcome.notConnected.text)
                    let client = try gateway.connect(device)
                    try client.subscribe(device.down("other"))
                    for qos in [QoS.atLeastOnce, .exactlyOnce] {
                        let packetID = backend.nextPacketID()
                        try backend.sendPublish(
                            device.down(), [], qos: qos, packetID: packetID)
                        let type = qos == .exactlyOnce ? PacketType.pubrec : .puback
                        let deaf = try backend.acknowledgement(type, packetID)
                        #expect(deaf.code == 0x10)
                        #expect(deaf.reasonString == DownlinkOutcome.noSubscription.text)
                    }
                }
                let observer = try gateway.connect(
                    key, clientID: "observer", subscribedTo: "d/lamp/+/down/#")
                for device in devices {
                    let heard = try backend.publish(device.down(), "x", qos: .atLeastOnce)
                    #expect(heard?.code == 0)
                    #expect(try observer.message().topic == device.down())
                }
            }
        }

        @Test("[MQTT-3.3.4-9] no more PUBLISHes wait for their fate than the Receive Maximum: 0x93")
        func receiveMaximum() async throws {
            try await TestGateway.run(configure: { $0.limits.inflightMessages = 4 }) { gateway in
                let product = try await gateway.createProduct(codes: 0)
                let key = try await gateway.createApplication(products: [product])
                // Of 16 devices, some live on another shard than the sender.
                let backend = try gateway.connect(key)
                var packets: [UInt8] = []
                for number in 0..<16 {
                    let topic = product.identity("dk\(number)")
                    packets += TestPacket.publish(
                        "d/\(topic.product)/\(topic.device)/down/set", packetID: UInt16(number + 1))
                }
                try backend.send(packets)
                #expect(try backend.endingCode() == 0x93)
            }
        }

        @Test(
            "MQTT 3.1.1 knows no Receive Maximum: however many come at once, each is acknowledged",
            arguments: [QoS.atLeastOnce, .exactlyOnce]
        )
        func unboundedWindow(qos: QoS) async throws {
            try await TestGateway.run(configure: { $0.limits.inflightMessages = 4 }) { gateway in
                let client = try TestClient(port: gateway.openPort, version: .v3_1_1)
                _ = try client.connect(as: .anonymous("many"))
                var packets = ByteBuffer()
                // Each waits for the disk.
                for number in UInt16(1)...500 {
                    Publish.encode(
                        topic: Array("t/\(number)".utf8).span, payload: [1].span, qos: qos,
                        packetID: number, isRetained: true, version: .v3_1_1, into: &packets)
                }
                try client.send(packets.span)
                for number in UInt16(1)...500 {
                    let type: PacketType = qos == .atLeastOnce ? .puback : .pubrec
                    #expect(try client.acknowledgement(type, number).code == 0)
                }
                guard qos == .exactlyOnce else { return }
                for number in UInt16(1)...500 {
                    try client.send {
                        Pubrel.encode(packetID: number, version: .v3_1_1, into: &$0)
                    }
                    _ = try client.acknowledgement(.pubcomp, number)
                }
            }
        }

        @Test(
            "C10: what waits for a device's acknowledgements counts: no more is queued than its quota covers"
        )
        func queued() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 3)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                for device in devices {
                    let client = try TestClient(port: gateway.plainPort)
                    client.acknowledgesMessages = false
                    let credentials = TestCredentials.signed(device, secureMode: 3)
                    _ = try client.connect(as: credentials) { $0.receiveMaximum(1) }
                    try client.subscribe(device.down("#"))
                    let codes = try (0..<4).map { number in
                        try backend.publish(device.down(), "\(number)", qos: .atLeastOnce)?.code
                    }
                    #expect(codes == [0, 0, 0, 0x97])
                    for number in 0..<3 {
                        let message = try client.message()
                        #expect(message.text == "\(number)")
                        let packetID = try #require(message.packetID)
                        try client.send {
                            Puback.encode(packetID: packetID, version: .v5, into: &$0)
                        }
                    }
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }
    }
}
