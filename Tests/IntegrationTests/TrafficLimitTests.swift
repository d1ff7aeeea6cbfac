import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What devices are limited to, beside the day's allowance.
    @Suite struct TrafficLimitTests {
        private static func limits(
            _ perSecond: UInt32, burst: UInt32, _ excess: RateExcess? = nil
        ) -> TrafficLimits? {
            TrafficLimits(messages: Rate(perSecond: perSecond, burst: burst), excess: excess)
        }

        private static func set(
            _ limits: TrafficLimits?, of product: TestProduct, at gateway: TestGateway
        ) async throws {
            try await gateway.submit(.products(.setLimits(product.key, limits)))
            await gateway.settle()
        }

        private static func set(
            _ limits: TrafficLimits?, of device: TestDevice, at gateway: TestGateway
        ) async throws {
            try await gateway.submit(.devices(.setLimits(device.identity, limits)))
            await gateway.settle()
        }

        private static func topic(_ device: TestDevice) -> String {
            "d/\(device.identity.product)/\(device.identity.device)/up/t"
        }

        /// What the gateway has counted.
        private static func count(_ name: String, _ gateway: TestGateway) async -> String? {
            await gateway.gateway.metricsText().split(separator: "\n")
                .first { $0.hasPrefix("\(name) ") }.map { String($0.dropFirst(name.count + 1)) }
        }

        @Test(
            "delay: nothing is lost or refused, and no more than the rate comes through",
            arguments: ProtocolVersion.allCases, [QoS.atMostOnce, .atLeastOnce, .exactlyOnce])
        func delay(version: ProtocolVersion, qos: QoS) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                try backend.subscribe("d/lamp/+/up/#", qos: qos)
                try await Self.set(Self.limits(10, burst: 3), of: product, at: gateway)
                let client = try gateway.connect(device, version: version)
                let clock = ContinuousClock()
                let start = clock.now
                for number in 0..<10 {
                    let answer = try client.publish(Self.topic(device), "\(number)", qos: qos)
                    #expect(answer?.code ?? 0 == 0)
                }
                for number in 0..<10 { #expect(try backend.message().text == "\(number)") }
                // Three at once, and seven more at ten a second.
                let passed = clock.now - start
                #expect(passed > .milliseconds(690), "\(passed)")
                #expect(passed < .seconds(10), "\(passed)")
                let delayed = await Self.count("tollgate_publishes_delayed_total", gateway)
                #expect(delayed.flatMap { Int($0) } ?? 0 >= 1)
                #expect(try await gateway.usedToday(device).used == 10)
                try client.ping()
                try client.disconnect()
            }
        }

        @Test("delay: so fast a rate is not held up by the loop's ticks")
        func fastRate() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.set(Self.limits(500, burst: 1), of: product, at: gateway)
                let client = try gateway.connect(device)
                let clock = ContinuousClock()
                let start = clock.now
                for _ in 0..<200 {
                    _ = try client.publish(Self.topic(device), "x", qos: .atMostOnce)
                }
                _ = try client.publish(Self.topic(device), "x", qos: .atLeastOnce)
                let passed = clock.now - start
                #expect(passed > .milliseconds(399) && passed < .seconds(4), "\(passed)")
            }
        }

        @Test(
            "refuse: MQTT 5 is told by 0x97, nothing is counted, and later it goes",
            arguments: [QoS.atLeastOnce, .exactlyOnce])
        func refuse(qos: QoS) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.set(Self.limits(2, burst: 2, .refuse), of: product, at: gateway)
                let client = try gateway.connect(device)
                var codes: [UInt8] = []
                for _ in 0..<4 {
                    codes.append(try client.publish(Self.topic(device), "x", qos: qos)?.code ?? 0)
                }
                #expect(codes.prefix(2) == [0, 0])
                #expect(codes[2] == 0x97 && codes[3] == 0x97, "\(codes)")
                #expect(try await gateway.usedToday(device).used == 2)
                #expect(
                    await Self.count("tollgate_publishes_over_rate_total", gateway) == "2")
                try await Task.sleep(for: .milliseconds(1_100))
                let late = try client.publish(Self.topic(device), "x", qos: qos)
                #expect(late?.code ?? 0 < 0x80)
            }
        }

        @Test("refuse: what a client of MQTT 3.1.1 can't be told waits at QoS 1 and 2")
        func refuseOld() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                try backend.subscribe("d/lamp/+/up/#", qos: .exactlyOnce)
                try await Self.set(Self.limits(5, burst: 1, .refuse), of: product, at: gateway)
                let client = try gateway.connect(device, version: .v3_1_1)
                for (number, qos) in [QoS.atLeastOnce, .exactlyOnce, .atLeastOnce].enumerated() {
                    _ = try client.publish(Self.topic(device), "\(number)", qos: qos)
                    #expect(try backend.message().text == "\(number)")
                }
                // At QoS 0 nothing is promised: the second of two is over the rate.
                try await Task.sleep(for: .milliseconds(300))
                _ = try client.publish(Self.topic(device), "first", qos: .atMostOnce)
                _ = try client.publish(Self.topic(device), "second", qos: .atMostOnce)
                _ = try client.publish(Self.topic(device), "third", qos: .atLeastOnce)
                #expect(try backend.message().text == "first")
                #expect(try backend.message().text == "third")
            }
        }

        @Test(
            "disconnect: 0x96, and the reason is found afterwards",
            arguments: ProtocolVersion.allCases)
        func disconnect(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.set(
                    Self.limits(1, burst: 2, .disconnect), of: product, at: gateway)
                let client = try gateway.connect(device, version: version)
                for _ in 0..<4 {
                    try client.sendPublish(
                        Self.topic(device), Array("x".utf8), qos: .atMostOnce, packetID: nil)
                }
                let code = try client.endingCode()
                #expect(code == (version == .v5 ? 0x96 : nil))
                let metrics = await gateway.gateway.metricsText()
                #expect(
                    metrics.contains(
                        "tollgate_product_connections_ended_total{product=\"lamp\",reason=\"message-rate-too-high\"} 1"
                    ))
                #expect(
                    metrics.contains(
                        "tollgate_product_publishes_over_rate_total{product=\"lamp\",outcome=\"refused\"} 1"
                    ))
                #expect(try await gateway.usedToday(device).used == 2)
            }
        }

        @Test("who comes again goes on where it was, after a takeover and after an end")
        func again() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(
                    bytes: Rate(perSecond: 1, burst: 100), excess: .refuse)
                try await Self.set(limits, of: product, at: gateway)
                let topic = Self.topic(device)
                func code(_ client: TestClient) throws -> UInt8? {
                    try client.publish(
                        topic, String(repeating: "x", count: 60), qos: .atLeastOnce)?.code
                }
                let first = try gateway.connect(device)
                #expect(try code(first) == 0)
                let second = try gateway.connect(device)
                #expect(try code(second) == 0x97)
                try second.disconnect()
                await gateway.settle()
                let third = try gateway.connect(device)
                #expect(try code(third) == 0x97)
                // Other limits begin anew.
                let others = TrafficLimits(
                    bytes: Rate(perSecond: 1, burst: 101), excess: .refuse)
                try await Self.set(others, of: product, at: gateway)
                #expect(try code(third) == 0)
                #expect(try code(third) == 0x97)
            }
        }

        @Test("bytes a second are limited too")
        func bytes() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(
                    bytes: Rate(perSecond: 1_000, burst: 1_000), excess: .refuse)
                try await Self.set(limits, of: product, at: gateway)
                let client = try gateway.connect(device)
                let payload = String(repeating: "x", count: 480)
                let topic = Self.topic(device)
                #expect(try client.publish(topic, payload, qos: .atLeastOnce)?.code == 0)
                #expect(try client.publish(topic, payload, qos: .atLeastOnce)?.code == 0)
                #expect(try client.publish(topic, payload, qos: .atLeastOnce)?.code == 0x97)
            }
        }

        @Test("a device's own limits are before its product's, at once and while it waits")
        func own() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                try await Self.set(Self.limits(1, burst: 1, .refuse), of: product, at: gateway)
                try await Self.set(Self.limits(1_000, burst: 5), of: devices[0], at: gateway)
                let first = try gateway.connect(devices[0])
                let second = try gateway.connect(devices[1])
                func codes(_ client: TestClient, _ device: TestDevice) throws -> [UInt8] {
                    try (0..<3).map { _ in
                        try client.publish(Self.topic(device), "x", qos: .atLeastOnce)?.code ?? 0
                    }
                }
                #expect(try codes(first, devices[0]) == [0, 0, 0])
                #expect(try codes(second, devices[1]) == [0, 0x97, 0x97])
                // A change of the product's leaves the device's own as they are.
                try await Self.set(Self.limits(1, burst: 2, .refuse), of: product, at: gateway)
                #expect(try codes(first, devices[0]) == [0, 0, 0])
                #expect(try codes(second, devices[1]) == [0, 0, 0x97])
                try await Self.set(nil, of: devices[0], at: gateway)
                #expect(try codes(first, devices[0]) == [0, 0, 0x97])
                try await Self.set(nil, of: product, at: gateway)
                #expect(try codes(second, devices[1]) == [0, 0, 0])
            }
        }

        @Test("one that waits is served at once when its limits end")
        func lifted() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(bytes: Rate(perSecond: 1, burst: 1))
                try await Self.set(limits, of: product, at: gateway)
                let client = try gateway.connect(device)
                let topic = Self.topic(device)
                // The first leaves most of a minute to wait for.
                let payload = String(repeating: "x", count: 35)
                _ = try client.publish(topic, payload, qos: .atLeastOnce)
                try client.sendPublish(
                    topic, Array("second".utf8), qos: .atLeastOnce, packetID: 900)
                await gateway.settle()
                try await Self.set(nil, of: product, at: gateway)
                #expect(try client.acknowledgement(.puback, 900).code < 0x80)
                try client.ping()
            }
        }

        @Test("who waits can be taken over, kicked, and leaves when its socket is closed")
        func ending() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(bytes: Rate(perSecond: 1, burst: 1))
                try await Self.set(limits, of: product, at: gateway)
                let topic = Self.topic(device)
                let payload = String(repeating: "x", count: 10)
                func hold(_ client: TestClient) async throws {
                    try client.sendPublish(
                        topic, Array("second".utf8), qos: .atLeastOnce, packetID: 900)
                    await gateway.settle()
                }
                let first = try gateway.connect(device)
                _ = try first.publish(topic, payload, qos: .atLeastOnce)
                try await hold(first)
                let second = try gateway.connect(device)
                #expect(try first.endingCode() == 0x8E)
                try await hold(second)
                #expect(await gateway.gateway.kick(device.identity))
                #expect(try second.endingCode() == 0x98)
                func lose() async throws {
                    let third = try gateway.connect(device)
                    try await hold(third)
                    third.lose()
                }
                try await lose()
                try await until {
                    await gateway.gateway.connection(of: device.identity) == nil
                }
            }
        }

        @Test(
            "a wait that its client would not sit out ends the connection",
            arguments: RateExcess.allCases)
        func tooLong(excess: RateExcess) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(bytes: Rate(perSecond: 10, burst: 10), excess: excess)
                try await Self.set(limits, of: product, at: gateway)
                let client = try gateway.connect(device, version: .v3_1_1, keepAliveSeconds: 5)
                let payload = String(repeating: "x", count: 200)
                _ = try client.publish(Self.topic(device), payload, qos: .atLeastOnce)
                try client.sendPublish(
                    Self.topic(device), Array("x".utf8), qos: .atLeastOnce, packetID: 900)
                #expect(try client.untilClosed(seconds: 3).isEmpty)
                let ending = await gateway.gateway.outcomes(of: device.identity).lastEnding
                #expect(ending?.reason == .messageRateTooHigh)
            }
        }

        @Test("what is behind a message that waits is served before another connection takes over")
        func takeover() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                try await Self.set(Self.limits(1, burst: 1), of: product, at: gateway)
                let topic = Self.topic(device)
                let first = try gateway.connect(
                    device, will: TestWill(topic: "d/lamp/dk1/up/will", payload: "w"))
                for number in 0..<4 {
                    try first.sendPublish(
                        topic, Array("\(number)".utf8), qos: .atMostOnce, packetID: nil)
                }
                try first.send([0xE0, 0])
                await gateway.settle()
                let second = try gateway.connect(device)
                for number in 0..<4 { #expect(try backend.message().text == "\(number)") }
                // It has said goodbye: there is no will. And the next one pays for what it has overdrawn.
                let clock = ContinuousClock()
                let start = clock.now
                _ = try second.publish(topic, "late", qos: .atLeastOnce)
                #expect(clock.now - start > .milliseconds(1_500))
                #expect(try backend.message().text == "late")
            }
        }

        @Test("packets, messages under way and filters are limited, and CONNACK says so")
        func others() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let limits = TrafficLimits(
                    inflightMessages: 3, packetBytes: 200, subscriptions: 1)
                try await Self.set(limits, of: product, at: gateway)
                let client = try TestClient(port: gateway.plainPort)
                let connack = try client.connect(as: .signed(device, secureMode: 3))
                #expect(connack.code == 0)
                #expect(connack.receiveMaximum == 3 && connack.maximumPacketSize == 200)
                #expect(try client.subscribe("d/lamp/dk1/down/#") == [1])
                #expect(try client.subscribe("d/lamp/dk1/sys/#") == [0x97])
                // The same again is no more.
                #expect(try client.subscribe("d/lamp/dk1/down/#") == [1])
                let long = String(repeating: "x", count: 200)
                try client.sendPublish(
                    Self.topic(device), Array(long.utf8), qos: .atMostOnce, packetID: nil)
                #expect(try client.endingCode() == 0x95)
                let old = try gateway.connect(device, version: .v3_1_1)
                #expect(try old.subscribe("d/lamp/dk1/down/#", "d/lamp/dk1/sys/#") == [1, 0x80])
                let five = try gateway.connect(device)
                for number in 1...4 {
                    try five.sendPublish(
                        Self.topic(device), [], qos: .exactlyOnce, packetID: UInt16(number))
                }
                #expect(try five.endingCode() == 0x93)
            }
        }
    }
}
