import MQTT
import Support
import Testing

extension Conformance {
    /// SUBSCRIBE and UNSUBSCRIBE (3.8 to 3.11).
    @Suite struct SubscribeTests {
        @Test(
            "[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-2.2.1-6] and [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-2.3.1-7] of 3.1.1: a SUBACK with the identifier and a code for each filter, in their order",
            arguments: Place.all
        )
        func suback(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            try client.send(
                .packet(
                    0x82, [0xAB, 0xCD], properties,
                    .text(room.topic("a")), [2], .text(room.topic("+")), [0],
                    .text(room.topic("b/#")), [1], .text(room.topic("a")), [1]))
            let came = try client.nextBytes()
            #expect(came == .packet(0x90, [0xAB, 0xCD], properties, [2, 0, 1, 1]))
            // As if they had come one after the other: the last for "a" counts, of QoS 1.
            let sender = try room.client("sender")
            try sender.publish(room.topic("a"), "x", qos: .exactlyOnce)
            #expect(try client.message().qos == .atLeastOnce)
            #expect(try await room.unread(by: client) == [])
        }

        @Test(
            "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-2.2.1-6] and [MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-2.3.1-7] of 3.1.1: UNSUBACK with the identifier, also when there was no such subscription",
            arguments: Place.all
        )
        func unsuback(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            try client.subscribe(room.topic("a"), room.topic("+"), room.topic("b/#"))
            let isNew = place.version == .v5
            try client.send(
                .packet(
                    0xA2, [0x01, 0x02], isNew ? [0] : [],
                    .text(room.topic("b/#")), .text(room.topic("none")), .text(room.topic("A")),
                    .text(room.topic("a"))))
            #expect(
                try client.nextBytes()
                    == .packet(0xB0, [1, 2], isNew ? [0, 0, 0x11, 0x11, 0] : []))
            // The wildcard has stayed.
            let sender = try room.client("sender")
            try sender.publish(room.topic("a"), "1", qos: .atLeastOnce)
            #expect(try client.message().text == "1")
            try sender.publish(room.topic("b/c"), "2", qos: .atLeastOnce)
            #expect(try await room.unread(by: client) == [])
        }

