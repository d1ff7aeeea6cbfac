import MQTT
import Support
import Testing

extension Conformance {
    /// What public conformance suites try, in their order: the scenarios of the interoperability tests.
    @Suite struct SuiteScenarioTests {
        @Test(
            "Basic: subscribe, publish with each QoS, receive all three, disconnect",
            arguments: Place.all)
        func basic(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("client")
            try client.subscribe(room.topic("TopicA"), qos: .exactlyOnce)
            for qos in QoS.allCases {
                try client.publish(room.topic("TopicA"), "qos \(qos.rawValue)", qos: qos)
            }
            var came: Set<QoS> = []
            for _ in QoS.allCases { came.insert(try client.message().qos) }
            #expect(came.count == 3)
            try client.leave()
        }

        @Test(
            "Offline queueing: QoS 1 and 2 wait, QoS 0 may; all in their order",
            arguments: Place.all)
        func offline(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("offline")
            try first.subscribe(room.topic("+/+"), qos: .exactlyOnce)
            try first.leave()
            await room.settle()
            let sender = try room.client("sender")
            try sender.publish(room.topic("Topic/C"), "qos 0")
            try sender.publish(room.topic("Topic/C"), "qos 1", qos: .atLeastOnce)
            try sender.publish(room.topic("Topic/C"), "qos 2", qos: .exactlyOnce)
            let (second, _) = try room.connect("offline")
            var came: [String] = []
            while came.last != "qos 2" { came.append(try second.message().text) }
            #expect(came.filter { $0 != "qos 0" } == ["qos 1", "qos 2"])
            try second.leave()
            try room.forget("offline")
        }

        @Test(
            "Zero-length client identifier: refused with a session to keep in 3.1.1, named in 5",
            arguments: Place.all)
        func zeroLength(place: Place) throws {
            let room = try Room(place)
            let isNew = place.version == .v5
            for isCleanStart in [true, false] {
                let client = try room.socket()
                let connack = try client.connect(as: .anonymous(""), isCleanStart: isCleanStart)
                #expect(connack.code == (isCleanStart || isNew ? 0 : 2))
                #expect((connack.assignedClientID != nil) == isNew)
            }
        }

        @Test(
            "Keep-alive: a silent client with a will is cut off, the will comes within twice the time"
        )
        func keepAlive() throws {
            let room = try Room(Place(version: .v3_1_1, shards: 4))
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("will"), qos: .exactlyOnce)
            let (client, _) = try room.connect(
                "silent", isCleanStart: true, expiry: 0, keepAliveSeconds: 1,
                will: TestWill(topic: room.topic("will"), payload: "keepalive expiry"))
            let begin = ContinuousClock.now
            #expect(try watcher.message().text == "keepalive expiry")
            #expect(ContinuousClock.now - begin < .seconds(3))
            #expect(ContinuousClock.now - begin > .seconds(1.3))
            #expect(try client.untilClosed().isEmpty)
        }

