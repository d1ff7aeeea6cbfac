import Gateway
import Ledger
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// What counts, once (rule C2), what is kept for (C10), and when a device is told (C11).
    @Suite struct CountingTests {
        private func used(_ gateway: TestGateway, _ device: TestDevice) async throws -> UInt64 {
            try await gateway.gateway.usage(of: device.identity).today.used
        }

        /// Sends a QoS 1 PUBLISH and waits for its PUBACK.
        private func send(
            _ client: TestClient, _ device: TestDevice, _ text: String, _ packetID: UInt16,
            isDuplicate: Bool = false
        ) throws {
            try client.sendPublish(
                device.up(), Array(text.utf8), qos: .atLeastOnce, packetID: packetID,
                isDuplicate: isDuplicate)
            #expect(try client.acknowledgement(.puback, packetID).code == 0)
        }

        @Test(
            "C2: a QoS 1 PUBLISH that is sent again with DUP is counted once: on its connection, the next, and that of a clean session",
            arguments: ProtocolVersion.allCases
        )
        func sentAgain(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 100)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let device = devices[0]
                let client = try gateway.connect(device, version: version)
                for number in 1...20 as ClosedRange<UInt16> {
                    try send(client, device, "message \(number)", number)
                }
                #expect(try await used(gateway, device) == 20)
                for number in 1...20 as ClosedRange<UInt16> {
                    try send(client, device, "message \(number)", number, isDuplicate: true)
                }
                #expect(try await used(gateway, device) == 20)
                client.lose()
                let again = try gateway.connect(device, version: version)
                for number in 1...20 as ClosedRange<UInt16> {
                    try send(again, device, "message \(number)", number, isDuplicate: true)
                }
                #expect(try await used(gateway, device) == 20)
                // [MQTT-4.3.2-5]: delivered as often as it was sent.
                for _ in 0..<60 { _ = try backend.message() }
            }
        }

        @Test(
            "C2: with DUP, what is not the same message is counted: other content, another identifier or device, one that was refused; and the same without DUP"
        )
        func notTheSame() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 30)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let client = try gateway.connect(devices[0])
                client.tellsUnheard = false
                func publish(
                    _ text: String, _ packetID: UInt16, isDuplicate: Bool, by client: TestClient,
                    _ device: TestDevice
                ) throws -> UInt8 {
                    try client.sendPublish(
                        device.up(), Array(text.utf8), qos: .atLeastOnce, packetID: packetID,
                        isDuplicate: isDuplicate)
                    return try client.acknowledgement(.puback, packetID).code
                }
                let first = devices[0]
                // Its first copy was lost.
                _ = try publish("a", 1, isDuplicate: true, by: client, first)
                #expect(try await used(gateway, first) == 1)
                _ = try publish("b", 1, isDuplicate: true, by: client, first)
                _ = try publish("b", 2, isDuplicate: true, by: client, first)
                _ = try publish("b", 2, isDuplicate: false, by: client, first)
                #expect(try await used(gateway, first) == 4)
                let other = try gateway.connect(devices[1])
                _ = try publish("b", 2, isDuplicate: true, by: other, devices[1])
                #expect(try await used(gateway, devices[1]) == 1)
                // Always the same message, so it says: three repetitions are free, the fourth counts.
                for _ in 0..<100 { _ = try publish("c", 3, isDuplicate: true, by: client, first) }
                #expect(try await used(gateway, first) == 4 + 25)
                while try publish("d", 4, isDuplicate: false, by: client, first) != 0x97 {}
                let full = try await used(gateway, first)
                #expect(try publish("e", 5, isDuplicate: false, by: client, first) == 0x97)
                #expect(try publish("e", 5, isDuplicate: true, by: client, first) == 0x97)
                #expect(try await used(gateway, first) == full)
            }
        }

        @Test(
            "C2: a retained message to a device is counted once, however often it subscribes; a new one again",
            arguments: [1, 2], [QoS.atMostOnce, .atLeastOnce]
        )
        func retained(shards: Int, qos: QoS) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 100)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                try backend.publish(device.down("a"), "one", qos: .atLeastOnce, isRetained: true)
                for round in 0..<3 {
                    let client = try gateway.connect(device, version: round == 1 ? .v3_1_1 : .v5)
                    for _ in 0..<3 {
                        try client.subscribe(device.down("#"), qos: qos)
                        #expect(try client.message().text == "one")
                    }
                    try client.leave()
                }
                #expect(try await used(gateway, device) == 1)
                let client = try gateway.connect(device)
                try client.subscribe(device.down("#"), qos: qos)
                #expect(try client.message().isRetained)
                // Live it counts, and not again when it is handed out.
                try backend.publish(device.down("a"), "two", qos: .atLeastOnce, isRetained: true)
                #expect(try client.message().text == "two")
                try client.subscribe(device.down("#"), qos: qos)
                #expect(try client.message().text == "two")
                #expect(try await used(gateway, device) == 2)
            }
        }

        @Test(
            "C10: a downlink that was acknowledged is handed over, whatever the device sends meanwhile",
            arguments: [1, 2], [0, 600] as [UInt32]
        )
        func reserved(shards: Int, expiry: UInt32) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 100)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let client = try TestClient(port: gateway.plainPort)
                client.acknowledgesMessages = false
                client.tellsUnheard = false
                _ = try client.connect(as: .signed(device, secureMode: 3)) {
                    if expiry > 0 { $0.sessionExpiryInterval(seconds: expiry) }
                    $0.receiveMaximum(10)
                }
                try client.subscribe(device.down("#"))
                for number in 0..<80 {
                    let answer = try backend.publish(
                        device.down(), "\(number)", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                // 20 units are left for what the device says itself.
                var taken = 0
                for _ in 0..<40
                where try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0 {
                    taken += 1
                }
                #expect(taken == 20)
                for number in 0..<80 {
                    let message = try client.message()
                    #expect(message.text == "\(number)")
                    let packetID = try #require(message.packetID)
                    try client.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
                }
                #expect(try await used(gateway, device) == 100)
            }
        }

        @Test(
            "C10: one that can't be paid for after all waits while the connection lives, and comes on the next day"
        )
        func waits() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_795_255_200))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                try await gateway.buyPack(4, for: product)
                let backend = try gateway.connect(key)
                let client = try TestClient(port: gateway.plainPort)
                client.acknowledgesMessages = false
                _ = try client.connect(as: .signed(device, secureMode: 3)) { $0.receiveMaximum(1) }
                try client.subscribe(device.down("#"))
                for number in 0..<3 {
                    let answer = try backend.publish(
                        device.down(), "\(number)", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                // The pack's units are the account's: nothing of them is set aside.
                for _ in 0..<3 { try client.publish(device.up(), "x", qos: .atLeastOnce) }
                let first = try client.message()
                #expect(first.text == "0")
                let packetID = try #require(first.packetID)
                try client.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
                #expect(try await gateway.unread(by: client) == [])
                try await gateway.buyPack(10, for: product)
                for number in 1..<3 {
                    try await until {
                        clock.advance(milliseconds: 1_000)
                        gateway.gateway.clockMoved()
                        return try await !gateway.unread(by: client).isEmpty
                    }
                    let message = try client.message()
                    #expect(message.text == "\(number)")
                    let packetID = try #require(message.packetID)
                    try client.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
                }
            }
        }

        @Test(
            "C11: a device that is refused before it has subscribed is told when it has, once; on this connection or a later one",
            arguments: ProtocolVersion.allCases, [false, true]
        )
        func told(version: ProtocolVersion, comesBack: Bool) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                var client = try gateway.connect(device, version: version)
                for _ in 0..<3 { try client.publish(device.up(), "x", qos: .atLeastOnce) }
                try client.subscribe(device.down("#"))
                #expect(try await gateway.unread(by: client) == [])
                if comesBack {
                    try client.leave()
                    client = try gateway.connect(device, version: version)
                }
                try client.subscribe(device.sys("notice"))
                let notice = try client.message()
                #expect(notice.topic == device.sys("notice"))
                #expect(notice.text.contains("\"reason\":\"quota-exhausted\""))
                try client.publish(device.up(), "x", qos: .atLeastOnce)
                try client.subscribe(device.sys("#"))
                #expect(try await gateway.unread(by: client) == [])
            }
        }

        @Test(
            "C11: a downlink, or a will, that nothing covers is told of as well when it can be; a device that subscribed before is told at once"
        )
        func toldOfOthers() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let first = try gateway.connect(devices[0], version: .v3_1_1)
                try first.subscribe(devices[0].down("#"))
                try backend.publish(devices[0].down(), "x", qos: .atLeastOnce)
                #expect(try await gateway.unread(by: first) == [])
                try first.subscribe(devices[0].sys("#"))
                #expect(try first.message().topic == devices[0].sys("notice"))

                let will = TestWill(topic: devices[1].up("will"), payload: "gone")
                let second = try gateway.connect(devices[1], version: .v3_1_1, will: will)
                try second.subscribe(devices[1].sys("#"))
                second.finishWriting()
                _ = try second.untilClosed()
                let again = try gateway.connect(devices[1], version: .v3_1_1)
                try again.subscribe(devices[1].sys("#"))
                #expect(try again.message().topic == devices[1].sys("notice"))
                #expect(try await gateway.unread(by: again) == [])
            }
        }
    }
}
