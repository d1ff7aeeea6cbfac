import Gateway
import MQTT
import Reactor
import Support
import Testing
import Time

extension Conformance {
    /// Wills (3.1.2.5, 3.1.3.2).
    @Suite struct WillTests {
        /// How a connection ends in which the will must be published.
        private enum End: CaseIterable {
            case lost, closed, malformed, withWill, takenOver
        }

        @Test(
            "[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-14] [MQTT-4.13.1-1] and [MQTT-3.1.2-8] [MQTT-3.1.2-16] of 3.1.1: a will is published once however the connection ends, unless the client says goodbye",
            arguments: Place.all
        )
        func ends(place: Place) async throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("will"), qos: .exactlyOnce)
            for end in End.allCases where place.version == .v5 || end != .withWill {
                let will = TestWill(topic: room.topic("will"), payload: "\(end)", qos: .exactlyOnce)
                var newer: TestClient?
                if end == .lost { try room.client("mortal", will: will).lose() }
                let client = end == .lost ? watcher : try room.client("mortal", will: will)
                switch end {
                case .lost: break
                case .closed: try client.hangUp()
                case .malformed: try client.send([0x36, 0])
                case .withWill: try client.leave(.disconnectWithWillMessage)
                case .takenOver: newer = try room.client("mortal")
                }
                let message = try watcher.message()
                #expect(message.text == "\(end)" && message.qos == .exactlyOnce)
                #expect(!message.isRetained)
                try newer?.ping()
            }
            #expect(try await room.unread(by: watcher) == [])
        }

        @Test(
            "[MQTT-3.14.4-3] [MQTT-3.1.2-10] and [MQTT-3.14.4-3] [MQTT-3.1.2-10] [MQTT-3.1.2-12] of 3.1.1: a goodbye discards the will, and a client without one leaves none",
            arguments: Place.all
        )
        func goodbye(place: Place) async throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("will"))
            let will = TestWill(topic: room.topic("will"), payload: "x")
            try room.client("mortal", will: will).leave()
            try room.client("mortal").lose()
            // Taken over, if the loss has not been noticed yet.
            try room.client("mortal").leave()
            #expect(try await room.unread(by: watcher) == [])
        }

        @Test(
            "[MQTT-3.1.2-22] [MQTT-3.1.2-8] and [MQTT-3.1.2-24] of 3.1.1: a will is published when the keep-alive runs out",
            arguments: ProtocolVersion.allCases
        )
        func keepAlive(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let room = Room(gateway, version)
                let watcher = try room.client("watcher")
                try watcher.subscribe("will")
                let (client, _) = try room.connect(
                    "mortal", isCleanStart: true, expiry: 0, keepAliveSeconds: 10,
                    will: TestWill(topic: "will", payload: "gone"))
                clock.advance(milliseconds: 14_000)
                gateway.gateway.clockMoved()
                await room.settle()
                try client.ping()
                clock.advance(milliseconds: 14_000)
                gateway.gateway.clockMoved()
                #expect(try await room.unread(by: watcher) == [])
                clock.advance(milliseconds: 3_000)
                gateway.gateway.clockMoved()
                #expect(try watcher.message().text == "gone")
                #expect(try client.endingCode() == (version == .v5 ? 0x8D : nil))
            }
        }

        @Test(
            "[MQTT-3.1.2-15] [MQTT-3.1.2-9] [MQTT-3.1.2-12] and [MQTT-3.1.2-17] [MQTT-3.1.2-9] [MQTT-3.1.2-14] of 3.1.1: a will has the QoS and RETAIN that CONNECT says",
            arguments: Place.all
        )
        func flags(place: Place) throws {
            let room = try Room(place)
            for qos in QoS.allCases {
                let topic = room.topic("will\(qos.rawValue)")
                let watcher = try room.client("watcher")
                try watcher.subscribe(topic, qos: .exactlyOnce)
                try room.client(
                    "mortal",
                    will: TestWill(topic: topic, payload: "x", qos: qos, isRetained: true)
                ).lose()
                let message = try watcher.message()
                #expect(message.qos == qos && !message.isRetained)
                let late = try room.client("late")
                try late.subscribe(topic, qos: .exactlyOnce)
                let retained = try late.message()
                #expect(retained.qos == qos && retained.isRetained && retained.text == "x")
                try room.forget(topics: [topic])
            }
        }

        @Test(
            "3.1.3.3: a will may be empty, and of another will of the same client nothing is left",
            arguments: Place.all
        )
        func lastWillCounts(place: Place) async throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("+"))
            try room.connect("mortal", will: TestWill(topic: room.topic("old"), payload: "old")).0
                .leave()
            let (second, _) = try room.connect(
                "mortal", will: TestWill(topic: room.topic("new"), payload: ""))
            try second.hangUp()
            let message = try watcher.message()
            #expect(message.topic == room.topic("new") && message.payload.isEmpty)
            #expect(try await room.unread(by: watcher) == [])
            try room.forget("mortal")
        }

        @Test(
            "[MQTT-3.1.3-9] [MQTT-3.1.2-8] a will waits for its delay or the end of the session, whichever is first; a client that is back in time has none",
            arguments: [1, 4]
        )
        func delay(shards: Int) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(shards: shards, time: .manual(clock)) { gateway in
                let room = Room(gateway)
                let watcher = try room.client("watcher")
                try watcher.subscribe("will")
                // Delay, session expiry, when it must not be there yet, when it must.
                for (delay, expiry, before, after) in [
                    (UInt32(10), UInt32(60), Int64(9), Int64(2)), (60, 10, 9, 2),
                ] {
                    let will = TestWill(topic: "will", payload: "gone", delaySeconds: delay)
                    let (client, _) = try room.connect(
                        "mortal", isCleanStart: true, expiry: expiry, will: will)
                    try client.leave(.disconnectWithWillMessage)
                    await room.settle()
                    clock.advance(milliseconds: before * 1_000)
                    gateway.gateway.clockMoved()
                    await room.settle()
                    #expect(try await room.unread(by: watcher) == [])
                    clock.advance(milliseconds: after * 1_000)
                    gateway.gateway.clockMoved()
                    #expect(try watcher.message().text == "gone")
                }
                let will = TestWill(topic: "will", payload: "never", delaySeconds: 10)
                try room.connect("mortal", isCleanStart: true, will: will).0.lose()
                let (back, connack) = try room.connect("mortal")
                #expect(connack.isSessionPresent)
                clock.advance(milliseconds: 60_000)
                gateway.gateway.clockMoved()
                await room.settle()
                #expect(try await room.unread(by: watcher) == [])
                try back.leave()
            }
        }

        @Test(
            "[MQTT-3.1.3-10] [MQTT-3.3.2-18] a will's properties go with it: format, type, response, correlation, expiry, and the user's in their order",
            arguments: Place.v5
        )
        func properties(place: Place) throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("will"))
            let socket = try room.socket()
            let properties: [UInt8] = .joined(
                [0x01, 1, 0x02, 0, 0, 0, 100], [0x03], .text("text/plain"), [0x08],
                .text("answer"), [0x09], .counted([0, 0xFF]), [0x26], .text("b"), .text("1"),
                [0x26], .text("a"), .text("2"), [0x26], .text("b"), .text("3"))
            try socket.send(
                .connect(
                    flags: 0b1110, clientID: .text(room.clientID("mortal")),
                    .properties(properties), .text(room.topic("will")), .text("gone")))
            _ = try socket.next()
            try socket.hangUp()
            let message = try watcher.message()
            #expect(message.userProperties == ["b=1", "a=2", "b=3"])
            #expect(message.expirySeconds == 100 || message.expirySeconds == 99)
            #expect(message.properties == ["content-type", "correlation", "response", "user"])
            #expect(message.text == "gone" && message.qos == .atLeastOnce)
        }
    }
}
