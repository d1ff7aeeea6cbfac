import MQTT
import Support
import Testing

extension Conformance {
    /// Retained messages (3.3.1.3, 3.8.3.1).
    @Suite struct RetainTests {
        @Test(
            "[MQTT-3.3.1-5] [MQTT-3.3.1-8] and [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT-3.3.1-12] of 3.1.1: the last message with RETAIN is kept with its QoS, and sent with RETAIN to who subscribes later",
            arguments: Place.all
        )
        func kept(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for (text, qos) in [
                ("a", QoS.exactlyOnce), ("b", .atMostOnce), ("c", .atLeastOnce),
            ] {
                try sender.publish(room.topic("t"), text, qos: qos, isRetained: true)
                // One without RETAIN changes nothing.
                try sender.publish(room.topic("t"), "passing", qos: .atLeastOnce)
                try sender.publish(room.topic("t"), "", qos: .atLeastOnce)
                let late = try room.client("late")
                try late.subscribe(room.topic("t"), qos: .exactlyOnce)
                let message = try late.message()
                #expect(message.text == text && message.isRetained && message.qos == qos)
                #expect(!message.isDuplicate)
                #expect(try await room.unread(by: late) == [])
            }
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "[MQTT-3.3.1-6] [MQTT-3.3.1-7] and [MQTT-3.3.1-10] [MQTT-3.3.1-11] of 3.1.1: one without a payload goes out like any other, and deletes what was kept",
            arguments: Place.all
        )
        func deleted(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for qos in QoS.allCases {
                try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true)
                let watcher = try room.client("watcher")
                try watcher.subscribe(room.topic("t"))
                #expect(try watcher.message().isRetained)
                try sender.publish(room.topic("t"), "", qos: qos, isRetained: true)
                let empty = try watcher.message()
                #expect(empty.payload.isEmpty && !empty.isRetained)
                let late = try room.client("late")
                try late.subscribe(room.topic("t"))
                #expect(try await room.unread(by: late) == [])
            }
        }

        @Test(
            "[MQTT-3.3.1-12] and [MQTT-3.3.1-9] of 3.1.1: who had subscribed before gets it without RETAIN",
            arguments: Place.all
        )
        func established(place: Place) throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("#"))
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true)
            #expect(try !watcher.message().isRetained)
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "[MQTT-3.3.1-12] [MQTT-3.3.1-13] Retain As Published keeps the flag or not",
            arguments: Place.v5)
        func asPublished(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for keeps in [false, true] {
                let watcher = try room.client("watcher")
                try watcher.subscribe(
                    room.topic("t"),
                    SubscriptionOptions(
                        qos: .atLeastOnce, retainAsPublished: keeps,
                        retainHandling: .doNotSend))
                for isRetained in [true, false] {
                    try sender.publish(
                        room.topic("t"), "x", qos: .atLeastOnce, isRetained: isRetained)
                    #expect(try watcher.message().isRetained == (keeps && isRetained))
                }
            }
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] Retain Handling: at every SUBSCRIBE, at a new subscription, never",
            arguments: Place.v5
        )
        func handling(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true)
            for (handling, first, second) in [
                (RetainHandling.sendAtSubscribe, true, true), (.sendIfNew, true, false),
                (.doNotSend, false, false),
            ] {
                let client = try room.client("subscriber")
                for isExpected in [first, second] {
                    try client.subscribe(
                        room.topic("t"),
                        SubscriptionOptions(qos: .atLeastOnce, retainHandling: handling))
                    if isExpected { #expect(try client.message().isRetained) }
                    #expect(try await room.unread(by: client) == [])
                }
                try client.unsubscribe(room.topic("t"))
                try client.subscribe(
                    room.topic("t"),
                    SubscriptionOptions(qos: .atLeastOnce, retainHandling: handling))
                if first { #expect(try client.message().isRetained) }
                #expect(try await room.unread(by: client) == [])
            }
            try room.forget(topics: [room.topic("t")])
        }

        @Test("4.8.2: a shared subscription gets no retained messages", arguments: Place.v5)
        func shared(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true)
            let client = try room.client("member")
            try client.subscribe("$share/g/" + room.topic("t"))
            #expect(try await room.unread(by: client) == [])
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "[MQTT-3.3.1-6] of 3.1.1, [MQTT-3.3.1-9]: a wildcard brings the retained messages of all its topics, a session taken up none",
            arguments: Place.all
        )
        func wildcards(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            let topics = ["TopicA", "TopicA/B", "TopicA/B/C", "Topic/C", "TopicA/C", "/TopicA"]
                .map { room.topic($0) }
            for topic in topics {
                try sender.publish(topic, topic, qos: .exactlyOnce, isRetained: true)
            }
            let (first, _) = try room.connect("keeper")
            try first.subscribe(room.topic("+/+"), qos: .exactlyOnce)
            let came = try Set((0..<4).map { _ in try first.message().topic })
            #expect(
                came
                    == Set(["TopicA/B", "Topic/C", "TopicA/C", "/TopicA"].map { room.topic($0) }))
            #expect(try await room.unread(by: first) == [])
            try first.leave()
            let (second, _) = try room.connect("keeper")
            #expect(try await room.unread(by: second) == [])
            try second.subscribe(room.topic("#"))
            let all = try Set((0..<6).map { _ in try second.message().topic })
            #expect(all == Set(topics))
            try second.leave()
            try room.forget("keeper", topics: topics)
        }

        @Test(
            "[MQTT-3.3.2-17] [MQTT-3.3.2-4] a retained message keeps its properties, and has the subscription's identifier",
            arguments: Place.v5
        )
        func properties(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true) {
                $0.payloadFormat(.utf8)
                $0.contentType("c".utf8Span.span)
                $0.userProperty(name: "b".utf8Span.span, value: "1".utf8Span.span)
                $0.userProperty(name: "a".utf8Span.span, value: "2".utf8Span.span)
            }
            let late = try room.client("late")
            try late.subscribe(
                room.topic("t"), SubscriptionOptions(qos: .atMostOnce), identifier: 9)
            let message = try late.message()
            #expect(message.userProperties == ["b=1", "a=2"])
            #expect(message.properties == ["content-type", "user"])
            #expect(message.subscriptionIdentifiers == [9])
            try room.forget(topics: [room.topic("t")])
        }
    }
}
