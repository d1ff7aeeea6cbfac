import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Rule C13.
    @Suite struct UncountedTests {
        private static func leaveOut(
            _ topics: [String], of product: TestProduct, at gateway: TestGateway
        ) async throws {
            let patterns = try topics.map { text in try TopicPattern(text) }
            try await gateway.submit(.products(.setUncounted(product.key, patterns)))
            await gateway.settle()
        }

        @Test(
            "C13: what the product leaves out costs nothing, comes through when the day is used up, and is counted again when the product says so",
            arguments: ProtocolVersion.allCases, [QoS.atMostOnce, .atLeastOnce, .exactlyOnce])
        func leftOut(version: ProtocolVersion, qos: QoS) async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let backend = try gateway.connect(
                    try await gateway.createApplication(products: [product]))
                try backend.subscribe("d/lamp/+/up/#")
                let client = try gateway.connect(device, version: version)
                try await Self.leaveOut(["beat/#", "log/${dk}"], of: product, at: gateway)
                for topic in ["beat", "beat/1", "log/dk1"] {
                    for _ in 1...3 {
                        let answer = try client.publish(device.up(topic), "b", qos: qos)
                        #expect(answer.map { $0.code == 0 } ?? (qos == .atMostOnce))
                        #expect(try backend.message().topic == device.up(topic))
                    }
                }
                #expect(try await gateway.usedToday(device).used == 0)
                // Others are counted: those of a name that is longer, and of another device's.
                for topic in ["beats", "log/dk2"] {
                    _ = try client.publish(device.up(topic), "c", qos: qos)
                    #expect(try backend.message().topic == device.up(topic))
                }
                #expect(try await gateway.usedToday(device).used == 2)
                let over = try client.publish(device.up("x"), "d", qos: .atLeastOnce)
                if version == .v5 { #expect(over?.code == 0x97) }
                _ = try client.publish(device.up("beat"), "e", qos: qos)
                #expect(try backend.message().text == "e")
                #expect(try await gateway.usedToday(device).used == 2)
                try await Self.leaveOut([], of: product, at: gateway)
                let again = try client.publish(device.up("beat"), "f", qos: .atLeastOnce)
                if version == .v5 { #expect(again?.code == 0x97) }
                try client.ping()
            }
        }

        @Test(
            "C13: topics of the device's own are left out by their own names, and by its client identifier"
        )
        func ownTopics() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 5)
                let device = try await gateway.importDevice("dk1", into: product)
                let dialect = Dialect(topics: .preset(.alibaba), proofs: .standard)
                try await gateway.submit(.products(.setDialect(product.key, dialect)))
                try await Self.leaveOut(
                    ["/sys/${pk}/${dk}/beat", "by/${clientId}"], of: product, at: gateway)
                let client = try gateway.connect(device)
                let counted = ["/sys/lamp/dk1/data", device.up("by/other")]
                let free = ["/sys/lamp/dk1/beat", device.up("by/lamp.dk1")]
                for topic in counted + free {
                    #expect(try client.publish(topic, "x", qos: .atLeastOnce)?.code == 0)
                }
                #expect(try await gateway.usedToday(device).used == 2)
                // It allows nothing: of another device's topics none, and none that no class covers.
                for topic in ["/sys/lamp/dk2/beat", "by/lamp.dk1"] {
                    #expect(try client.publish(topic, "x", qos: .atLeastOnce)?.code == 0x87)
                }
            }
        }

        @Test("C13: a will on such a topic is not counted, another one is")
        func wills() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 5)
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.leaveOut(["gone"], of: product, at: gateway)
                let backend = try gateway.connect(
                    try await gateway.createApplication(products: [product]))
                try backend.subscribe("d/lamp/+/up/#")
                for (name, used) in [("gone", 0), ("lost", 1)] {
                    let will = TestWill(topic: device.up(name), payload: name)
                    try gateway.connect(device, will: will).lose()
                    #expect(try backend.message().text == name)
                    #expect(try await gateway.usedToday(device).used == used)
                }
            }
        }

        @Test("C13: limits hold for it all the same")
        func limits() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.leaveOut(["beat"], of: product, at: gateway)
                try await gateway.submit(
                    .products(
                        .setLimits(
                            product.key,
                            TrafficLimits(
                                messages: Rate(perSecond: 1, burst: 2), excess: .refuse))))
                await gateway.settle()
                let client = try gateway.connect(device)
                let codes = try (1...5).map { _ in
                    try client.publish(device.up("beat"), "x", qos: .atLeastOnce)?.code
                }
                #expect(codes.last == 0x97)
                #expect(try await gateway.usedToday(device).used == 0)
            }
        }
    }
}
