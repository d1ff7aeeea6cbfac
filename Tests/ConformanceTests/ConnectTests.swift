import Gateway
import MQTT
import Support
import Testing

extension Conformance {
    /// CONNECT and CONNACK (3.1, 3.2).
    @Suite struct ConnectTests {
        @Test(
            "[MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.12.4-1] and [MQTT-3.1.4-4] [MQTT-3.2.0-1] [MQTT-3.2.2-1] [MQTT-3.12.4-1] of 3.1.1: one CONNACK comes first, of success; PINGREQ and SUBSCRIBE behind it are answered",
            arguments: Place.all
        )
        func connack(place: Place) async throws {
            let room = try Room(place)
            let isNew = place.version == .v5
            let socket = try room.socket()
            // All in one write: the answers keep their order.
            try socket.send(
                .joined(
                    .connect(level: isNew ? 5 : 4, clientID: .text(room.clientID("c"))), [0xC0, 0],
                    .packet(0x82, [0, 1], isNew ? [0] : [], .text(room.topic("t")), [0])))
            var came: [[UInt8]] = []
            for _ in 0..<3 { came.append(try #require(try socket.nextBytes())) }
            #expect(came.map(\.[0]) == [0x20, 0xD0, 0x90])
            #expect(try await room.unread(by: socket) == [])
            #expect(came[0][2] == 0 && came[0][3] == 0)
            if isNew { #expect(came[0][1] > 2) } else { #expect(came[0] == [0x20, 2, 0, 0]) }
            #expect(came[1] == [0xD0, 0])
            #expect(came[2] == (isNew ? [0x90, 4, 0, 1, 0, 0] : [0x90, 3, 0, 1, 0]))
        }

        @Test(
            "[MQTT-3.1.3-5] and [MQTT-3.1.3-5] of 3.1.1: client identifiers of 1 to 23 letters and digits are taken, longer ones with any characters too",
            arguments: Place.all
        )
        func clientIdentifiers(place: Place) throws {
            let room = try Room(place)
            for name in [
                "Q", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ",
                String(repeating: "long", count: 64), "with space/+#$ and ü",
            ] {
                let client = try room.socket()
                #expect(try client.connect(as: .anonymous(name)).code == 0, "\(name)")
                try client.ping()
            }
        }

        @Test(
            "[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without an identifier is given one that nobody has, and is known by it",
            arguments: Place.v5
        )
        func assigned(place: Place) throws {
            let room = try Room(place)
            var names: Set<String> = []
            for isCleanStart in [true, false, true, false] {
                let client = try room.socket()
                let connack = try client.connect(as: .anonymous(""), isCleanStart: isCleanStart) {
                    $0.sessionExpiryInterval(seconds: 60)
                }
                #expect(connack.code == 0 && !connack.isSessionPresent)
                let name = try #require(connack.assignedClientID)
                names.insert(name)
                try client.leave()
                let again = try room.socket()
                let second = try again.connect(as: .anonymous(name), isCleanStart: false)
                #expect(second.isSessionPresent && second.assignedClientID == nil)
                try again.leave()
            }
            #expect(names.count == 4)
        }

        @Test(
            "[MQTT-3.1.3-6] of 3.1.1: clients without an identifier are taken with a clean session, each as itself",
            arguments: Place.v3
        )
        func unnamed(place: Place) throws {
            let room = try Room(place)
            let clients = try (0..<3).map { _ in
                let client = try room.socket()
                #expect(try client.connect(as: .anonymous("")).code == 0)
                return client
            }
            for client in clients { try client.ping() }
        }

        @Test(
            "[MQTT-3.1.4-3] and [MQTT-3.1.4-2] of 3.1.1: a second connection of the same client ends the first",
            arguments: Place.all
        )
        func takeover(place: Place) throws {
            let room = try Room(place)
            for other in ProtocolVersion.allCases {
                let first = try room.client("twin")
                let second = try room.client("twin", other)
                #expect(try first.endingCode() == (place.version == .v5 ? 0x8E : nil))
                try second.ping()
            }
        }

        @Test(
            "[MQTT-3.1.3-2] and [MQTT-3.1.3-2] of 3.1.1: clients with other identifiers are others, in every letter",
            arguments: Place.all
        )
        func others(place: Place) throws {
            let room = try Room(place)
            let clients = try ["a", "A", "a ", "å", "a\u{30A}"].map { try room.client($0) }
            for client in clients { try client.ping() }
            _ = try room.client("a")
            #expect(try clients[0].endingCode() == (place.version == .v5 ? 0x8E : nil))
            for client in clients.dropFirst() { try client.ping() }
        }

        @Test(
            "[MQTT-1.5.4-3] and [MQTT-1.5.3-3] of 3.1.1: U+FEFF is a character like any other",
            arguments: Place.all
        )
        func zeroWidthSpace(place: Place) throws {
            let room = try Room(place)
            let plain = try room.client("mark")
            let marked = try room.client("\u{FEFF}mark")
            try marked.subscribe(room.topic("\u{FEFF}t"))
            try plain.publish(room.topic("t"), "no", qos: .atLeastOnce)
            try plain.publish(room.topic("\u{FEFF}t"), "yes", qos: .atLeastOnce)
            let message = try marked.message()
            #expect(message.text == "yes")
            #expect(Array(message.topic.utf8) == Array(room.topic("\u{FEFF}t").utf8))
        }

        @Test(
            "[MQTT-3.2.2-8] [MQTT-2.2.2-1] what CONNACK tells of the server is what it does",
            arguments: Place.v5)
        func told(place: Place) throws {
            let room = try Room(place)
            let (client, connack) = try room.connect(
                "asks", isCleanStart: true, expiry: 0, keepAliveSeconds: 60)
            // Everything is available; what is as in CONNECT is not repeated.
            #expect(connack.unavailable == [])
            #expect(connack.sessionExpirySeconds == nil)
            #expect(connack.serverKeepAliveSeconds == nil)
            #expect(connack.assignedClientID == nil)
            #expect(connack.reasonString == nil)
            #expect(connack.receiveMaximum.map { $0 > 0 } ?? true)
            try client.ping()
        }

        @Test(
            "[MQTT-3.1.3-8] [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] and [MQTT-3.1.3-9] of 3.1.1: a client identifier that is not valid there is refused and the connection closed",
            arguments: Place.all
        )
        func refusedIdentifier(place: Place) throws {
            let room = try Room(place)
            let client = try TestClient(port: room.gateway.plainPort, version: place.version)
            let connack = try client.connect(
                as: TestCredentials(
                    clientID: "lamp.other|securemode=3,signmethod=hmacsha256|",
                    userName: "one&lamp", password: "secret"),
                isCleanStart: false)
            #expect(connack.code == (place.version == .v5 ? 0x85 : 2))
            #expect(!connack.isSessionPresent)
            #expect(try client.untilClosed().isEmpty)
        }

        @Test(
            "[MQTT-3.2.2-21] the server's keep-alive is told and counts; 0 and longer ones are shortened"
        )
        func serverKeepAlive() async throws {
            try await TestGateway.run {
                $0.limits.keepAliveMaximumSeconds = 30
            } _: { gateway in
                let room = Room(gateway)
                for (asked, told) in [(UInt16(0), UInt16?(30)), (31, 30), (30, nil), (29, nil)] {
                    let (_, connack) = try room.connect("k", keepAliveSeconds: asked)
                    #expect(connack.serverKeepAliveSeconds == told)
                }
            }
        }

        @Test(
            "[MQTT-3.1.2-28] [MQTT-4.12.0-6] no Response Information, no authentication method that was not asked for",
            arguments: Place.v5
        )
        func nothingUnasked(place: Place) throws {
            let room = try Room(place)
            for asked: UInt8 in [0, 1] {
                let socket = try room.socket()
                try socket.send(
                    .connect(properties: [0x19, asked], clientID: .text(room.clientID("c"))))
                let connack = try #require(try socket.nextBytes())
                // Length, flags, code, then properties with one byte of length.
                #expect(connack[4] < 0x80)
                #expect(Self.identifiers(of: connack[5...]).isDisjoint(with: [0x1A, 0x15, 0x16]))
            }
        }

        /// The identifiers of properties of CONNACK.
        private static func identifiers(of bytes: ArraySlice<UInt8>) -> Set<UInt8> {
            var rest = Array(bytes)
            var found: Set<UInt8> = []
            while let identifier = rest.first {
                found.insert(identifier)
                let length: Int
                switch identifier {
                case 0x24, 0x25, 0x28, 0x29, 0x2A: length = 2
                case 0x13, 0x21, 0x22: length = 3
                case 0x11, 0x27: length = 5
                default: length = 3 + Int(rest[1]) << 8 + Int(rest[2])
                }
                rest.removeFirst(min(length, rest.count))
            }
            return found
        }
    }
}
