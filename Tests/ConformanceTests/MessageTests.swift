import Gateway
import MQTT
import Reactor
import Support
import Testing
import Time

extension Conformance {
    /// What a PUBLISH of MQTT 5 carries (3.3.2.3), and what becomes of it on its way.
    @Suite struct MessageTests {
        @Test(
            "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] all properties arrive as they were sent, byte for byte",
            arguments: Place.v5
        )
        func properties(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            var user: [UInt8] = []
            for (name, value) in [("z", "1"), ("a", "2"), ("z", "1"), ("", ""), ("\u{FEFF}", "ü")] {
                user += [UInt8].joined([0x26], .text(name), .text(value))
            }
            let sets: [[UInt8]] = [
                [], [0x01, 0], [0x01, 1], .joined([0x03], .text("")),
                .joined([0x03], .text("text/plain")),
                .joined([0x08], .text(room.topic("answer"))), .joined([0x09], .counted([])),
                .joined([0x09], .counted([0, 0xFF, 0x80])), user,
            ]
            for set in sets {
                try sender.send(
                    .packet(0x30, .text(room.topic("t")), .properties(set), [0xC3, 0xBC]))
                #expect(
                    try receiver.nextBytes()
                        == .packet(0x30, .text(room.topic("t")), .properties(set), [0xC3, 0xBC]))
            }
            // All at once: their order among each other is not significant, that of the user's is.
            let together = [2, 4, 5, 7, 8].flatMap { sets[$0] }
            try sender.send(.packet(0x30, .text(room.topic("t")), .properties(together)))
            let all = try receiver.message()
            #expect(all.userProperties == ["z=1", "a=2", "z=1", "=", "\u{FEFF}=ü"])
            #expect(all.properties == ["content-type", "correlation", "response", "user"])
        }

        @Test(
            "3.3.2.3.2: a payload that is not UTF-8 may go as bytes of any kind",
            arguments: Place.v5)
        func bytes(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"))
            let sender = try room.client("sender")
            let all = (0...255).map { UInt8($0) }
            for _ in 0..<2 {
                try sender.publish(room.topic("t"), bytes: all, qos: .atLeastOnce)
                #expect(try receiver.message().payload == all)
            }
            try sender.publish(room.topic("t"), "", qos: .atLeastOnce)
            #expect(try receiver.message().payload == [])
        }

        @Test(
            "A receiver of 3.1.1 gets the message without its properties, and the other way round",
            arguments: [1, 4])
        func betweenVersions(shards: Int) throws {
            let room = try Room(Place(version: .v5, shards: shards))
            let new = try room.client("new")
            let old = try room.client("old", .v3_1_1)
            for client in [new, old] { try client.subscribe(room.topic("t"), qos: .exactlyOnce) }
            for sender in [new, old] {
                for qos in QoS.allCases {
                    try sender.publish(room.topic("t"), "x", qos: qos) {
                        $0.contentType("c".utf8Span.span)
                    }
                    #expect(try old.message().qos == qos)
                    #expect(
                        try new.message().properties
                            == (sender.version == .v5 ? ["content-type"] : []))
                }
            }
        }

        @Test(
            "[MQTT-3.3.2-5] [MQTT-3.3.2-6] [MQTT-4.3.3-7] [MQTT-4.3.3-13] a message that waits loses what it waited, or is deleted; one that was sent is not",
            arguments: [1, 4]
        )
        func expiry(shards: Int) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(shards: shards, time: .manual(clock)) { gateway in
                let room = Room(gateway)
                let (first, _) = try room.connect("keeper", expiry: 1_000)
                first.acknowledgesMessages = false
                try first.subscribe("t", qos: .exactlyOnce)
                let sender = try room.client("sender")
                try sender.publish("t", "sent", qos: .exactlyOnce) {
                    $0.messageExpiryInterval(seconds: 5)
                }
                #expect(try first.message().expirySeconds == 5)
                try first.hangUp()
                await room.settle()
                for (text, seconds) in [("over", UInt32?(9)), ("left", 100), ("for ever", nil)] {
                    try sender.publish("t", text, qos: .atLeastOnce) {
                        if let seconds { $0.messageExpiryInterval(seconds: seconds) }
                    }
                }
                await room.settle()
                clock.advance(milliseconds: 30_000)
                gateway.gateway.clockMoved()
                let (second, _) = try room.connect("keeper", expiry: 1_000)
                let again = try second.message()
                #expect(again.text == "sent" && again.isDuplicate)
                let left = try second.message()
                #expect(left.text == "left" && left.expirySeconds == 70)
                let eternal = try second.message()
                #expect(eternal.text == "for ever" && eternal.expirySeconds == nil)
                #expect(try await room.unread(by: second) == [])
            }
        }

        @Test(
            "[MQTT-3.4.2-1] [MQTT-3.5.2-1] 0x10 tells that nobody has subscribed, in PUBACK and PUBREC",
            arguments: Place.v5
        )
        func nobody(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for isRetained in [false, true] {
                try sender.sendPublish(
                    room.topic("t"), [1], qos: .atLeastOnce, packetID: 1, isRetained: isRetained)
                #expect(try sender.acknowledgement(.puback).code == 0x10)
                try sender.sendPublish(
                    room.topic("t"), [1], qos: .exactlyOnce, packetID: 2, isRetained: isRetained)
                #expect(try sender.acknowledgement(.pubrec).code == 0x10)
                try sender.send(.pubrel, 2)
                #expect(try sender.acknowledgement(.pubcomp).code == 0)
            }
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "4.10: a request is answered on its response topic, with its correlation data",
            arguments: Place.v5)
        func requestResponse(place: Place) throws {
            let room = try Room(place)
            let requester = try room.client("requester")
            let answer = Array(room.topic("answer").utf8)
            try requester.subscribe(
                room.topic("answer"), SubscriptionOptions(qos: .atLeastOnce, noLocal: true))
            let responder = try room.client("responder")
            try responder.subscribe(room.topic("request"))
            try requester.publish(room.topic("request"), "?", qos: .atLeastOnce) {
                $0.responseTopic(answer.span)
                $0.correlationData([1, 2, 3].span)
            }
            let request = try responder.message()
            #expect(request.properties == ["correlation", "response"])
            try responder.publish(room.topic("answer"), "!", qos: .atLeastOnce) {
                $0.correlationData([1, 2, 3].span)
            }
            #expect(try requester.message().properties == ["correlation"])
        }
    }
}
