import Gateway
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// What MQTT 5 lets a PUBLISH and a SUBSCRIBE say.
    @Suite struct PublishOptionTests {
        private static let shards = [1, 4]

        @Test(
            "[MQTT-3.3.2-9] a topic alias stands for its topic; 0x94 out of range, 0x82 when unknown"
        )
        func inboundAlias() async throws {
            try await TestGateway.run {
                $0.limits.topicAliasMaximum = 3
            } _: { gateway in
                let receiver = try gateway.anonymous("receiver")
                try receiver.subscribe("t/#")
                func publisher(_ name: String) throws -> TestClient {
                    let client = try TestClient(port: gateway.openPort)
                    let answer = try client.connect(as: .anonymous(name))
                    #expect(answer.topicAliasMaximum == 3)
                    return client
                }
                let client = try publisher("aliases")
                try client.publish("t/1", "a", qos: .atLeastOnce) { $0.topicAlias(3) }
                try client.publish("", "b", qos: .atLeastOnce) { $0.topicAlias(3) }
                try client.publish("t/2", "c", qos: .atLeastOnce) { $0.topicAlias(3) }
                try client.publish("", "d", qos: .exactlyOnce) { $0.topicAlias(3) }
                for (topic, text) in [("t/1", "a"), ("t/1", "b"), ("t/2", "c"), ("t/2", "d")] {
                    let message = try receiver.message()
                    #expect(message.topic == topic && message.text == text)
                    #expect(message.topicAlias == nil)
                }
                // Of this connection only.
                let other = try publisher("other")
                try other.sendPublish("", []) { $0.topicAlias(3) }
                #expect(try other.endingCode() == 0x82)
                let beyond = try publisher("beyond")
                try beyond.sendPublish("t/3", []) { $0.topicAlias(4) }
                #expect(try beyond.endingCode() == 0x94)
            }
        }

        @Test(
            "[MQTT-3.1.2-26], [MQTT-3.1.2-27] as many aliases are sent as the client takes, none else"
        )
        func outboundAlias() async throws {
            try await TestGateway.run { gateway in
                let publisher = try gateway.anonymous("publisher")
                for maximum in [UInt16(0), 1, 100] {
                    let client = try TestClient(port: gateway.openPort)
                    _ = try client.connect(as: .anonymous("receiver")) {
                        $0.topicAliasMaximum(maximum)
                    }
                    try client.subscribe("t/#")
                    var topics: [UInt16: String] = [:]
                    for number in 0..<60 {
                        let topic = "t/\(number % 20)"
                        try publisher.publish(topic, "\(number)", qos: .atLeastOnce)
                        let message = try client.message()
                        if let alias = message.topicAlias {
                            #expect(alias <= min(maximum, 16))
                            if !message.topic.isEmpty { topics[alias] = message.topic }
                            #expect(topics[alias] == topic)
                        } else {
                            #expect(message.topic == topic)
                        }
                    }
                    #expect(topics.count == min(Int(maximum), 16))
                }
            }
        }

        @Test(
            "[MQTT-3.3.2-5], [MQTT-3.3.2-6] a message that waits expires, or is sent with what is left"
        )
        func messageExpiry() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let (first, _) = try gateway.open("keeper", .v5, expiry: 1_000)
                try first.subscribe("t")
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t", "now", qos: .atLeastOnce) {
                    $0.messageExpiryInterval(seconds: 10)
                }
                #expect(try first.message().expirySeconds == 10)
                try first.ping()
                try first.leave()
                for (text, seconds) in [("short", UInt32(10)), ("long", 60)] {
                    try publisher.publish("t", text, qos: .atLeastOnce) {
                        $0.messageExpiryInterval(seconds: seconds)
                        $0.userProperty(name: "a".utf8Span.span, value: "b".utf8Span.span)
                    }
                }
                try publisher.publish("t", "eternal", qos: .atLeastOnce)
                await gateway.settle()
                clock.advance(milliseconds: 20_000)
                gateway.gateway.clockMoved()
                let (second, _) = try gateway.open("keeper", .v5, expiry: 1_000)
                let long = try second.message()
                #expect(long.text == "long" && long.expirySeconds == 40)
                #expect(long.userProperties == ["a=b"])
                let eternal = try second.message()
                #expect(eternal.text == "eternal" && eternal.expirySeconds == nil)
            }
        }

        @Test(
            "[MQTT-3.3.4-3], [MQTT-3.3.4-4] a message has the identifiers of all subscriptions it comes by",
            arguments: shards
        )
        func identifiers(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let receiver = try gateway.anonymous("receiver")
                try receiver.subscribe("t/#", SubscriptionOptions(qos: .atLeastOnce), identifier: 7)
                try receiver.subscribe(
                    "t/+", SubscriptionOptions(qos: .exactlyOnce), identifier: 268_435_455)
                try receiver.subscribe("+/1", SubscriptionOptions(qos: .atMostOnce))
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t/1", "x", qos: .exactlyOnce)
                let message = try receiver.message()
                #expect(message.subscriptionIdentifiers.sorted() == [7, 268_435_455])
                #expect(message.qos == .exactlyOnce)
                #expect(try await gateway.unread(by: receiver) == [])
                // Replaced by the same filter without one.
                try receiver.subscribe("t/#", SubscriptionOptions(qos: .atLeastOnce))
                try publisher.publish("t/1/2", "x", qos: .atLeastOnce)
                #expect(try receiver.message().subscriptionIdentifiers == [])
            }
        }

        @Test("A device's subscription identifiers come with its messages")
        func deviceIdentifiers() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try gateway.connect(device)
                try client.subscribe(
                    device.down("#"), SubscriptionOptions(qos: .exactlyOnce), identifier: 5)
                let backend = try gateway.connect(key)
                try backend.publish(device.down(), "x", qos: .exactlyOnce)
                let message = try client.message()
                #expect(message.subscriptionIdentifiers == [5] && message.qos == .exactlyOnce)
            }
        }

        @Test(
            "[MQTT-3.8.3-3] No Local: a client's own messages are not sent back", arguments: shards)
        func noLocal(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let client = try gateway.anonymous("client")
                try client.subscribe("t", SubscriptionOptions(qos: .atLeastOnce, noLocal: true))
                try client.publish("t", "own", qos: .atLeastOnce)
                try gateway.anonymous("other").publish("t", "other's", qos: .atLeastOnce)
                #expect(try client.message().text == "other's")
            }
        }

        @Test(
            "[MQTT-3.1.2-24], [MQTT-3.1.2-25] what is larger than the client takes is not sent to it"
        )
        func maximumPacketSize() async throws {
            try await TestGateway.run { gateway in
                let client = try TestClient(port: gateway.openPort)
                _ = try client.connect(as: .anonymous("small")) { $0.maximumPacketSize(30) }
                try client.subscribe("t")
                let publisher = try gateway.anonymous("publisher")
                // Fixed header 2, topic 3, packet identifier 2, properties 1.
                for count in [22, 23] {
                    try publisher.publish(
                        "t", bytes: [UInt8](repeating: 1, count: count), qos: .atLeastOnce)
                }
                #expect(try client.message().payload.count == 22)
                #expect(try await gateway.unread(by: client) == [])
            }
        }

        @Test("3.3.2.3.2: a payload that is not the UTF-8 it says it is: 0x99")
        func payloadFormat() async throws {
            try await TestGateway.run { gateway in
                let receiver = try gateway.anonymous("receiver")
                try receiver.subscribe("t")
                let client = try gateway.anonymous("client")
                for (bytes, code) in [
                    (Array("gr\u{FC}n".utf8), UInt8(0)), ([0, 65], 0), ([0xC3], 0x99),
                    ([65, 0, 0xFF], 0x99),
                ] {
                    let answer = try client.publish("t", bytes: bytes, qos: .atLeastOnce) {
                        $0.payloadFormat(.utf8)
                    }
                    #expect(answer?.code == code, "\(bytes)")
                }
                #expect(try client.publish("t", bytes: [0xC3], qos: .atLeastOnce)?.code == 0)
            }
        }

        @Test(
            "4.7.2: anybody may publish to topics that begin with $, unless they are denied; # does not bring them",
            arguments: ProtocolVersion.allCases)
        func dollarTopics(version: ProtocolVersion) async throws {
            for isDenied in [false, true] {
                try await TestGateway.run {
                    if isDenied { $0.listeners[2].deniedTopics = "$SYS/#" }
                } _: { gateway in
                    let client = try gateway.anonymous("client", version: version)
                    try client.subscribe("+/uptime", "#")
                    let answer = try client.publish("$SYS/uptime", "0", qos: .atLeastOnce)
                    let refused: UInt8 = isDenied ? 0x87 : 0x10
                    #expect(answer?.code == (version == .v5 ? refused : 0))
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test("A listener without authentication has limits and topic patterns of its own")
        func listener() async throws {
            try await TestGateway.run { configuration in
                configuration.listeners[2].keepAliveMaximumSeconds = 30
                configuration.listeners[2].topicAliasMaximum = 5
                configuration.listeners[2].receiveMaximum = 6
                configuration.listeners[2].packetSizeBytes = 1_000
                configuration.listeners[2].allowedTopics = "a/# b/+"
                configuration.listeners[2].deniedTopics = "a/secret"
            } _: { gateway in
                let client = try TestClient(port: gateway.openPort)
                let answer = try client.connect(as: .anonymous("client"))
                #expect(answer.serverKeepAliveSeconds == 30)
                #expect(answer.topicAliasMaximum == 5)
                #expect(answer.receiveMaximum == 6)
                #expect(answer.maximumPacketSize == 1_000)
                #expect(
                    try client.subscribe("a/#", "a/1/2", "b/1", "b/+", "a/secret", "b/1/2", "#")
                        == [1, 1, 1, 1, 0x87, 0x87, 0x87])
                for (topic, code) in [("a/1", UInt8(0)), ("a/secret", 0x87), ("c", 0x87)] {
                    #expect(try client.publish(topic, "", qos: .atLeastOnce)?.code == code)
                }
                try client.send([0x30, 0xE7, 0x07])
                #expect(try client.endingCode() == 0x95)
            }
        }
    }
}
