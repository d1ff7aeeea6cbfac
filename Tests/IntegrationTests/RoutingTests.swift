import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Uplink to applications and downlink to devices, whatever shard they live on.
    @Suite struct RoutingTests {
        @Test(
            "uplink of every device reaches every application, across shards, at QoS 0, 1 and 2",
            arguments: ProtocolVersion.allCases
        )
        func uplink(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 8)
                let devices = try await gateway.importDevices(
                    (0..<8).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let filter = "d/\(product.key)/+/up/#"
                let applications = try (0..<4).map {
                    try gateway.connect(
                        key, clientID: "backend-\($0)", version: version, subscribedTo: filter)
                }
                for device in devices {
                    let client = try gateway.connect(device, version: version)
                    for qos in QoS.allCases {
                        let answer = try client.publish(device.up(), "\(device.identity)", qos: qos)
                        #expect(answer?.code ?? 0 == 0)
                    }
                }
                for application in applications {
                    var received: [String: [QoS]] = [:]
                    for _ in 0..<(devices.count * 3) {
                        let message = try application.message()
                        received[message.topic, default: []].append(message.qos)
                    }
                    for device in devices {
                        // QoS 2 is handed on at QoS 1, the most that is granted.
                        #expect(
                            received[device.up()] == [.atMostOnce, .atLeastOnce, .atLeastOnce])
                    }
                }
                #expect(try await gateway.clientsByShard().allSatisfy { $0 > 0 })
            }
        }

        @Test(
            "downlink of any application reaches the device it names, at QoS 0 and 1, and no other",
            arguments: ProtocolVersion.allCases
        )
        func downlink(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 4)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let clients = try devices.map { try gateway.connect($0, version: version) }
                for (client, device) in zip(clients, devices) {
                    #expect(try client.subscribe(device.down("#"), qos: .atLeastOnce) == [1])
                }
                for number in 0..<2 {
                    let application = try gateway.connect(
                        key, clientID: "backend-\(number)", version: version)
                    for device in devices {
                        try application.publish(device.down(), "zero", qos: .atMostOnce)
                        try application.publish(device.down(), "one", qos: .atLeastOnce)
                    }
                }
                for (client, device) in zip(clients, devices) {
                    let messages = try (0..<4).map { _ in try client.message() }
                    #expect(messages.map(\.text).sorted() == ["one", "one", "zero", "zero"])
                    #expect(messages.allSatisfy { $0.topic == device.down() })
                    #expect(messages.allSatisfy { ($0.qos == .atLeastOnce) == ($0.text == "one") })
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test("messages of one product do not cross to another product's application")
        func isolation() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct("lamp")
                let lock = try await gateway.createProduct("lock")
                let lampDevice = try await gateway.importDevice("dk1", into: lamp)
                let lockDevice = try await gateway.importDevice("dk1", into: lock)
                let lampKey = try await gateway.createApplication("lamps", products: [lamp])
                let lockKey = try await gateway.createApplication("locks", products: [lock])
                let lampBackend = try gateway.connect(
                    lampKey, clientID: "lamps", subscribedTo: "d/lamp/#")
                let lockBackend = try gateway.connect(
                    lockKey, clientID: "locks", subscribedTo: "d/lock/#")
                for filter in ["d/lock/+/up/#", "d/+/+/up/#", "d/#", "#", "+/lock/#", "$SYS/#"] {
                    #expect(try lampBackend.subscribe(filter) == [0x87], "\(filter)")
                }
                let lampClient = try gateway.connect(lampDevice)
                let lockClient = try gateway.connect(lockDevice)
                try lampClient.publish(lampDevice.up(), "light", qos: .atLeastOnce)
                try lockClient.publish(lockDevice.up(), "closed", qos: .atLeastOnce)
                #expect(try lampBackend.message().text == "light")
                #expect(try lockBackend.message().text == "closed")
                #expect(
                    try lampBackend.publish(lockDevice.down(), "open", qos: .atLeastOnce)?.code
                        == 0x87)
                #expect(try await gateway.unread(by: lampBackend) == [])
                #expect(try await gateway.unread(by: lockBackend) == [])
            }
        }

        @Test(
            "a device may subscribe to its own down and sys topics only: else SUBACK 0x87, 0x80 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func subscribeRights(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk10"], into: product)
                let client = try gateway.connect(devices[0], version: version)
                let refused: UInt8 = version == .v5 ? 0x87 : 0x80
                #expect(
                    try client.subscribe(
                        devices[0].down("#"), devices[0].sys("#"), devices[1].down("#"),
                        devices[0].up("#"), "#", "d/lamp/+/down/#", "d/lamp/dk1/#",
                        "d/lamp/dk1/+/set"
                    ) == [1, 1] + Array(repeating: refused, count: 6)
                )
            }
        }

        @Test(
            "a device may publish to its own up topics only: else PUBACK 0x87, dropped in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func publishRights(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk10"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, version: version, subscribedTo: "d/lamp/#")
                let other = try gateway.connect(devices[1], version: version)
                try other.subscribe(devices[1].down("#"))
                let client = try gateway.connect(devices[0], version: version)
                for topic in [
                    devices[1].up(), devices[1].down(), devices[0].down(), devices[0].sys("notice"),
                    "d/lamp/dk1/upper/x", "other", "$SYS/x",
                ] {
                    for qos in QoS.allCases {
                        let answer = try client.publish(topic, "no", qos: qos)
                        let code: UInt8 = version == .v5 && qos != .atMostOnce ? 0x87 : 0
                        #expect(answer?.code ?? 0 == code, "\(topic)")
                    }
                }
                try client.publish(devices[0].up(), "yes", qos: .atLeastOnce)
                #expect(try backend.message().text == "yes")
                #expect(try await gateway.unread(by: other) == [])
            }
        }

        @Test("an application may publish to its products' down topics only: else PUBACK 0x87")
        func applicationRights() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication()
                let backend = try gateway.connect(key)
                for topic in [device.up(), device.sys("notice"), "anything", "d/lamp/dk1/down"] {
                    #expect(try backend.publish(topic, "no", qos: .atLeastOnce)?.code == 0x87)
                }
                // Allowed; there is nobody to hear it.
                #expect(try backend.publish(device.down(), "yes", qos: .atLeastOnce)?.code == 0x10)
            }
        }

        @Test("[MQTT-3.3.4-9] at most the client's Receive Maximum of QoS 1 messages is under way")
        func outboundWindow() async throws {
            try await TestGateway.run { gateway in
                let subscriber = try TestClient(port: gateway.openPort)
                subscriber.acknowledgesMessages = false
                let answer = try subscriber.connect(as: .anonymous("slow")) { $0.receiveMaximum(3) }
                #expect(answer.code == 0)
                try subscriber.subscribe("t/#")
                let publisher = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("fast"))
                for number in 0..<10 {
                    try publisher.publish("t/\(number)", "x", qos: .atLeastOnce)
                }
                for number in 0..<10 {
                    let message = try subscriber.message()
                    #expect(message.topic == "t/\(number)")
                    if number == 2 { #expect(try await gateway.unread(by: subscriber) == []) }
                    guard number >= 2, let packetID = message.packetID else { continue }
                    // One more acknowledged, one more sent.
                    try subscriber.send {
                        Puback.encode(packetID: packetID, version: .v5, into: &$0)
                    }
                }
            }
        }

        @Test("an UNSUBSCRIBE ends delivery, on every shard")
        func unsubscribe() async throws {
            try await TestGateway.run { gateway in
                let subscriber = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("subscriber"))
                try subscriber.subscribe("t/#")
                let publishers = try (0..<4).map {
                    try TestClient.connected(
                        port: gateway.openPort, as: .anonymous("publisher-\($0)"))
                }
                for publisher in publishers {
                    try publisher.publish("t/1", "x", qos: .atLeastOnce)
                    _ = try subscriber.message()
                }
                #expect(try subscriber.unsubscribe("t/#", "u/#") == [0, 0x11])
                await gateway.settle()
                for publisher in publishers { try publisher.publish("t/1", "x", qos: .atLeastOnce) }
                #expect(try await gateway.unread(by: subscriber) == [])
            }
        }
    }
}

extension TestGateway {
    /// Clients on each shard.
    func clientsByShard() async throws -> [Int] { await byShard("tollgate_clients") }

    /// A gauge on each shard.
    func byShard(_ gauge: String) async -> [Int] {
        let page = await gateway.metricsText()
        return page.split(separator: "\n").filter { $0.hasPrefix("\(gauge){") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    }

    /// The value of a counter or gauge without labels, or of the sample with exactly these labels.
    func metric(_ sample: String) async -> Int? {
        let page = await gateway.metricsText()
        for line in page.split(separator: "\n") where line.hasPrefix("\(sample) ") {
            return Int(line.dropFirst(sample.count + 1))
        }
        return nil
    }
}
