import MQTT
import Support
import Testing

extension Conformance {
    /// A CONNECT that breaks the rules, or is not there.
    @Suite struct RefusedConnectTests {
        @Test(
            "[MQTT-3.1.4-1] [MQTT-4.13.1-1] [MQTT-4.13.2-1] a CONNECT of MQTT 5 that breaks a rule is refused, and the connection closed"
        )
        func version5() throws {
            for exchange in Self.names + Self.flags + Self.payloads + Self.properties {
                try play(exchange, .v5)
            }
        }

        @Test(
            "[MQTT-3.1.4-1] [MQTT-4.8.0-1] [MQTT-3.2.2-6] of 3.1.1: one of 3.1.1 that breaks a rule ends without a CONNACK, unless there is a code for it"
        )
        func version3() throws {
            for exchange in Self.ofVersion3 { try play(exchange, .v3_1_1) }
        }

        @Test(
            "[MQTT-3.1.0-1] [MQTT-3.14.0-1] and [MQTT-3.1.0-1] of 3.1.1: whatever comes instead of a CONNECT ends the connection without an answer"
        )
        func instead() throws {
            for bytes: [UInt8] in [
                [0xC0, 0], [0xE0, 0], [0xF0, 0], .packet(0x30, .text("t"), [0]),
                .packet(0x82, [0, 1, 0], .text("t"), [0]), [0x20, 3, 0, 0, 0], [0x00, 0],
                [0x40, 2, 0, 1], Array("GET / HTTP/1.1\r\n\r\n".utf8),
            ] {
                try play(Exchange("instead", bytes, .closed), .v5)
            }
        }

        @Test(
            "[MQTT-3.1.4-6] and [MQTT-3.1.4-5] of 3.1.1: what follows a refused CONNECT is not served",
            arguments: Place.all
        )
        func nothingAfter(place: Place) async throws {
            let room = try Room(place)
            let watcher = try room.client("watcher")
            try watcher.subscribe(room.topic("#"))
            let socket = try room.socket()
            let connect: [UInt8] =
                place.version == .v5
                ? .connect(properties: [0x21, 0, 0])
                : .connect(level: 4, flags: 0, clientID: .text(""))
            let properties: [UInt8] = place.version == .v5 ? [0] : []
            try socket.send(connect + .packet(0x30, .text(room.topic("t")), properties, [0x78]))
            var types: [UInt8] = []
            while let packet = try socket.nextBytes() { types.append(packet[0]) }
            #expect(types == [0x20])
            #expect(try await room.unread(by: watcher) == [])
        }

        @Test(
            "[MQTT-3.1.2-2] and [MQTT-3.1.2-1] [MQTT-3.1.2-2] of 3.1.1: every protocol level under every name is answered in the client's own version, bit 7 aside"
        )
        func levels() throws {
            let room = try Room(Place(version: .v5, shards: 1))
            for name in ["MQTT", "MQIsdp", "mqtt", "", "MQTT5"] {
                for level in UInt8.min...UInt8.max {
                    let isSpoken = name == "MQTT" && (level == 4 || level == 5)
                    let isNew = level & 0x7F >= 5
                    let refused: [UInt8] = isNew ? [0, 0x84] : [0, 1]
                    let socket = try room.socket()
                    // A bridge of mosquitto: 0x83 and 0x84, clean, with a name.
                    try socket.send(
                        .connect(level: level, name: name, properties: [])
                            + (isSpoken ? [0xE0, 0] : []))
                    var came: [[UInt8]] = []
                    while let packet = try socket.nextBytes() { came.append(packet) }
                    #expect(came.count == 1 && came.first?.first == 0x20, "\(name) \(level)")
                    let code = Array(came.first?[2...3] ?? [])
                    #expect(code == (isSpoken ? [0, 0] : refused), "\(name) \(level)")
                    #expect((came.first?.count ?? 0 > 4) == isNew, "\(name) \(level)")
                }
            }
        }

        private func play(_ exchange: Exchange, _ version: ProtocolVersion) throws {
            let room = try Room(Place(version: version, shards: 1))
            let socket = try room.socket()
            try socket.send(exchange.bytes)
            var came: [[UInt8]] = []
            while let packet = try socket.nextBytes() { came.append(packet) }
            let isRight =
                switch exchange.answer {
                case .closed: came.isEmpty
                case .connack(let code):
                    came.count == 1 && came[0][0] == 0x20
                        && Array(came[0].suffix(from: 2))
                            .starts(with: [0, code])
                        && came[0].count >= (version == .v5 ? 5 : 4)
                case .disconnect: false
                }
            #expect(
                isRight,
                "\(exchange.rule): sent \(exchange.bytes.hexadecimal), \(exchange.answer) expected, came \(came.map(\.hexadecimal))"
            )
        }
    }
}