        @Test(
            "Redelivery on reconnect: QoS 1 and 2 that were not read come again",
            arguments: Place.all)
        func redelivery(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("redelivery")
            first.acknowledgesMessages = false
            try first.subscribe(room.topic("#"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            for (text, qos) in [("1", QoS.atLeastOnce), ("2", .exactlyOnce)] {
                try sender.publish(room.topic("TopicA"), text, qos: qos)
                _ = try first.message()
            }
            try first.hangUp()
            let (second, _) = try room.connect("redelivery")
            #expect(try (0..<2).map { _ in try second.message().text } == ["1", "2"])
            #expect(try await room.unread(by: second) == [])
            try second.leave()
            try room.forget("redelivery")
        }

        @Test(
            "[MQTT-4.2.0-1] and [MQTT-4.2.0-1] of 3.1.1: packets in pieces: each byte by itself, and many in one write",
            arguments: Place.all)
        func pieces(place: Place) throws {
            let room = try Room(place)
            let isNew = place.version == .v5
            let properties: [UInt8] = isNew ? [0] : []
            let socket = try room.socket()
            let topic: [UInt8] = .text(room.topic("t"))
            let bytes: [UInt8] = .joined(
                .connect(level: isNew ? 5 : 4, clientID: .text(room.clientID("c"))),
                .packet(0x82, [0, 1], properties, topic, [2]),
                .packet(0x34, topic, [0, 2], properties, [0x78]),
                [0x62, 2, 0, 2])
            for byte in bytes { try socket.send([byte]) }
            var types: [UInt8] = []
            for _ in 0..<5 { types.append(try #require(try socket.nextBytes())[0] & 0xF0) }
            #expect(types.sorted() == [0x20, 0x30, 0x50, 0x70, 0x90])
        }

        @Test(
            "Remaining lengths of one, two and three bytes at their borders", arguments: Place.all)
        func lengths(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("client")
            try client.subscribe(room.topic("t"))
            let overhead = 2 + room.topic("t").utf8.count + 2 + (place.version == .v5 ? 1 : 0)
            for length in [127, 128, 16_383, 16_384, 100_000] {
                let payload = Array(repeating: UInt8(0x61), count: length - overhead)
                try client.publish(room.topic("t"), bytes: payload, qos: .atLeastOnce)
                #expect(try client.message().payload == payload)
            }
        }

        @Test(
            "All 65,535 packet identifiers may be used, and again",
            arguments: ProtocolVersion.allCases)
        func identifiers(version: ProtocolVersion) throws {
            let room = try Room(Place(version: version, shards: 1))
            let client = try room.client("client")
            let properties: [UInt8] = version == .v5 ? [0] : []
            for start in stride(from: 1, through: 66_000, by: 500) {
                var bytes: [UInt8] = []
                let identifiers = (start..<start + 500).map { UInt16(($0 - 1) % 65_535 + 1) }
                for identifier in identifiers {
                    bytes += .packet(
                        0x32, .text("x"), [UInt8(identifier >> 8), UInt8(identifier & 0xFF)],
                        properties)
                }
                try client.send(bytes)
                for identifier in identifiers {
                    let answer = try #require(try client.nextBytes())
                    #expect(
                        answer[2] == UInt8(identifier >> 8) && answer[3] == UInt8(identifier & 0xFF)
                    )
                }
            }
        }

        @Test("A message and the goodbye in one write: it is delivered", arguments: Place.all)
        func publishAndGo(place: Place) async throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("#"), qos: .exactlyOnce)
            let isNew = place.version == .v5
            let properties: [UInt8] = isNew ? [0] : []
            let topic: [UInt8] = .text(room.topic("t"))
            for publish: [UInt8] in [
                .packet(0x30, topic, properties), .packet(0x32, topic, [0, 1], properties),
                .joined(.packet(0x34, topic, [0, 2], properties), [0x62, 2, 0, 2]),
            ] {
                let socket = try room.socket()
                try socket.send(
                    .joined(
                        .connect(level: isNew ? 5 : 4, clientID: .text(room.clientID("goes"))),
                        publish, [0xE0, 0]))
                #expect(try receiver.message().topic == room.topic("t"))
                _ = try socket.untilClosed()
            }
            #expect(try await room.unread(by: receiver) == [])
        }

        @Test(
            "A second PUBREC is answered with PUBREL again, not with the message",
            arguments: Place.all)
        func receivedTwice(place: Place) async throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            receiver.acknowledgesMessages = false
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            try room.client("sender").publish(room.topic("t"), "x", qos: .exactlyOnce)
            let identifier = try receiver.message().packetID ?? 0
            for _ in 0..<3 {
                try receiver.send(.pubrec, identifier)
                let release = try receiver.acknowledgement(.pubrel)
                #expect(release.packetID == identifier && release.code == 0)
            }
            try receiver.send(.pubcomp, identifier)
            #expect(try await room.unread(by: receiver) == [])
        }

        @Test("What is under way comes again after a takeover, too", arguments: Place.all)
        func takeoverRedelivers(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("twin")
            first.acknowledgesMessages = false
            try first.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            for qos in [QoS.atLeastOnce, .exactlyOnce] {
                try sender.publish(room.topic("t"), "\(qos.rawValue)", qos: qos)
                _ = try first.message()
            }
            let (second, connack) = try room.connect("twin")
            #expect(connack.isSessionPresent)
            for qos in [QoS.atLeastOnce, .exactlyOnce] {
                let message = try second.message()
                #expect(message.isDuplicate && message.text == "\(qos.rawValue)")
            }
            #expect(try await room.unread(by: second) == [])
            try second.leave()
            try room.forget("twin")
        }

        @Test("User name and password are taken where nobody asks for them", arguments: Place.all)
        func credentials(place: Place) throws {
            let room = try Room(place)
            for password: String? in [nil, "", "secret"] {
                let client = try room.socket()
                let credentials = TestCredentials(
                    clientID: room.clientID("named"), userName: "user", password: password)
                #expect(try client.connect(as: credentials).code == 0)
            }
        }

        @Test("Session expiry: 0 ends it, DISCONNECT may lengthen or end it", arguments: Place.v5)
        func sessionExpiry(place: Place) throws {
            let room = try Room(place)
            for (first, atEnd, isKept) in [
                (UInt32(0), UInt32?.none, false), (600, nil, true), (600, 0, false),
                (600, 5, true),
            ] {
                let (client, _) = try room.connect("expiry", isCleanStart: true, expiry: first)
                try client.leave { if let atEnd { $0.sessionExpiryInterval(seconds: atEnd) } }
                let (again, connack) = try room.connect("expiry", expiry: 0)
                #expect(connack.isSessionPresent == isKept, "\(first) \(String(describing: atEnd))")
                try again.leave()
            }
        }

        @Test(
            "A client that subscribes after a publish of QoS 0 was answered by a PINGRESP does not get it",
            arguments: Place.all)
        func subscribesLater(place: Place) async throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "early")
            try sender.ping()
            await room.settle()
            let late = try room.client("late")
            try late.subscribe(room.topic("t"))
            #expect(try await room.unread(by: late) == [])
        }
    }
}
