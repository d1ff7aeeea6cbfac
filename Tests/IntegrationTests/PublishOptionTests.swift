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
            "4.7.2: with systemTopics anybody may publish below $SYS, unless that is denied; # does not bring it",
            arguments: ProtocolVersion.allCases)
        func dollarTopics(version: ProtocolVersion) async throws {
            for isDenied in [false, true] {
                try await TestGateway.run {
                    $0.listeners[2].systemTopics = true
                    if isDenied { $0.listeners[2].deniedTopics = ["$SYS/#"] }
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

        @Test(
            "4.7.2: clients can't exchange messages below $SYS: not published, retained or as a will, nor from a listener that allows it",
            arguments: ProtocolVersion.allCases)
        func systemTopics(version: ProtocolVersion) async throws {
            try await TestGateway.run { configuration in
                configuration.listeners.append(
                    GatewayConfiguration.Listener(
                        name: "suite", port: 0, tls: false, authentication: .none))
                configuration.listeners[3].systemTopics = true
            } _: { gateway in
                let watcher = try gateway.anonymous("watcher", version: version)
                try watcher.subscribe("$SYS/#", "$SYS", "$SYSTEM/x")
                let client = try gateway.anonymous("client", version: version)
                for topic in ["$SYS", "$SYS/a", "$SYS/broker/connection/b/state"] {
                    for qos in QoS.allCases {
                        let answer = try client.publish(topic, "x", qos: qos, isRetained: true)
                        #expect(answer?.code ?? 0 == (version == .v5 && answer != nil ? 0x87 : 0))
                    }
                    let will = TestWill(topic: topic, payload: "gone", qos: .atLeastOnce)
                    let mortal = try gateway.anonymous("mortal", version: version, will: will)
                    mortal.finishWriting()
                    _ = try mortal.untilClosed()
                }
                let suite = try TestClient.connected(
                    port: gateway.port(of: "suite"), version: version, as: .anonymous("suite"))
                suite.tellsUnheard = true
                try suite.subscribe("$SYS/#")
                try suite.publish("$SYS/a", "own", qos: .atLeastOnce, isRetained: true)
                #expect(try suite.message().text == "own")
                let late = try gateway.anonymous("late", version: version)
                try late.subscribe("$SYS/#", "$SYS/+")
                #expect(try await gateway.unread(by: late) == [])
                #expect(try await gateway.unread(by: watcher) == [])
                // Others that begin with $ are anybody's.
                try client.publish("$SYSTEM/x", "y", qos: .atLeastOnce)
                #expect(try watcher.message().text == "y")
            }
        }

        @Test(
            "what is denied does not come by a wider filter either: live, retained, queued, shared, as a will",
            arguments: [1, 2])
        func deniedDeliveries(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { configuration in
                configuration.listeners.append(
                    GatewayConfiguration.Listener(
                        name: "all", port: 0, tls: false, authentication: .none))
                configuration.listeners[2].deniedTopics = ["no/#", "a/+/no"]
            } _: { gateway in
                func other(_ name: String, will: TestWill? = nil) throws -> TestClient {
                    let client = try TestClient.connected(
                        port: gateway.port(of: "all"), as: .anonymous(name), will: will)
                    client.tellsUnheard = true
                    return client
                }
                let free = try other("free")
                try free.publish("no/kept", "x", qos: .atLeastOnce, isRetained: true)
                try free.publish("yes/kept", "x", qos: .atLeastOnce, isRetained: true)
                let (away, _) = try gateway.open("away", .v5, expiry: 600)
                #expect(try away.subscribe("#", "no/1", "no/#") == [1, 0x87, 0x87])
                #expect(try away.message().topic == "yes/kept")
                try away.leave()
                let client = try gateway.anonymous("client")
                #expect(try client.subscribe("#", "+/1", "a/#") == [1, 1, 1])
                #expect(try client.message().topic == "yes/kept")
                let member = try gateway.anonymous("member")
                try member.subscribe("$share/g/#")
                let freeMember = try other("free-member")
                try freeMember.subscribe("$share/g/#")
                let will = TestWill(topic: "no/will", payload: "x", qos: .atLeastOnce)
                let mortal = try other("mortal", will: will)
                mortal.finishWriting()
                _ = try mortal.untilClosed()
                for qos in QoS.allCases {
                    for topic in ["no", "no/1", "a/b/no", "no/2/3"] {
                        try free.publish(topic, "x", qos: qos)
                    }
                }
                try free.ping()
                #expect(try await gateway.unread(by: client) == [])
                #expect(try await gateway.unread(by: member) == [])
                // Another member of the share gets all that one may not have.
                #expect(try await gateway.unread(by: freeMember).count == 13)
                let (back, _) = try gateway.open("away", .v5, expiry: 600)
                #expect(try await gateway.unread(by: back) == [])
                try free.publish("a/b/yes", "x", qos: .atLeastOnce)
                #expect(try back.message().topic == "a/b/yes")
                #expect(try client.message().topic == "a/b/yes")
            }
        }

        @Test(
            "limits.topicLevels holds for topics, filters, wills and the API alike",
            arguments: ProtocolVersion.allCases)
        func topicLevels(version: ProtocolVersion) async throws {
            try await TestGateway.run {
                $0.limits.topicLevels = 6
            } _: { gateway in
                let six = "a/b/c/d/e/f"
                let client = try gateway.anonymous("client", version: version)
                let failure: UInt8 = version == .v5 ? 0x8F : 0x80
                #expect(
                    try client.subscribe(six, "\(six)/g", "$share/g/\(six)", "a/#", "//////")
                        == [1, failure, 1, 1, failure])
                for (topic, isTaken) in [(six, true), ("\(six)/g", false), ("//////", false)] {
                    for qos in [QoS.atLeastOnce, .exactlyOnce] {
                        let answer = try client.publish(topic, "x", qos: qos)
                        #expect(answer?.code == (isTaken || version != .v5 ? 0 : 0x90))
                    }
                    try client.publish(topic, "x")
                }
                // By its share too.
                for _ in 0..<6 { #expect(try client.message().topic == six) }
                #expect(try await gateway.unread(by: client) == [])
                for (topic, isTaken) in [(six, true), ("\(six)/g", false)] {
                    let other = try TestClient(port: gateway.openPort, version: version)
                    let will = TestWill(topic: topic, payload: "x")
                    let answer = try other.connect(as: .anonymous("other"), will: will)
                    #expect(answer.code == (isTaken ? 0 : version == .v5 ? 0x90 : 5))
                }
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let receiver = try gateway.connect(device, version: version)
                #expect(
                    try receiver.subscribe(device.down("a/#"), device.down("a/b/c")) == [
                        1, failure,
                    ])
                #expect(
                    try receiver.publish(device.up("a/b/c"), "x", qos: .atLeastOnce)?.code
                        == (version == .v5 ? 0x90 : 0))
                let deep = try #require(Downlink.Topic("a/b/c"))
                let outcome = await gateway.gateway.send(
                    Downlink(topic: deep, payload: [1]), to: device.identity)
                #expect(outcome == .noSubscription)
                #expect(try await gateway.unread(by: receiver) == [])
            }
        }

        @Test("A listener without authentication has limits and topic patterns of its own")
        func listener() async throws {
            try await TestGateway.run { configuration in
                configuration.listeners[2].keepAliveMaximumSeconds = 30
                configuration.listeners[2].topicAliasMaximum = 5
                configuration.listeners[2].receiveMaximum = 6
                configuration.listeners[2].packetSizeBytes = 1_000
                configuration.listeners[2].allowedTopics = ["a/#", "b/+"]
                configuration.listeners[2].deniedTopics = ["a/secret"]
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
