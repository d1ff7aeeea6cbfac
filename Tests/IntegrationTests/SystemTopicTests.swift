import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// The gateway's own figures for applications (Wire.md, "The gateway's own figures").
    @Suite struct SystemTopicTests {
        @Test(
            "4.7.2: an application of all accounts gets the gateway's figures, and # brings none",
            arguments: ProtocolVersion.allCases)
        func figures(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 7)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication()
                let reader = try gateway.connect(key, clientID: "reader", version: version)
                #expect(try reader.subscribe("$SYS/#", qos: .exactlyOnce) == [2])
                let other = try gateway.connect(key, clientID: "other", version: version)
                #expect(try other.subscribe("d/#", "d/+/+/up/#") == [1, 1])
                let client = try gateway.connect(device)
                try client.publish(device.up(), "x", qos: .atLeastOnce)
                let upkeep = Task { [gateway] in
                    await gateway.gateway.upkeep(version: "tollgate 1.2.3")
                }
                var figures: [String: String] = [:]
                while figures["load/connections/15min"] == nil {
                    let message = try reader.message()
                    #expect(message.qos == .atMostOnce && !message.isRetained)
                    #expect(message.topic.hasPrefix("$SYS/broker/"))
                    figures[String(message.topic.dropFirst("$SYS/broker/".count))] = message.text
                }
                upkeep.cancel()
                await upkeep.value
                #expect(figures["version"] == "tollgate 1.2.3")
                #expect(figures["uptime"] == "0 seconds")
                #expect(figures["clients/connected"] == "3")
                #expect(figures["devices/connected"] == "1")
                #expect(figures["subscriptions/count"] == "3")
                #expect(figures["retained messages/count"] == "0")
                #expect(figures["messages/received"] == "1")
                #expect(figures["tollgate/codes/remaining"] == "6")
                #expect(figures["tollgate/units/counted"] == "1")
                #expect(figures["load/messages/received/1min"] != nil)
                #expect(figures.count == 32)
                #expect(try other.message().text == "x")
                #expect(try await gateway.unread(by: other) == [])
            }
        }

        @Test(
            "of a share one member gets each figure",
            arguments: ProtocolVersion.allCases)
        func shared(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let key = try await gateway.createApplication()
                let members = try (0..<2).map {
                    try gateway.connect(
                        key, clientID: "member-\($0)", version: version,
                        subscribedTo: "$share/g/$SYS/broker/#")
                }
                let alone = try gateway.connect(
                    key, clientID: "alone", subscribedTo: "$SYS/broker/load/connections/15min")
                let upkeep = Task { [gateway] in await gateway.gateway.upkeep() }
                _ = try alone.message()
                upkeep.cancel()
                await upkeep.value
                var topics: [String] = []
                for member in members {
                    for packet in try await gateway.unread(by: member) {
                        if case .publish(let message) = packet { topics.append(message.topic) }
                    }
                }
                #expect(topics.count == 32 && Set(topics).count == 32)
            }
        }

        @Test("a key of an account or of some products has no right to it, nor has a device")
        func rights() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let ofAccount = try await gateway.createApplication(
                    "account", account: product.account)
                let ofProduct = try await gateway.createApplication("product", products: [product])
                let ofAll = try await gateway.createApplication("all")
                for version in ProtocolVersion.allCases {
                    let refused: UInt8 = version == .v5 ? 0x87 : 0x80
                    let strangers = [
                        try gateway.connect(device, version: version),
                        try gateway.connect(ofAccount, clientID: "a \(version)", version: version),
                        try gateway.connect(ofProduct, clientID: "p \(version)", version: version),
                    ]
                    for stranger in strangers {
                        let codes = try stranger.subscribe(
                            "$SYS/#", "$SYS", "$SYS/broker/uptime", "$share/g/$SYS/#")
                        #expect(codes == [refused, refused, refused, refused])
                    }
                    let all = try gateway.connect(
                        ofAll, clientID: "all \(version)", version: version)
                    #expect(try all.subscribe("$SYS/broker/uptime", "$SYSTEM/x") == [1, refused])
                    let answer = try all.publish("$SYS/broker/uptime", "9", qos: .atLeastOnce)
                    #expect(answer?.code == (version == .v5 ? 0x87 : 0))
                    #expect(try await gateway.unread(by: all) == [])
                }
            }
        }
    }
}
