import MQTT
import Support
import Testing

extension Conformance {
    /// Limits that the two sides tell each other: Receive Maximum, Maximum Packet Size, aliases, problem
    /// information (3.1.2.11, 3.2.2.3, 4.9).
    @Suite struct FlowTests {
        @Test(
            "[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-3.3.4-10] [MQTT-4.9.0-3] no more is under way to a client than its Receive Maximum, and all else goes on",
            arguments: Place.v5
        )
        func receiveMaximum(place: Place) async throws {
            let room = try Room(place)
            for (maximum, qos) in [(UInt16(1), QoS.atLeastOnce), (3, .exactlyOnce)] {
                let client = try room.client("receiver") { $0.receiveMaximum(maximum) }
                client.acknowledgesMessages = false
                try client.subscribe(room.topic("t"), qos: qos)
                let sender = try room.client("sender")
                for number in 0..<8 { try sender.publish(room.topic("t"), "\(number)", qos: qos) }
                var waiting = try (0..<maximum).map { _ in try client.message() }
                #expect(try await room.unread(by: client) == [])
                // QoS 0, PINGREQ, SUBSCRIBE and the client's own PUBLISH are served.
                try client.ping()
                try client.subscribe(room.topic("u"))
                #expect(try client.publish(room.topic("u"), "zero") == nil)
                #expect(try client.message().text == "zero")
                #expect(
                    try client.publish(room.topic("none"), "x", qos: .atLeastOnce)?.code == 0x10)
                var texts: [String] = []
                while texts.count < 8 {
                    let message = waiting.removeFirst()
                    texts.append(message.text)
                    let identifier = message.packetID ?? 0
                    if qos == .atLeastOnce {
                        try client.send(.puback, identifier)
                    } else {
                        try client.send(.pubrec, identifier)
                        _ = try client.acknowledgement(.pubrel)
                        // The place is free after PUBCOMP only.
                        #expect(try await room.unread(by: client) == [])
                        try client.send(.pubcomp, identifier)
                    }
                    if texts.count + waiting.count < 8 { waiting.append(try client.message()) }
                }
                #expect(texts == (0..<8).map { "\($0)" })
                try client.leave()
            }
        }

        @Test(
            "[MQTT-3.3.4-7] a client that sends more QoS 2 messages than it may is told 0x93",
            arguments: Place.v5
        )
        func tooMany(place: Place) throws {
            let room = try Room(place)
            let (client, connack) = try room.connect("sender", isCleanStart: true, expiry: 0)
            let maximum = connack.receiveMaximum ?? .max
            try #require(maximum < 1_000)
            for number in 1...maximum {
                try client.sendPublish(room.topic("t"), [], qos: .exactlyOnce, packetID: number)
                #expect(try client.acknowledgement(.pubrec).packetID == number)
            }
            // A place is free again after PUBCOMP.
            try client.send(.pubrel, 1)
            _ = try client.acknowledgement(.pubcomp)
            try client.sendPublish(room.topic("t"), [], qos: .exactlyOnce, packetID: 1)
            _ = try client.acknowledgement(.pubrec)
            try client.sendPublish(room.topic("t"), [], qos: .exactlyOnce, packetID: maximum + 1)
            #expect(try client.endingCode() == 0x93)
        }

