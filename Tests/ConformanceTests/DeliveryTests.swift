import Gateway
import MQTT
import Support
import Testing

extension Conformance {
    /// The protocols of QoS 0, 1 and 2, byte for byte (4.3).
    @Suite struct DeliveryTests {
        @Test(
            "[MQTT-4.3.1-1] [MQTT-3.3.1-2] [MQTT-2.2.1-2] and [MQTT-4.3.1-1] [MQTT-2.3.1-5] of 3.1.1: QoS 0 has no identifier, no DUP and no answer",
            arguments: Place.all
        )
        func atMostOnce(place: Place) async throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x")
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            #expect(
                try receiver.nextBytes()
                    == .packet(0x30, .text(room.topic("t")), properties, [0x78]))
            #expect(try await room.unread(by: sender) == [])
        }

        @Test(
            "[MQTT-4.3.2-4] [MQTT-2.2.1-5] [MQTT-3.3.4-1] and [MQTT-4.3.2-2] [MQTT-2.3.1-6] [MQTT-3.3.4-1] of 3.1.1: QoS 1 is answered with a PUBACK of its identifier, QoS 2 with PUBREC and PUBCOMP",
            arguments: Place.all
        )
        func answers(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"), qos: .atMostOnce)
            let sender = try room.client("sender")
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            for identifier: [UInt8] in [[0, 1], [0x12, 0x34], [0xFF, 0xFF]] {
                try sender.send(.packet(0x32, .text(room.topic("t")), identifier, properties))
                #expect(try sender.nextBytes() == [0x40, 2] + identifier)
                try sender.send(.packet(0x34, .text(room.topic("t")), identifier, properties))
                #expect(try sender.nextBytes() == [0x50, 2] + identifier)
                try sender.send([0x62, 2] + identifier)
                #expect(try sender.nextBytes() == [0x70, 2] + identifier)
            }
            for _ in 0..<6 { #expect(try receiver.message().qos == .atMostOnce) }
        }

        @Test(
            "[MQTT-4.3.3-8] [MQTT-4.3.3-10] a QoS 2 message that comes again while it is being written is answered as often, and delivered once",
            arguments: Place.all, [0, 600] as [UInt32]
        )
        func exactlyOnceAgain(place: Place, expiry: UInt32) async throws {
            let room = try Room(place)
            let (receiver, _) = try room.connect("receiver", isCleanStart: true, expiry: expiry)
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            let (sender, _) = try room.connect("sender", isCleanStart: true, expiry: expiry)
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            func publish(_ first: UInt8, _ identifier: UInt8) -> [UInt8] {
                .packet(first, .text(room.topic("t")), [0, identifier], properties, [identifier])
            }
            try sender.send(
                publish(0x34, 1) + publish(0x3C, 1) + publish(0x34, 2) + publish(0x3C, 1)
                    + publish(0x34, 2))
            var answers: [UInt8] = []
            for _ in 0..<5 { answers.append(try sender.acknowledgement(.pubrec).packetID.low) }
            #expect(answers == [1, 1, 2, 1, 2])
            for identifier: UInt16 in [1, 2] {
                try sender.send(.pubrel, identifier)
                #expect(try sender.acknowledgement(.pubcomp).packetID == identifier)
            }
            #expect(try [receiver.message(), receiver.message()].map(\.payload) == [[1], [2]])
            #expect(try await room.unread(by: receiver) == [])
            // The identifiers are free: each names a new message.
            try sender.send(publish(0x34, 1))
            #expect(try sender.acknowledgement(.pubrec).packetID == 1)
            #expect(try receiver.message().payload == [1])
            try room.forget("receiver", "sender")
        }

        @Test(
            "[MQTT-4.3.2-5] a PUBLISH of QoS 1 with an identifier that was acknowledged is a new one, with DUP or not",
            arguments: Place.all
        )
        func identifierAgain(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"))
            let sender = try room.client("sender")
            for (text, isDuplicate) in [("a", false), ("b", true), ("c", false)] {
                try sender.sendPublish(
                    room.topic("t"), Array(text.utf8), qos: .atLeastOnce, packetID: 7,
                    isDuplicate: isDuplicate)
                #expect(try sender.acknowledgement(.puback).packetID == 7)
                let message = try receiver.message()
                // [MQTT-3.3.1-3]: its DUP is not handed on.
                #expect(message.text == text && !message.isDuplicate)
            }
        }

        @Test(
            "[MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-3.3.1-3] and [MQTT-4.3.3-2] [MQTT-3.3.1-3] of 3.1.1: QoS 2 is delivered once however often it comes, until its PUBREL",
            arguments: Place.all
        )
        func exactlyOnce(place: Place) async throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            for round in 0..<3 {
                for attempt in 0..<4 {
                    try sender.sendPublish(
                        room.topic("t"), Array("\(round)".utf8), qos: .exactlyOnce, packetID: 9,
                        isDuplicate: attempt > 0)
                    #expect(try sender.acknowledgement(.pubrec).code < 0x80)
                }
                try sender.send(.pubrel, 9)
                #expect(try sender.acknowledgement(.pubcomp).packetID == 9)
                let message = try receiver.message()
                #expect(message.text == "\(round)" && !message.isDuplicate)
            }
            #expect(try await room.unread(by: receiver) == [])
        }

        @Test(
            "[MQTT-4.3.3-11] a PUBREL of an identifier that nobody knows is answered with a PUBCOMP: 0x92 in MQTT 5",
            arguments: Place.all
        )
        func unknownRelease(place: Place) throws {
            let client = try Room(place).client("sender")
            try client.send(.pubrel, 4_711)
            let answer = try client.acknowledgement(.pubcomp)
            #expect(answer.packetID == 4_711)
            #expect(answer.code == (place.version == .v5 ? 0x92 : 0))
        }

        @Test(
            "[MQTT-4.3.3-9] an identifier whose PUBREC refused the message may be used for another at once",
            arguments: Place.v5
        )
        func refusedExactlyOnce(place: Place) async throws {
            try await TestGateway.run(shards: place.shards) {
                for index in $0.listeners.indices where $0.listeners[index].name == "open" {
                    $0.listeners[index].deniedTopics = ["no/#"]
                }
            } _: { gateway in
                let room = Room(gateway)
                let receiver = try room.client("receiver")
                try receiver.subscribe("yes", qos: .exactlyOnce)
                let sender = try room.client("sender")
                try sender.sendPublish("no/1", [], qos: .exactlyOnce, packetID: 5)
                #expect(try sender.acknowledgement(.pubrec).code == 0x87)
                try sender.sendPublish("yes", [], qos: .exactlyOnce, packetID: 5)
                #expect(try sender.acknowledgement(.pubrec).code == 0)
                #expect(try receiver.message().topic == "yes")
            }
        }

        @Test(
            "[MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-2.2.1-4] [MQTT-4.3.3-4] and [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT-2.3.1-4] [MQTT-2.3.1-1] of 3.1.1: each message to a client has an identifier of its own while it is under way, and no DUP",
            arguments: Place.all
        )
        func outbound(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            receiver.acknowledgesMessages = false
            try receiver.subscribe(room.topic("#"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            for number in 0..<40 {
                try sender.publish(
                    room.topic("t"), "\(number)",
                    qos: number.isMultiple(of: 2) ? .atLeastOnce : .exactlyOnce)
            }
            var identifiers: Set<UInt16> = []
            for number in 0..<40 {
                let message = try receiver.message()
                #expect(message.text == "\(number)" && !message.isDuplicate)
                let identifier = try #require(message.packetID)
                #expect(identifier > 0 && identifiers.insert(identifier).inserted)
                guard message.qos == .exactlyOnce else { continue }
                try receiver.send(.pubrec, identifier)
                #expect(try receiver.acknowledgement(.pubrel).packetID == identifier)
                try receiver.send(.pubcomp, identifier)
            }
        }

        @Test(
            "[MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6] and [MQTT-4.4.0-1] [MQTT-3.3.1-1] of 3.1.1: what was not acknowledged comes again with DUP and its identifier, after a reconnect only; a released one as PUBREL",
            arguments: Place.all
        )
        func redelivery(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("receiver")
            first.acknowledgesMessages = false
            try first.subscribe(room.topic("#"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            let levels: [QoS] = [.atLeastOnce, .exactlyOnce, .exactlyOnce, .atLeastOnce]
            for (number, qos) in levels.enumerated() {
                try sender.publish(room.topic("t"), "\(number)", qos: qos)
            }
            let sent = try levels.map { _ in try #require(try first.message().packetID) }
            // The first is acknowledged, the third released.
            try first.send(.puback, sent[0])
            try first.send(.pubrec, sent[2])
            #expect(try first.acknowledgement(.pubrel).packetID == sent[2])
            #expect(try await room.unread(by: first) == [])
            try first.hangUp()
            let (second, connack) = try room.connect("receiver")
            second.acknowledgesMessages = false
            #expect(connack.isSessionPresent)
            var again: [UInt16] = []
            for _ in 0..<2 {
                let message = try second.message()
                #expect(message.isDuplicate)
                again.append(message.packetID ?? 0)
            }
            #expect(again == [sent[1], sent[3]])
            #expect(try second.acknowledgement(.pubrel).packetID == sent[2])
            try second.send(.pubcomp, sent[2])
            try second.send(.pubrec, sent[1])
            #expect(try second.acknowledgement(.pubrel).packetID == sent[1])
            try second.send(.pubcomp, sent[1])
            try second.send(.puback, sent[3])
            try second.ping()
            try second.leave()
            let (third, _) = try room.connect("receiver")
            #expect(try await room.unread(by: third) == [])
            try third.leave()
            try room.forget("receiver")
        }

        @Test(
            "[MQTT-4.4.0-2] [MQTT-4.3.3-4] what the receiver refuses is not sent again, and its place is free",
            arguments: Place.v5
        )
        func refusedByReceiver(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("receiver") { $0.receiveMaximum(1) }
            first.acknowledgesMessages = false
            try first.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            for (text, qos) in [("a", QoS.atLeastOnce), ("b", .exactlyOnce), ("c", .atLeastOnce)] {
                try sender.publish(room.topic("t"), text, qos: qos)
            }
            let one = try first.message()
            #expect(one.text == "a")
            try first.send(.puback, one.packetID ?? 0, code: 0x83)
            let two = try first.message()
            #expect(two.text == "b")
            try first.send(.pubrec, two.packetID ?? 0, code: 0x97)
            // No PUBREL, but the next message.
            let three = try first.next()
            guard case .publish(let last) = three else {
                Issue.record("\(String(describing: three)) in place of the third message")
                return
            }
            #expect(last.text == "c")
            try first.send(.puback, last.packetID ?? 0)
            try first.ping()
            try first.leave()
            let (second, connack) = try room.connect("receiver")
            #expect(connack.isSessionPresent)
            #expect(try await room.unread(by: second) == [])
        }

        @Test(
            "[MQTT-4.3.3-4] a PUBREC of an identifier that nobody knows is answered with a PUBREL: 0x92 in MQTT 5; other strange acknowledgements are passed over",
            arguments: Place.all
        )
        func strangeAcknowledgements(place: Place) throws {
            let client = try Room(place).client("receiver")
            try client.send(.puback, 77)
            try client.send(.pubcomp, 78)
            try client.send(.pubrec, 79)
            let answer = try client.acknowledgement(.pubrel)
            #expect(answer.packetID == 79)
            #expect(answer.code == (place.version == .v5 ? 0x92 : 0))
            try client.ping()
        }

        @Test(
            "[MQTT-4.6.0-5] [MQTT-4.6.0-6] and [MQTT-4.6.0-5] [MQTT-4.6.0-6] of 3.1.1: messages of one client come in their order, in each QoS",
            arguments: Place.all
        )
        func order(place: Place) throws {
            let room = try Room(place)
            let receivers = try QoS.allCases.map { qos in
                let receiver = try room.client("receiver\(qos)")
                try receiver.subscribe(room.topic("#"), qos: qos)
                return receiver
            }
            let sender = try room.client("sender")
            for number in 0..<60 {
                try sender.publish(
                    room.topic("t"), "\(number)", qos: QoS.allCases[1 + number / 30])
            }
            for receiver in receivers {
                let texts = try (0..<60).map { _ in try receiver.message().text }
                #expect(texts == (0..<60).map { "\($0)" })
            }
        }
    }
}

extension UInt16 {
    fileprivate var low: UInt8 { UInt8(truncatingIfNeeded: self) }
}
