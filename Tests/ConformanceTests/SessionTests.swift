import Gateway
import MQTT
import Reactor
import Support
import TestFiles
import Testing
import Time

extension Conformance {
    /// What the gateway keeps of a client (3.1.2.4, 4.1), and wills.
    @Suite struct SessionTests {
        @Test(
            "[MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT-3.1.2-23] [MQTT-4.5.0-1] and [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-4.5.0-1] of 3.1.1: a session that is kept holds its subscriptions, and the QoS 1 and 2 messages that came meanwhile",
            arguments: Place.all
        )
        func kept(place: Place) async throws {
            let room = try Room(place)
            let (first, new) = try room.connect("keeper")
            #expect(!new.isSessionPresent)
            try first.subscribe(room.topic("+"), qos: .exactlyOnce)
            try first.leave()
            let sender = try room.client("sender")
            for (number, qos) in [QoS.atLeastOnce, .exactlyOnce, .atLeastOnce].enumerated() {
                try sender.publish(room.topic("t"), "\(number)", qos: qos)
            }
            await room.settle()
            let (second, old) = try room.connect("keeper")
            #expect(old.isSessionPresent)
            for number in 0..<3 {
                let message = try second.message()
                #expect(message.text == "\(number)" && !message.isDuplicate && !message.isRetained)
            }
            try sender.publish(room.topic("u"), "live", qos: .exactlyOnce)
            #expect(try second.message().qos == .exactlyOnce)
            try second.leave()
            try room.forget("keeper")
        }

        @Test(
            "[MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4] and [MQTT-3.1.2-6] [MQTT-3.2.2-1] [MQTT-3.1.4-3] of 3.1.1: a clean start leaves nothing of the session before",
            arguments: Place.all
        )
        func clean(place: Place) async throws {
            let room = try Room(place)
            let (first, _) = try room.connect("keeper")
            try first.subscribe(room.topic("t"))
            try first.leave()
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "lost", qos: .atLeastOnce)
            let (second, connack) = try room.connect("keeper", isCleanStart: true, expiry: 0)
            #expect(!connack.isSessionPresent)
            try sender.publish(room.topic("t"), "lost", qos: .atLeastOnce)
            #expect(try await room.unread(by: second) == [])
            try second.subscribe(room.topic("t"))
            try second.leave()
            // It was a session for that connection only.
            let (third, again) = try room.connect("keeper")
            #expect(!again.isSessionPresent)
            try sender.publish(room.topic("t"), "lost", qos: .atLeastOnce)
            #expect(try await room.unread(by: third) == [])
            try third.leave()
            try room.forget("keeper")
        }

        @Test(
            "[MQTT-4.1.0-1] and [MQTT-4.1.0-1] [MQTT-4.1.0-2] of 3.1.1: a session is there as long as its connection",
            arguments: Place.all
        )
        func asLongAsConnected(place: Place) throws {
            let room = try Room(place)
            let client = try room.client("client")
            try client.subscribe(room.topic("t"))
            let sender = try room.client("sender")
            for _ in 0..<3 {
                try sender.publish(room.topic("t"), "x", qos: .atLeastOnce)
                #expect(try client.message().text == "x")
                try client.ping()
            }
        }

        @Test("[MQTT-4.1.0-2] [MQTT-3.1.2-23] a session ends when its interval has passed")
        func expires() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(shards: 4, time: .manual(clock)) { gateway in
                let room = Room(gateway)
                for (seconds, isPresent) in [(Int64(599), true), (601, false)] {
                    let (first, _) = try room.connect("keeper", expiry: 600)
                    try first.leave()
                    await room.settle()
                    clock.advance(milliseconds: seconds * 1_000)
                    gateway.gateway.clockMoved()
                    let (second, connack) = try room.connect("keeper", expiry: 600)
                    #expect(connack.isSessionPresent == isPresent)
                    try second.leave { $0.sessionExpiryInterval(seconds: 0) }
                }
            }
        }

        @Test(
            "[MQTT-3.1.2-7] of 3.1.1: retained messages outlive the session of who sent them",
            arguments: Place.all
        )
        func retainedStays(place: Place) throws {
            let room = try Room(place)
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce, isRetained: true)
            try sender.leave()
            try room.client("sender").leave()
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"))
            #expect(try receiver.message().isRetained)
            try room.forget(topics: [room.topic("t")])
        }

        @Test(
            "3.1.2.11.2: a session is taken up by a client of the other version",
            arguments: Place.all)
        func otherVersion(place: Place) throws {
            let room = try Room(place)
            let other: ProtocolVersion = place.version == .v5 ? .v3_1_1 : .v5
            let (first, _) = try room.connect("keeper")
            try first.subscribe(room.topic("t"))
            try first.leave()
            let sender = try room.client("sender")
            try sender.publish(room.topic("t"), "x", qos: .atLeastOnce)
            let (second, connack) = try room.connect("keeper", other)
            #expect(connack.isSessionPresent)
            #expect(try second.message().text == "x")
            try second.leave()
            try room.forget("keeper")
        }

        @Test(
            "[MQTT-4.3.3-10] [MQTT-4.4.0-1] and [MQTT-4.4.0-1] of 3.1.1: a QoS 2 message whose PUBREL is outstanding stays known over a reconnect",
            arguments: Place.all
        )
        func receivedStaysKnown(place: Place) async throws {
            let room = try Room(place)
            let receiver = try room.client("receiver")
            try receiver.subscribe(room.topic("t"), qos: .exactlyOnce)
            let (first, _) = try room.connect("sender")
            try first.sendPublish(room.topic("t"), [0x31], qos: .exactlyOnce, packetID: 12)
            _ = try first.acknowledgement(.pubrec)
            try first.hangUp()
            let (second, connack) = try room.connect("sender")
            #expect(connack.isSessionPresent)
            try second.sendPublish(
                room.topic("t"), [0x31], qos: .exactlyOnce, packetID: 12, isDuplicate: true)
            #expect(try second.acknowledgement(.pubrec).code < 0x80)
            try second.send(.pubrel, 12)
            #expect(try second.acknowledgement(.pubcomp).code == 0)
            #expect(try receiver.message().text == "1")
            #expect(try await room.unread(by: receiver) == [])
            try second.leave()
            try room.forget("sender")
        }

        @Test(
            "A restart keeps sessions, what waits for them and what is retained",
            arguments: Place.all)
        func restart(place: Place) async throws {
            let directory = TemporaryDirectory()
            try await TestGateway.run(shards: place.shards, directory: directory) { gateway in
                let room = Room(gateway, place.version)
                let (keeper, _) = try room.connect("keeper")
                try keeper.subscribe("t/#", qos: .exactlyOnce)
                try keeper.leave()
                let sender = try room.client("sender")
                try sender.publish("t/1", "one", qos: .atLeastOnce)
                try sender.publish("t/2", "two", qos: .exactlyOnce, isRetained: true)
            }
            try await TestGateway.run(shards: place.shards, directory: directory) { gateway in
                let room = Room(gateway, place.version)
                let (keeper, connack) = try room.connect("keeper")
                #expect(connack.isSessionPresent)
                #expect(try keeper.message().text == "one")
                #expect(try keeper.message().text == "two")
                let late = try room.client("late")
                try late.subscribe("t/+")
                #expect(try late.message().text == "two")
            }
        }
    }
}