        @Test(
            "[MQTT-3.1.2-24] [MQTT-3.1.2-25] a message that is too large for a client is not sent to it, and counts as delivered",
            arguments: Place.v5
        )
        func maximumPacketSize(place: Place) async throws {
            let room = try Room(place)
            let client = try room.client("receiver") {
                $0.maximumPacketSize(60)
                $0.receiveMaximum(1)
            }
            try client.subscribe(room.topic("t"), qos: .exactlyOnce)
            let sender = try room.client("sender")
            // 2 of header, 2 + topic, 2 of identifier, 1 of properties.
            let room60 = 60 - 7 - room.topic("t").utf8.count
            for (count, arrives) in [
                (room60, true), (room60 + 1, false), (1_000, false), (1, true),
            ] {
                for qos in [QoS.atLeastOnce, .exactlyOnce] {
                    let answer = try sender.publish(
                        room.topic("t"), bytes: Array(repeating: 0x78, count: count), qos: qos)
                    #expect(answer?.code == 0)
                    if arrives { #expect(try client.message().payload.count == count) }
                }
            }
            #expect(try await room.unread(by: client) == [])
        }

        @Test(
            "[MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] [MQTT-3.11.2-1] [MQTT-3.14.2-3] no packet is larger than the client takes, for a Reason String",
            arguments: Place.v5
        )
        func reasonStringsFit(place: Place) throws {
            let room = try Room(place)
            for size in [UInt32(40), 60] {
                let client = try room.client("small") { $0.maximumPacketSize(size) }
                let topic: [UInt8] = .text(room.topic("t"))
                try client.send(
                    .joined(
                        .packet(0x32, topic, [0, 1, 0]), .packet(0x34, topic, [0, 2, 0]),
                        .packet(0x62, [0, 3]), .packet(0x82, [0, 4, 0], topic, [0]),
                        .packet(0xA2, [0, 5, 0], .text("none"))))
                var types: [UInt8] = []
                while let packet = try client.nextBytes() {
                    if types.count == 4 { try client.send([0xC1, 0]) }
                    #expect(packet.count <= Int(size), "\(packet.hexadecimal)")
                    types.append(packet[0])
                }
                #expect(types.sorted() == [0x40, 0x50, 0x70, 0x90, 0xB0, 0xE0])
            }
        }

        @Test(
            "[MQTT-3.1.2-24] no SUBACK or UNSUBACK is larger than the client takes: a request for one ends the connection with 0x95, and has no effect",
            arguments: Place.v5
        )
        func subackFits(place: Place) async throws {
            let room = try Room(place)
            for (count, fits) in [(20, true), (35, true), (36, false), (300, false)] {
                for type: UInt8 in [0x82, 0xA2] {
                    let client = try room.connect("small", isCleanStart: true) {
                        $0.maximumPacketSize(40)
                    }.0
                    var filters: [UInt8] = []
                    for number in 0..<count {
                        filters += .text(room.topic("\(number)"))
                        if type == 0x82 { filters.append(1) }
                    }
                    try client.send(.packet(type, [0, 9, 0], filters))
                    let answer = try #require(try client.nextBytes())
                    #expect(answer.count <= 40)
                    #expect(answer[0] == (fits ? (type == 0x82 ? 0x90 : 0xB0) : 0xE0))
                    if fits {
                        #expect(answer.count == 5 + count)
                        continue
                    }
                    #expect(answer[2] == 0x95)
                    let (again, connack) = try room.connect("small")
                    #expect(connack.isSessionPresent)
                    try room.client("sender").publish(room.topic("0"), "x", qos: .atLeastOnce)
                    #expect(try await room.unread(by: again) == [])
                    try again.leave()
                }
            }
            try room.forget("small")
        }

        @Test(
            "[MQTT-3.1.2-24] [MQTT-3.2.2-19] a client that takes too little even for its CONNACK is refused with 0x95, or without a word",
            arguments: Place.v5
        )
        func connackFits(place: Place) throws {
            let room = try Room(place)
            for clientID in ["", room.clientID("small")] {
                var codes: [UInt8?] = []
                for size in 1..<70 as Range<UInt8> {
                    let socket = try room.socket()
                    try socket.send(
                        .connect(
                            properties: [0x27, 0, 0, 0, size, 0x11, 0xFF, 0xFF, 0xFF, 0xFF],
                            clientID: .text(clientID)) + [0xE0, 2, 0, 0])
                    let connack = try socket.nextBytes()
                    #expect(connack?.count ?? 0 <= Int(size), "\(connack?.hexadecimal ?? "")")
                    codes.append(connack.map { $0[3] })
                }
                #expect(codes.first == .some(nil) && codes.contains(0x95))
                #expect(codes.last == .some(0))
            }
            try room.forget("small")
        }

        @Test(
            "[MQTT-3.1.2-29] without Request Problem Information there are no Reason Strings but in CONNACK and DISCONNECT",
            arguments: Place.v5
        )
        func noProblemInformation(place: Place) throws {
            let room = try Room(place)
            for wants in [true, false] {
                let client = try room.client("asks") { $0.requestProblemInformation(wants) }
                let topic: [UInt8] = .text(room.topic("t"))
                try client.send(
                    .joined(
                        .packet(0x32, topic, [0, 1, 0]), .packet(0x34, topic, [0, 2, 0]),
                        .packet(0x62, [0, 9]), .packet(0x82, [0, 3, 0], topic, [0])))
                var lengths: [UInt8: Int] = [:]
                for _ in 0..<4 {
                    let packet = try #require(try client.nextBytes())
                    lengths[packet[0]] = packet.count
                }
                // Type, length, identifier, code, and no properties or a length of 0.
                if !wants {
                    for (type, length) in lengths { #expect(length <= 6, "\(type)") }
                }
                #expect(lengths.count == 4)
            }
        }

        @Test(
            "[MQTT-3.3.2-7] [MQTT-3.3.2-12] [MQTT-3.3.2-8] [MQTT-3.3.2-9] every Topic Alias up to the maximum may be used, for one connection, and be changed",
            arguments: Place.v5
        )
        func inboundAliases(place: Place) throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("#"))
            let (client, connack) = try room.connect("sender")
            let maximum = try #require(connack.topicAliasMaximum)
            for alias in [1, maximum, maximum / 2 + 1] {
                try client.publish(room.topic("\(alias)"), "a", qos: .atLeastOnce) {
                    $0.topicAlias(alias)
                }
                #expect(try receiver.message().topic == room.topic("\(alias)"))
                try client.publish("", "b") { $0.topicAlias(alias) }
                #expect(try receiver.message().topic == room.topic("\(alias)"))
            }
            try client.publish(room.topic("new"), "c", qos: .exactlyOnce) { $0.topicAlias(1) }
            try client.publish("", "d", qos: .exactlyOnce) { $0.topicAlias(1) }
            for _ in 0..<2 {
                let message = try receiver.message()
                #expect(message.topic == room.topic("new") && message.topicAlias == nil)
            }
            try client.leave()
            // The session is taken up, the aliases are not.
            let (again, second) = try room.connect("sender")
            #expect(second.isSessionPresent)
            try again.sendPublish("", []) { $0.topicAlias(1) }
            #expect(try again.endingCode() == 0x82)
            try room.forget("sender")
        }

        @Test(
            "[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] a client gets no alias above its Topic Alias Maximum, and none without one",
            arguments: Place.v5
        )
        func outboundAliases(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            for maximum: UInt16? in [nil, 0, 1, 3] {
                let client = try room.client("receiver") {
                    if let maximum { $0.topicAliasMaximum(maximum) }
                }
                try client.subscribe(room.topic("+"))
                var names: [UInt16: String] = [:]
                for number in 0..<12 {
                    let topic = room.topic("\(number % 4)")
                    try sender.publish(topic, "x", qos: .atLeastOnce)
                    let message = try client.message()
                    if let alias = message.topicAlias {
                        #expect(alias > 0 && alias <= maximum ?? 0)
                        if !message.topic.isEmpty { names[alias] = message.topic }
                        #expect(names[alias] == topic)
                    } else {
                        #expect(message.topic == topic)
                    }
                }
            }
        }
    }
}
