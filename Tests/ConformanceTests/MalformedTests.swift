import Gateway
import MQTT
import Reactor
import Support
import Testing
import Time

extension Conformance {
    /// Packets after the CONNECT that break the rules.
    @Suite struct MalformedTests {
        @Test(
            "[MQTT-4.13.1-1] [MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2] what breaks a rule of MQTT 5 is answered with a DISCONNECT that says so, and nothing else"
        )
        func version5() throws {
            for exchange in Self.headers + Self.publishes + Self.publishProperties
                + Self.subscribes + Self.acknowledgements
            {
                try play(exchange, .v5)
            }
        }

        @Test("[MQTT-4.8.0-1] of 3.1.1: what breaks a rule of 3.1.1 ends the connection")
        func version3() throws {
            for exchange in Self.ofVersion3 { try play(exchange, .v3_1_1) }
        }

        @Test("Whatever is malformed reaches nobody", arguments: Place.all)
        func reachesNobody(place: Place) async throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("#"), qos: .exactlyOnce)
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            let publish: [UInt8] = .packet(0x30, .text(room.topic("good")), properties, [0x31])
            for first: UInt8 in [0x36, 0x38] {
                let client = try room.client("bad")
                try client.send(
                    publish + .packet(first, .text(room.topic("t")), [0, 1], properties) + publish)
                _ = try client.untilClosed()
                // What came before is served, what comes behind is not.
                #expect(try watcher.message().topic == room.topic("good"))
                #expect(try await room.unread(by: watcher) == [])
            }
        }

        @Test("[MQTT-3.2.2-15] a packet that is larger than was told: 0x95", arguments: Place.v5)
        func tooLarge(place: Place) throws {
            let room = try Room(place)
            let (client, connack) = try room.connect("large", isCleanStart: true, expiry: 0)
            let maximum = try #require(connack.maximumPacketSize)
            try client.publish(
                room.topic("t"), bytes: Array(repeating: 0, count: Int(maximum) - 60),
                qos: .atLeastOnce)
            try client.send([0x30] + .length(Int(maximum)))
            #expect(try client.endingCode() == 0x95)
        }

        @Test(
            "[MQTT-3.1.2-24] of 3.1.1, [MQTT-3.1.2-22] [MQTT-3.2.2-22]: one and a half times the keep-alive, counted from the last packet of any kind",
            arguments: ProtocolVersion.allCases
        )
        func keepAlive(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(shards: 1, time: .manual(clock)) { gateway in
                let room = Room(gateway, version)
                let (client, connack) = try room.connect(
                    "quiet", isCleanStart: true, expiry: 0, keepAliveSeconds: 10)
                // [MQTT-3.2.2-22]: the client's own counts.
                #expect(connack.serverKeepAliveSeconds == nil)
                func pass(milliseconds: Int64) async {
                    clock.advance(milliseconds: milliseconds)
                    gateway.gateway.clockMoved()
                    await gateway.settle()
                }
                await pass(milliseconds: 14_500)
                try client.publish(room.topic("t"), "x", qos: .atLeastOnce)
                await pass(milliseconds: 14_500)
                try client.subscribe(room.topic("t"))
                await pass(milliseconds: 14_500)
                try client.ping()
                await pass(milliseconds: 15_500)
                #expect(try client.endingCode() == (version == .v5 ? 0x8D : nil))
            }
        }

        private func play(_ exchange: Exchange, _ version: ProtocolVersion) throws {
            let room = try Room(Place(version: version, shards: 1))
            let socket = try room.socket()
            try socket.send(
                .connect(level: version == .v5 ? 5 : 4, clientID: .text(room.clientID("c"))))
            let connack = try socket.nextBytes()
            #expect(connack?[3] == 0)
            try socket.send(exchange.bytes)
            var came: [[UInt8]] = []
            while let packet = try socket.nextBytes() { came.append(packet) }
            let isRight =
                switch exchange.answer {
                case .closed: came.isEmpty
                case .disconnect(let code):
                    came.count == 1 && came[0].count > 4 && came[0][0] == 0xE0
                        && came[0][2] == code
                        // Of properties only a Reason String.
                        && Int(came[0][3]) == came[0].count - 4 && came[0][4] == 0x1F
                        && Int(came[0][6]) == came[0].count - 7
                case .connack: false
                }
            #expect(
                isRight,
                "\(exchange.rule): sent \(exchange.bytes.hexadecimal), \(exchange.answer) expected, came \(came.map(\.hexadecimal))"
            )
        }
    }
}