        @Test(
            "[MQTT-3.10.4-2] [MQTT-3.10.4-3] and [MQTT-3.10.4-2] [MQTT-3.10.4-3] of 3.1.1: nothing new comes after UNSUBSCRIBE, and what was under way is completed",
            arguments: Place.all
        )
        func unsubscribe(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            client.acknowledgesMessages = false
            try client.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "before", qos: .exactlyOnce)
            let message = try client.message()
            try client.unsubscribe(room.topic("t"))
            try sender.publish(room.topic("t"), "after", qos: .exactlyOnce)
            #expect(try await room.unread(by: client) == [])
            try client.send(.pubrec, message.packetID ?? 0)
            #expect(try client.acknowledgement(.pubrel).packetID == message.packetID)
            try client.send(.pubcomp, message.packetID ?? 0)
            try client.ping()
        }

        @Test(
            "[MQTT-3.8.4-8] and [MQTT-3.8.4-6] of 3.1.1: a message comes with the lower of its QoS and the one granted",
            arguments: Place.all
        )
        func lowerQoS(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for granted in QoS.allCases {
                let client = try room.client("subscriber")
                #expect(try client.subscribe(room.topic("t"), qos: granted) == [granted.rawValue])
                for published in QoS.allCases {
                    try sender.publish(room.topic("t"), "x", qos: published)
                    #expect(try client.message().qos == min(granted, published))
                }
            }
        }

        @Test(
            "[MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT-3.3.1-9] and [MQTT-3.8.4-3] of 3.1.1: the same filter replaces the subscription; retained messages come again",
            arguments: Place.all
        )
        func replaced(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "kept", qos: .exactlyOnce, isRetained: true)
            let client = try room.client("subscriber")
            for qos in [QoS.exactlyOnce, .atMostOnce, .atLeastOnce] {
                #expect(try client.subscribe(room.topic("t"), qos: qos) == [qos.rawValue])
                let message = try client.message()
                #expect(message.text == "kept" && message.isRetained && message.qos == qos)
                try sender.publish(room.topic("t"), "new", qos: .exactlyOnce)
                let new = try client.message()
                #expect(new.text == "new" && new.qos == qos && !new.isRetained)
            }
            #expect(try await room.unread(by: client) == [])
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "[MQTT-3.8.4-4] and [MQTT-3.8.4-3] of 3.1.1: no message is lost while a subscription is replaced",
            arguments: Place.all
        )
        func replacedUnderway(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            try client.subscribe(room.topic("t"), qos: .atLeastOnce)
            let sender = try room.client("sender")
            for number in 0..<200 {
                try sender.sendPublish(
                    room.topic("t"), Array("\(number)".utf8), qos: .atMostOnce)
                if number.isMultiple(of: 20) { try client.subscribe(room.topic("t")) }
            }
            for number in 0..<200 { #expect(try client.message().text == "\(number)") }
        }

        @Test(
            "[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] and [MQTT-3.3.5-1] of 3.1.1: overlapping subscriptions give one message, of the highest QoS, with all identifiers",
            arguments: Place.all
        )
        func overlapping(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            let isNew = place.version == .v5
            for (number, filter) in ["a/#", "a/+", "+/b", "a/b"].enumerated() {
                try client.subscribe(
                    room.topic(filter),
                    SubscriptionOptions(qos: number == 1 ? .exactlyOnce : .atMostOnce),
                    identifier: isNew ? UInt32(number + 1) * 1_000 : nil)
            }
            let sender = try room.client("sender")
            try sender.publish(room.topic("a/b"), "x", qos: .exactlyOnce)
            let message = try client.message()
            #expect(message.qos == .exactlyOnce)
            #expect(
                message.subscriptionIdentifiers.sorted()
                    == (isNew ? [1_000, 2_000, 3_000, 4_000] : []))
            #expect(try await room.unread(by: client) == [])
        }

        @Test(
            "[MQTT-3.3.4-3] [MQTT-3.3.4-5] a subscription's identifier is that of its last SUBSCRIBE",
            arguments: Place.v5)
        func identifierReplaced(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("subscriber")
            let sender = try room.client("sender")
            for identifier: UInt32? in [1, nil, 268_435_455] {
                try client.subscribe(
                    room.topic("t"), SubscriptionOptions(qos: .atLeastOnce), identifier: identifier)
                try sender.publish(room.topic("t"), "x", qos: .atLeastOnce)
                #expect(
                    try client.message().subscriptionIdentifiers == (identifier.map { [$0] } ?? []))
            }
        }

        @Test(
            "[MQTT-3.8.3-3] No Local: what a client publishes does not come back to it by that subscription",
            arguments: Place.v5
        )
        func noLocal(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("both")
            try client.subscribe(
                room.topic("t"), SubscriptionOptions(qos: .exactlyOnce, noLocal: true))
            let other = try room.client("other")
            try other.subscribe(room.topic("t"))
            for qos in QoS.allCases {
                try client.publish(room.topic("t"), "own", qos: qos)
                #expect(try other.message().text == "own")
            }
            try other.publish(room.topic("t"), "theirs", qos: .atLeastOnce)
            #expect(try client.message().text == "theirs")
            // Another subscription without the option brings it.
            try client.subscribe(
                room.topic("+"), SubscriptionOptions(qos: .atMostOnce), identifier: 3)
            try client.publish(room.topic("t"), "own", qos: .atLeastOnce)
            let message = try client.message()
            #expect(message.text == "own" && message.subscriptionIdentifiers == [3])
            #expect(try await room.unread(by: client) == [])
        }

        @Test("[MQTT-3.8.3-3] No Local survives a reconnect of the session", arguments: Place.v5)
        func noLocalStays(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("both")
            try first.subscribe(
                room.topic("t"), SubscriptionOptions(qos: .atLeastOnce, noLocal: true))
            try first.leave()
            let (second, _) = try room.connect("both")
            try second.publish(room.topic("t"), "own", qos: .atLeastOnce)
            #expect(try await room.unread(by: second) == [])
            try second.leave()
            try room.forget("both")
        }
    }
}
