import Gateway
import MQTT
import Support
import Testing

extension Conformance {
    /// Topic names and filters (4.7).
    @Suite struct TopicTests {
        /// Filters, and which of the topics they match.
        private static let topics = [
            "a", "a/b", "a/b/c", "a/", "/a", "/", "//", "a//b", "A", "b/a", "a/b/c/d", "ä/ö", "a b",
        ]
        private static let rows: [(String, [String])] = [
            ("a", ["a"]),
            ("a/#", ["a", "a/b", "a/b/c", "a/", "a//b", "a/b/c/d"]),
            ("a/+", ["a/b", "a/"]),
            ("+/+", ["a/b", "a/", "/a", "/", "b/a", "ä/ö"]),
            ("/+", ["/a", "/"]),
            ("+", ["a", "A", "a b"]),
            ("+/b/#", ["a/b", "a/b/c", "a/b/c/d"]),
            ("a/+/c", ["a/b/c"]),
            ("a/+/b", ["a//b"]),
            ("a/b/c/#", ["a/b/c", "a/b/c/d"]),
            ("/#", ["/a", "/", "//"]),
            ("+/", ["a/", "/"]),
            ("ä/+", ["ä/ö"]),
            ("#", topics),
            ("+/+/#", topics.filter { $0.contains("/") }),
        ]

        @Test(
            "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-4] [MQTT-3.3.2-3] and [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.3-4] [MQTT-3.3.2-3] [MQTT-3.8.3-2] of 3.1.1: which filter matches which topic",
            arguments: Place.all
        )
        func matching(place: Place) async throws {
            try await TestGateway.run(shards: place.shards) { gateway in
                let room = Room(gateway, place.version)
                let sender = try room.client("sender")
                for (filter, expected) in Self.rows {
                    let client = try room.client("subscriber")
                    #expect(try client.subscribe(filter) == [1])
                    for topic in Self.topics {
                        try sender.publish(topic, topic, qos: .atLeastOnce)
                    }
                    let came = try expected.map { _ in try client.message().topic }
                    #expect(came == expected, "\(filter)")
                    try client.leave()
                }
            }
        }

        @Test(
            "[MQTT-4.7.2-1] and [MQTT-4.7.2-1] of 3.1.1: a filter that begins with a wildcard does not match topics that begin with $",
            arguments: Place.all
        )
        func dollar(place: Place) async throws {
            try await TestGateway.run(shards: place.shards) { gateway in
                let room = Room(gateway, place.version)
                let sender = try room.client("sender")
                try sender.publish("$own/kept", "x", qos: .atLeastOnce, isRetained: true)
                let wild = try room.client("wild")
                try wild.subscribe("#", "+/#", "+/t", "+/kept")
                let exact = try room.client("exact")
                try exact.subscribe("$own/#")
                #expect(try exact.message().isRetained)
                try sender.publish("$own/t", "x", qos: .atLeastOnce)
                #expect(try exact.message().topic == "$own/t")
                #expect(try await room.unread(by: wild) == [])
                // A $ elsewhere is a character like any other.
                try sender.publish("a/$own", "x", qos: .atLeastOnce)
                #expect(try wild.message().topic == "a/$own")
            }
        }

        @Test(
            "[MQTT-4.7.3-3] and [MQTT-4.7.3-3] of 3.1.1: topics may be long, and have spaces and any characters",
            arguments: Place.all
        )
        func long(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("client")
            for topic in [
                room.topic(String(repeating: "long", count: 5_000)), room.topic(" / "),
                room.topic("\u{1F600}/\u{10FFFF}"), room.topic("a\u{1}b\u{7F}"),
            ] {
                try client.subscribe(topic)
                try client.publish(topic, "x", qos: .atLeastOnce)
                #expect(try client.message().topic == topic)
                try client.unsubscribe(topic)
            }
        }

        @Test(
            "[MQTT-4.7.3-4] and [MQTT-4.7.3-4] of 3.1.1: nothing is normalized: letters made of one character and of two differ",
            arguments: Place.all
        )
        func noNormalization(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("client")
            try client.subscribe(room.topic("\u{E9}"))
            try client.publish(room.topic("e\u{301}"), "two", qos: .atLeastOnce)
            try client.publish(room.topic("\u{C9}"), "capital", qos: .atLeastOnce)
            try client.publish(room.topic("\u{E9}"), "one", qos: .atLeastOnce)
            #expect(try client.message().text == "one")
            #expect(try await room.unread(by: client) == [])
        }

        @Test(
            "[MQTT-3.3.5-2] of 3.1.1, 3.4.2.1: a topic that is not allowed: 0x87, in 3.1.1 acknowledged and dropped; the subscription fails",
            arguments: Place.all
        )
        func notAllowed(place: Place) async throws {
            try await TestGateway.run(shards: place.shards) {
                for index in $0.listeners.indices where $0.listeners[index].name == "open" {
                    $0.listeners[index].deniedTopics = ["no/#"]
                }
            } _: { gateway in
                let room = Room(gateway, place.version)
                let isNew = place.version == .v5
                let client = try room.client("client")
                #expect(
                    try client.subscribe("yes", "no/1", qos: .exactlyOnce) == [
                        2, isNew ? 0x87 : 0x80,
                    ])
                for qos in [QoS.atLeastOnce, .exactlyOnce] {
                    #expect(
                        try client.publish("no/1", "x", qos: qos)?.code == (isNew ? 0x87 : 0))
                }
                try client.publish("no/1", "x")
                try client.publish("yes", "x", qos: .atLeastOnce)
                #expect(try client.message().topic == "yes")
            }
        }
    }
}
