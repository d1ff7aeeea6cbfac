import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Messages that the control side sends to devices.
    @Suite struct SendTests {
        private func downlink(
            _ topic: String = "set",
            _ payload: String = "x",
            isAtLeastOnce: Bool = true
        ) throws -> Downlink {
            Downlink(
                topic: try #require(Downlink.Topic(topic)),
                payload: Array(payload.utf8),
                isAtLeastOnce: isAtLeastOnce
            )
        }

        @Test(
            "C10: what the control side sends arrives, and whether it did is its answer",
            arguments: [1, 2]
        )
        func fates(shards: Int) async throws {
            try await TestGateway.run(
                shards: shards, configure: { $0.limits.packetSizeBytes = 20_000 }
            ) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                for device in devices {
                    let identity = device.identity
                    func send(_ downlink: Downlink) async -> DownlinkOutcome {
                        await gateway.gateway.send(downlink, to: identity)
                    }
                    #expect(await send(try downlink()) == .notConnected)
                    let client = try TestClient(port: gateway.plainPort)
                    let credentials = TestCredentials.signed(device, secureMode: 3)
                    _ = try client.connect(as: credentials) { $0.maximumPacketSize(1_000) }
                    #expect(await send(try downlink()) == .noSubscription)
                    try client.subscribe(device.down("#"))
                    let large = String(repeating: "x", count: 1_000)
                    #expect(await send(try downlink("set", large)) == .tooLarge)
                    let huge = String(repeating: "x", count: 20_000)
                    #expect(await send(try downlink("set", huge)) == .tooLarge)
                    for isAtLeastOnce in [true, false] {
                        let message = try downlink("a/b", "text", isAtLeastOnce: isAtLeastOnce)
                        #expect(await send(message) == .delivered)
                        let arrived = try client.message()
                        #expect(arrived.topic == device.down("a/b"))
                        #expect(arrived.text == "text")
                        #expect(arrived.qos == (isAtLeastOnce ? .atLeastOnce : .atMostOnce))
                    }
                    #expect(await send(try downlink()) == .quotaExceeded)
                }
            }
        }

        @Test("what the control side sends waits for the device's window, and applications hear it")
        func queuedAndHeard() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let observer = try gateway.connect(key, subscribedTo: "d/lamp/+/down/#")
                let client = try TestClient(port: gateway.plainPort)
                client.acknowledgesMessages = false
                let credentials = TestCredentials.signed(device, secureMode: 3)
                _ = try client.connect(as: credentials) { $0.receiveMaximum(1) }
                try client.subscribe(device.down("#"))
                for (text, fate) in [("one", DownlinkOutcome.delivered), ("two", .queued)] {
                    let downlink = try downlink("set", text)
                    #expect(await gateway.gateway.send(downlink, to: device.identity) == fate)
                    #expect(try observer.message().text == text)
                }
                let packetID = try #require(try client.message().packetID)
                try client.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
                #expect(try client.message().text == "two")
            }
        }

        @Test("who sends to a gateway that has drained is told that nobody is connected")
        func drained() async throws {
            let gateway = try TestGateway()
            await gateway.stop()
            let device = DeviceIdentity(
                product: try #require(ProductKey("lamp")), device: try #require(DeviceKey("dk1")))
            #expect(await gateway.gateway.send(try downlink(), to: device) == .notConnected)
        }

        @Test("a topic below down/ is one level or more, without wildcards")
        func topics() {
            for topic in ["a", "a/b/c", "/", "ä"] { #expect(Downlink.Topic(topic)?.text == topic) }
            for topic in ["", "a/+", "#", "a\0b"] { #expect(Downlink.Topic(topic) == nil) }
            let longest = String(repeating: "x", count: Downlink.Topic.maximumLength)
            #expect(Downlink.Topic(longest) != nil)
            #expect(Downlink.Topic(longest + "x") == nil)
        }
    }
}
