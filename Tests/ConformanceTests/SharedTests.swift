import MQTT
import Support
import Testing

extension Conformance {
    /// Shared subscriptions (4.8.2).
    @Suite struct SharedTests {
        /// Clients that share a filter.
        private func members(
            _ count: Int,
            of filter: String,
            qos: QoS = .atLeastOnce,
            in room: Room
        ) throws -> [TestClient] {
            try (0..<count).map { number in
                let client = try room.client("member\(number)")
                #expect(try client.subscribe(filter, qos: qos) == [qos.rawValue])
                return client
            }
        }

        /// Takes what each has got by now.
        private func texts(of clients: [TestClient], in room: Room) async throws -> [[String]] {
            var texts: [[String]] = []
            for client in clients {
                let count = try await room.unread(by: client).count
                texts.append(try (0..<count).map { _ in try client.message().text })
            }
            return texts
        }

        @Test(
            "4.8.2: each message goes to one member of each group, to all in turn, and to who subscribes without a group",
            arguments: Place.all
        )
        func eachOnce(place: Place) async throws {
            let room = try Room(place)
            let one = try members(3, of: "$share/one/" + room.topic("#"), in: room)
            let other = try room.client("other")
            try other.subscribe("$share/other/" + room.topic("+"))
            let plain = try room.client("plain")
            try plain.subscribe(room.topic("t"))
            let sender = try room.client("sender")
            let sent = (0..<30).map { "\($0)" }
            for text in sent { try sender.publish(room.topic("t"), text, qos: .atLeastOnce) }
            let got = try await texts(of: one, in: room)
            #expect(got.flatMap { $0 }.sorted() == sent.sorted())
            for member in got { #expect(member.count >= 5, "\(got)") }
            #expect(try await texts(of: [other, plain], in: room) == [sent, sent])
        }

        @Test("[MQTT-4.8.2-3] each member gets it with its own QoS", arguments: Place.v5)
        func ownQoS(place: Place) throws {
            let room = try Room(place)
            for qos in QoS.allCases {
                let member = try members(
                    1, of: "$share/g/" + room.topic("\(qos)"), qos: qos, in: room)[0]
                let sender = try room.client("sender")
                try sender.publish(room.topic("\(qos)"), "x", qos: .exactlyOnce)
                #expect(try member.message().qos == qos)
            }
        }

        @Test(
            "[MQTT-4.8.2-1] [MQTT-4.8.2-2] the group and the filter together are the subscription; UNSUBSCRIBE names both",
            arguments: Place.v5
        )
        func names(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("member")
            try client.subscribe("$share/g/" + room.topic("t"))
            #expect(try client.unsubscribe(room.topic("t")) == [0x11])
            #expect(try client.unsubscribe("$share/h/" + room.topic("t")) == [0x11])
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce)
            #expect(try client.message().text == "x")
            #expect(try client.unsubscribe("$share/g/" + room.topic("t")) == [0])
            #expect(try sender.publish(room.topic("t"), "x", qos: .atLeastOnce)?.code == 0x10)
        }

        @Test(
            "[MQTT-4.8.2-6] what a member refuses goes to no other",
            arguments: Place.v5
        )
        func refused(place: Place) async throws {
            let room = try Room(place)
            let clients = try members(
                2, of: "$share/g/" + room.topic("t"), qos: .exactlyOnce, in: room)
            for client in clients { client.acknowledgesMessages = false }
            let sender = try room.client("sender")
            for qos in [QoS.atLeastOnce, .exactlyOnce] {
                try sender.publish(room.topic("t"), "x", qos: qos)
                var refusals = 0
                for client in clients {
                    if try await room.unread(by: client).isEmpty { continue }
                    let message = try client.message()
                    try client.send(
                        qos == .atLeastOnce ? .puback : .pubrec, message.packetID ?? 0, code: 0x83)
                    refusals += 1
                }
                #expect(refusals == 1)
                for client in clients { #expect(try await room.unread(by: client) == []) }
            }
        }

        @Test(
            "4.8.2: a QoS 1 message that a member leaves unacknowledged at the end of its session goes to another",
            arguments: Place.v5
        )
        func redistributed(place: Place) async throws {
            let room = try Room(place)
            let clients = try members(2, of: "$share/g/" + room.topic("t"), in: room)
            for client in clients { client.acknowledgesMessages = false }
            let sender = try room.client("sender")
            for number in 0..<4 {
                try sender.publish(room.topic("t"), "\(number)", qos: .atLeastOnce)
            }
            let first = try (0..<2).map { _ in try clients[0].message().text }
            let second = try (0..<2).map { _ in try clients[1].message().text }
            try clients[0].leave()
            var moved: Set<String> = []
            for _ in 0..<2 {
                let message = try clients[1].message()
                moved.insert(message.text)
            }
            #expect(moved == Set(first))
            #expect(Set(first).isDisjoint(with: second))
        }

        @Test(
            "[MQTT-4.8.2-4] [MQTT-4.8.2-5] a QoS 2 message that was sent to a member is completed with it, or with nobody",
            arguments: Place.v5
        )
        func exactlyOnce(place: Place) async throws {
            let room = try Room(place)
            for returns in [true, false] {
                let filter = "$share/g/" + room.topic("\(returns)")
                let (first, _) = try room.connect("keeper", isCleanStart: true)
                first.acknowledgesMessages = false
                try first.subscribe(filter, qos: .exactlyOnce)
                let sender = try room.client("sender")
                try sender.publish(room.topic("\(returns)"), "x", qos: .exactlyOnce)
                let message = try first.message()
                let other = try room.client("other")
                try other.subscribe(filter, qos: .exactlyOnce)
                if returns {
                    try first.leave()
                    let (second, connack) = try room.connect("keeper")
                    second.acknowledgesMessages = false
                    #expect(connack.isSessionPresent)
                    let again = try second.message()
                    #expect(again.isDuplicate && again.packetID == message.packetID)
                    #expect(try await room.unread(by: other) == [])
                    try second.send(.pubrec, again.packetID ?? 0)
                    _ = try second.acknowledgement(.pubrel)
                    try second.send(.pubcomp, again.packetID ?? 0)
                } else {
                    try first.leave { $0.sessionExpiryInterval(seconds: 0) }
                    await room.settle()
                    #expect(try await room.unread(by: other) == [])
                }
            }
            try room.forget("keeper")
        }

        @Test(
            "4.8.2: a group whose members are away keeps messages for one of them",
            arguments: Place.v5)
        func away(place: Place) throws {
            let room = try Room(place)
            let filter = "$share/g/" + room.topic("t")
            let (first, _) = try room.connect("keeper")
            try first.subscribe(filter)
            try first.leave()
            let sender = try room.client("sender")
            for number in 0..<3 {
                try sender.publish(room.topic("t"), "\(number)", qos: .atLeastOnce)
            }
            let (second, _) = try room.connect("keeper")
            for number in 0..<3 { #expect(try second.message().text == "\(number)") }
            try second.leave()
            try room.forget("keeper")
        }
    }
}
