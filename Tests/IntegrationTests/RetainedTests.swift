import Gateway
import MQTT
import Reactor
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Retained messages (3.3.1.3).
    @Suite struct RetainedTests {
        private static let shards = [1, 4]

        @Test(
            "[MQTT-3.3.1-5], [MQTT-3.3.1-6] the last retained message of a topic is kept; one without payload clears it",
            arguments: ProtocolVersion.allCases, shards
        )
        func kept(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher", version: version)
                for (topic, text) in [("t/1", "old"), ("t/1", "new"), ("t/2", "other"), ("u", "x")]
                {
                    try publisher.publish(topic, text, qos: .atLeastOnce, isRetained: true)
                }
                let first = try gateway.anonymous("first", version: version)
                try first.subscribe("t/+")
                let messages = try [first.message(), first.message()]
                #expect(messages.map(\.text).sorted() == ["new", "other"])
                #expect(messages.allSatisfy { $0.isRetained && $0.qos == .atLeastOnce })
                // [MQTT-3.3.1-12]: to an established subscription the flag is 0.
                try publisher.publish("t/1", "live", qos: .atMostOnce, isRetained: true)
                let live = try first.message()
                #expect(live.text == "live" && !live.isRetained)
                try publisher.publish("t/1", "", qos: .atLeastOnce, isRetained: true)
                #expect(try first.message().payload == [])
                let second = try gateway.anonymous("second", version: version)
                try second.subscribe("#")
                let rest = try [second.message(), second.message()]
                #expect(rest.map(\.topic).sorted() == ["t/2", "u"])
                #expect(try await gateway.unread(by: second) == [])
            }
        }

        @Test("3.3.1.3: a SUBSCRIBE sees what was retained before it at QoS 0", arguments: shards)
        func seen(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                for number in 0..<10 {
                    let client = try gateway.anonymous("client-\(number)")
                    try client.publish("t", "\(number)", isRetained: true)
                    try client.subscribe("t")
                    let messages = try client.message()
                    #expect(messages.text == "\(number)" && messages.isRetained)
                }
            }
        }

        @Test("[MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11] Retain Handling 0, 1 and 2")
        func retainHandling() async throws {
            try await TestGateway.run { gateway in
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t", "x", qos: .atLeastOnce, isRetained: true)
                let client = try gateway.anonymous("client")
                func subscribe(_ handling: RetainHandling) throws {
                    try client.subscribe(
                        "t", SubscriptionOptions(qos: .atLeastOnce, retainHandling: handling))
                }
                try subscribe(.doNotSend)
                #expect(try await gateway.unread(by: client) == [])
                try subscribe(.sendIfNew)
                #expect(try await gateway.unread(by: client) == [])
                try subscribe(.sendAtSubscribe)
                #expect(try client.message().isRetained)
                try client.unsubscribe("t")
                try subscribe(.sendIfNew)
                #expect(try client.message().isRetained)
            }
        }

        @Test("[MQTT-3.3.1-13] Retain As Published keeps the flag", arguments: shards)
        func retainAsPublished(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let client = try gateway.anonymous("client")
                try client.subscribe(
                    "t", SubscriptionOptions(qos: .atLeastOnce, retainAsPublished: true))
                let publisher = try gateway.anonymous("publisher")
                for isRetained in [true, false] {
                    try publisher.publish("t", "x", qos: .atLeastOnce, isRetained: isRetained)
                    #expect(try client.message().isRetained == isRetained)
                }
            }
        }

        @Test(
            "[MQTT-3.1.2-15] a will with the RETAIN flag is retained",
            arguments: ProtocolVersion.allCases)
        func will(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let watcher = try gateway.anonymous("watcher")
                try watcher.subscribe("will")
                let will = TestWill(topic: "will", payload: "gone", isRetained: true)
                try gateway.open("mortal", version, expiry: 0, will: will).0.lose()
                #expect(try watcher.message().text == "gone")
                let late = try gateway.anonymous("late")
                try late.subscribe("will")
                let message = try late.message()
                #expect(message.text == "gone" && message.isRetained)
            }
        }

        @Test("[MQTT-3.3.2-5] a retained message expires; before, it is sent with what is left")
        func expires() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t", "x", qos: .atLeastOnce, isRetained: true) {
                    $0.messageExpiryInterval(seconds: 20)
                }
                clock.advance(milliseconds: 5_000)
                gateway.gateway.clockMoved()
                let early = try gateway.anonymous("early")
                try early.subscribe("t")
                #expect(try early.message().expirySeconds == 15)
                clock.advance(milliseconds: 15_000)
                gateway.gateway.clockMoved()
                let late = try gateway.anonymous("late")
                try late.subscribe("t")
                #expect(try await gateway.unread(by: late) == [])
            }
        }

        @Test("More than may be retained: 0x97, and what there is stays")
        func full() async throws {
            try await TestGateway.run {
                $0.limits.retainedMessages = 2
            } _: { gateway in
                let client = try gateway.anonymous("client")
                try client.subscribe("#", SubscriptionOptions(qos: .atMostOnce))
                for (topic, code) in [("a", UInt8(0)), ("b", 0), ("c", 0x97), ("a", 0)] {
                    let answer = try client.publish(
                        topic, "x", qos: .atLeastOnce, isRetained: true)
                    #expect(answer?.code == code)
                }
            }
        }

        @Test("Retained messages are there after a restart, thousands of them", arguments: shards)
        func restart(shards: Int) async throws {
            let directory = TemporaryDirectory()
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<3_000 {
                    try publisher.sendPublish(
                        "t/\(number)", Array("\(number)".utf8), isRetained: true)
                }
                try publisher.publish("t/last", "last", qos: .atLeastOnce, isRetained: true)
            }
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                let client = try gateway.anonymous("client")
                try client.subscribe("t/#")
                var topics: Set<String> = []
                for _ in 0..<3_001 { topics.insert(try client.message().topic) }
                #expect(topics.count == 3_001)
            }
        }
    }
}
