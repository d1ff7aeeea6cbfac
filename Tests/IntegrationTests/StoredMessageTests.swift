import Gateway
import Ledger
import MessageLog
import MQTT
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Products whose devices' messages are stored (rule D3).
    @Suite struct StoredMessageTests {
        private static func configure(_ configuration: inout GatewayConfiguration) {
            configuration.messageLog.minimumFreeBytes = 0
        }

        /// The messages of a device once there are `count` of them, the oldest first.
        private func stored(
            _ count: Int, of device: TestDevice, at gateway: TestGateway
        ) async throws -> [StoredMessage] {
            let end = Patience.seconds
            var found: [StoredMessage] = []
            for _ in 0..<Int(end * 20) {
                found = try await gateway.gateway.messages(
                    of: device.identity, MessageQuery(limit: 1_000)
                ).messages.reversed()
                if found.count >= count { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            return found
        }

        private func texts(_ messages: [StoredMessage]) -> [String] {
            messages.map { String(decoding: $0.payload, as: UTF8.self) }
        }

        @Test("D3: a node that was down hears of what was deleted, however much has come since")
        func missed() async throws {
            try await TestNodes.run(2, configure: Self.configure) { nodes in
                let product = try await nodes[0].createProduct("lamp")
                let device = try await nodes.device("l1", of: product)
                try await nodes[0].submit(
                    .products(.update(product.key, ProductUpdate(messageLog: true))))
                try await nodes.catchUp()
                let client = try nodes[1].connect(device)
                try client.publish(device.up("a"), "kept", qos: .atLeastOnce)
                #expect(try await stored(1, of: device, at: nodes[1]).count == 1)
                await nodes.stop(1)
                try await nodes[0].submit(.devices(.deleteMessages(device.identity)))
                for number in 0..<1_100 {
                    let name = ProductUpdate(name: "lamp \(number)")
                    try await nodes[0].submit(.products(.update(product.key, name)))
                }
                try nodes.start(1)
                try await nodes.catchUp()
                let left = try await nodes[1].gateway.messages(
                    of: device.identity, MessageQuery(limit: 10))
                #expect(left.messages.isEmpty)
            }
        }

        @Test(
            "D3: of the product that is switched on both ways are stored, once; of another nothing, and none when off",
            arguments: ProtocolVersion.allCases, [1, 2])
        func both(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards, configure: Self.configure) { gateway in
                let on = try await gateway.createProduct("lamp")
                let off = try await gateway.createProduct("fan")
                let lamp = try await gateway.importDevices(["l1"], into: on)[0]
                let fan = try await gateway.importDevices(["f1"], into: off)[0]
                let client = try gateway.connect(lamp, version: version)
                let other = try gateway.connect(fan, version: version)
                try client.publish(lamp.up(), "before", qos: .atLeastOnce)
                try await gateway.submit(
                    .products(.update(on.key, ProductUpdate(messageLog: true))))
                for device in [(client, lamp), (other, fan)] {
                    _ = try device.0.subscribe(device.1.down("#"), qos: .atLeastOnce)
                    try device.0.publish(device.1.up("a"), "zero")
                    try device.0.publish(device.1.up("b"), "one", qos: .atLeastOnce)
                    try device.0.publish(device.1.up("c"), "two", qos: .exactlyOnce)
                    // Not a topic of its own: refused, and so not stored.
                    try device.0.publish("d/x/y/up/z", "foreign", qos: .atLeastOnce)
                    let downlink = Downlink(
                        topic: try #require(Downlink.Topic("set")), payload: Array("down".utf8),
                        isAtLeastOnce: true)
                    let outcome = await gateway.gateway.send(downlink, to: device.1.identity)
                    #expect(outcome == .delivered)
                    #expect(try device.0.message().payload == Array("down".utf8))
                }
                let found = try await stored(4, of: lamp, at: gateway)
                #expect(texts(found) == ["zero", "one", "two", "down"])
                #expect(found.map(\.direction) == [.up, .up, .up, .down])
                #expect(found.map(\.qos) == [0, 1, 2, 1])
                let topics = [lamp.up("a"), lamp.up("b"), lamp.up("c"), lamp.down("set")]
                #expect(found.map(\.topic) == topics.map { Array($0.utf8) })
                try await gateway.submit(
                    .products(.update(on.key, ProductUpdate(messageLog: false))))
                try client.publish(lamp.up(), "after", qos: .atLeastOnce)
                #expect(try await stored(4, of: lamp, at: gateway).count == 4)
                #expect(try await stored(0, of: fan, at: gateway).isEmpty)
                let metrics = await gateway.gateway.metricsText()
                #expect(metrics.contains("tollgate_messages_stored_total 4\n"))
                #expect(metrics.contains("tollgate_messages_not_stored_total 0\n"))
            }
        }

        @Test(
            "what is deleted on request, with the device or the product, is gone, also after a start"
        )
        func deletion() async throws {
            let directory = TemporaryDirectory()
            var devices: [TestDevice] = []
            try await TestGateway.run(directory: directory, configure: Self.configure) { gateway in
                let lamp = try await gateway.createProduct("lamp")
                let fan = try await gateway.createProduct("fan")
                devices = try await gateway.importDevices(["l1", "l2", "l3"], into: lamp)
                devices += try await gateway.importDevices(["f1"], into: fan)
                for product in [lamp, fan] {
                    try await gateway.submit(
                        .products(.update(product.key, ProductUpdate(messageLog: true))))
                }
                for device in devices {
                    let client = try gateway.connect(device)
                    try client.publish(device.up(), "x", qos: .atLeastOnce)
                }
                for device in devices {
                    #expect(try await stored(1, of: device, at: gateway).count == 1)
                }
                try await gateway.submit(.devices(.deleteMessages(devices[0].identity)))
                try await gateway.submit(.devices(.delete(devices[1].identity)))
                try await gateway.submit(.products(.delete(fan.key)))
                await #expect(throws: TestGatewayError.self) {
                    try await gateway.submit(.devices(.deleteMessages(lamp.identity("unknown"))))
                }
                for device in [devices[0], devices[1], devices[3]] {
                    #expect(try await stored(0, of: device, at: gateway).isEmpty)
                }
            }
            try await TestGateway.run(directory: directory, configure: Self.configure) { gateway in
                for device in [devices[0], devices[1], devices[3]] {
                    #expect(try await stored(0, of: device, at: gateway).isEmpty)
                }
                #expect(try await stored(1, of: devices[2], at: gateway).count == 1)
                let client = try gateway.connect(devices[0])
                try client.publish(devices[0].up(), "new", qos: .atLeastOnce)
                #expect(texts(try await stored(1, of: devices[0], at: gateway)) == ["new"])
            }
        }
    }
}
