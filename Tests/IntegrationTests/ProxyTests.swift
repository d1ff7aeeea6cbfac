import Gateway
import Ledger
import Linux
import Support
import Testing

extension WholeGateway {
    /// Listeners behind a proxy that says whom it speaks for.
    @Suite struct ProxyTests {
        private static func line(_ address: String, port: Int = 51_324) -> [UInt8] {
            let family = address.contains(":") ? "TCP6" : "TCP4"
            let own = address.contains(":") ? "2001:db8::1" : "198.51.100.1"
            return Array("PROXY \(family) \(address) \(own) \(port) 8883\r\n".utf8)
        }

        /// Version 2, IPv4, with an extension behind the addresses.
        private static func binary(_ address: [UInt8]) -> [UInt8] {
            [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
                + [0x21, 0x11, 0, 16] + address + [198, 51, 100, 1, 0xC8, 0x7C, 0x22, 0xB3]
                + [0x04, 0, 1, 0]
        }

        private func run(
            shards: Int = 2,
            configure: (inout GatewayConfiguration) -> Void = { _ in },
            _ body: (TestGateway) async throws -> Void
        ) async throws {
            try await TestGateway.runWithWebSockets(
                shards: shards,
                configure: { configuration in
                    for index in configuration.listeners.indices {
                        configuration.listeners[index].proxyProtocol = true
                    }
                    configure(&configuration)
                }, body)
        }

        @Test(
            "the announced address is the connection's, plain and over TLS, in both versions",
            arguments: [false, true])
        func addresses(overTLS: Bool) async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 9)
                for (number, (header, address)) in [
                    (Self.line("203.0.113.9"), "203.0.113.9:51324"),
                    (Self.line("2001:db8::7"), "[2001:db8::7]:51324"),
                    (Self.binary([203, 0, 113, 10]), "203.0.113.10:51324"),
                ].enumerated() {
                    let device = try await gateway.importDevice("dk\(number)", into: product)
                    let client = try TestClient(
                        port: overTLS ? gateway.tlsPort : gateway.plainPort,
                        context: overTLS ? gateway.certificates.clientContext : nil,
                        announcing: header)
                    let answer = try client.connect(
                        as: .signed(device, secureMode: overTLS ? 2 : 3))
                    #expect(answer.code == 0)
                    let connection = await gateway.gateway.connection(of: device.identity)
                    #expect(connection?.address == address)
                    try client.disconnect()
                    _ = try client.untilClosed()
                    let ending = await gateway.gateway.outcomes(of: device.identity).lastEnding
                    #expect(ending?.address == address)
                }
            }
        }

        @Test("in front of a WebSocket's handshake too", arguments: [false, true])
        func webSocket(overTLS: Bool) async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(
                    port: gateway.port(of: overTLS ? "wss" : "ws"),
                    context: overTLS ? gateway.certificates.clientContext : nil,
                    announcing: Self.line("203.0.113.9"))
                #expect(try client.openWebSocket().hasPrefix("HTTP/1.1 101 "))
                let answer = try client.connect(as: .signed(device, secureMode: overTLS ? 2 : 3))
                #expect(answer.code == 0)
                let connection = await gateway.gateway.connection(of: device.identity)
                #expect(connection?.address == "203.0.113.9:51324")
            }
        }

        @Test("a header may come in pieces, and together with what follows it")
        func pieces() async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let connect = TestCredentials.signed(device, secureMode: 3).connectPacket()
                for header in [Self.line("203.0.113.9"), Self.binary([203, 0, 113, 9])] {
                    let whole = try TestClient(port: gateway.plainPort)
                    try whole.send(header + connect)
                    guard case .connack(let answer) = try whole.next() else { throw Unanswered() }
                    #expect(answer.code == 0)
                    let slow = try TestClient(port: gateway.plainPort)
                    for byte in header {
                        try slow.send([byte])
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    try slow.send(connect)
                    guard case .connack(let answer) = try slow.next() else { throw Unanswered() }
                    #expect(answer.code == 0)
                    let connection = await gateway.gateway.connection(of: device.identity)
                    #expect(connection?.address == "203.0.113.9:51324")
                }
            }
        }

        private struct Unanswered: Error {}

        @Test(
            "in front of a ClientHello: in one segment, and both byte by byte",
            arguments: [TestClient.OpeningPieces.one, .bytes])
        func piecesOverTLS(pieces: TestClient.OpeningPieces) async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                for header in [Self.line("203.0.113.9"), Self.binary([203, 0, 113, 9])] {
                    let client = try TestClient(
                        port: gateway.tlsPort, context: gateway.certificates.clientContext,
                        announcing: header, in: pieces)
                    #expect(try client.connect(as: .signed(device, secureMode: 2)).code == 0)
                    let connection = await gateway.gateway.connection(of: device.identity)
                    #expect(connection?.address == "203.0.113.9:51324")
                    try client.disconnect()
                    _ = try client.untilClosed()
                }
            }
        }

        /// Of version 2: LOCAL with the addresses of a check of health, and a family that says nothing.
        private static let selfSpeaking: [[UInt8]] = [
            Array("PROXY UNKNOWN\r\n".utf8),
            binary([203, 0, 113, 9]).enumerated().map { $0.offset == 12 ? 0x20 : $0.element },
            [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
                + [0x21, 0, 0, 4, 4, 0, 1, 0],
        ]

        @Test("a proxy that speaks for itself keeps its own address", arguments: selfSpeaking)
        func itself(header: [UInt8]) async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(
                    port: gateway.plainPort, context: nil, announcing: header)
                #expect(try client.connect(as: .signed(device, secureMode: 3)).code == 0)
                let connection = await gateway.gateway.connection(of: device.identity)
                #expect(connection?.address.hasPrefix("127.0.0.1:") == true)
            }
        }

        @Test("a malformed header, or none, closes the connection, and is counted by its reason")
        func malformed() async throws {
            try await run(shards: 1) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let connect = TestCredentials.signed(device, secureMode: 3).connectPacket()
                let wrong: [[UInt8]] = [
                    connect, Array("PROXY TCP4 1.2.3.4\r\n".utf8), [0x16, 3, 1],
                    Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
                    Self.line("203.0.113.9").dropLast() + [13], Array(repeating: 0x0D, count: 20),
                    // Its checksum is wrong.
                    Self.binary([203, 0, 113, 9]).prefix(28).enumerated().map {
                        $0.offset == 15 ? 19 : $0.element
                    } + [3, 0, 4, 1, 2, 3, 4],
                ]
                for bytes in wrong {
                    let client = try TestClient(port: gateway.plainPort)
                    try client.send(bytes + connect)
                    #expect(try client.untilClosed().isEmpty)
                }
                #expect(await gateway.endings(.proxyHeaderInvalid) == wrong.count)
                // A second header is the client's, and no packet.
                let client = try TestClient(port: gateway.plainPort)
                try client.send(Self.line("203.0.113.9") + Self.line("203.0.113.8") + connect)
                #expect(try client.untilClosed().isEmpty)
                #expect(await gateway.endings(.proxyHeaderInvalid) == wrong.count)
                #expect(try gateway.figures(of: product)?.consumed == 0)
                #expect(await gateway.unadmitted(shards: 1) == 0)
            }
        }

        @Test("a header has the time of a CONNECT")
        func silent() async throws {
            try await run(configure: { $0.limits.connectTimeoutSeconds = 1 }) { gateway in
                let client = try TestClient(port: gateway.tlsPort)
                try client.send(Array("PROXY TCP4 ".utf8))
                #expect(try client.untilClosed(seconds: 5).isEmpty)
                #expect(await gateway.endings(.connectTimeout) == 1)
            }
        }

        @Test("nobody but the trusted proxies connects, whatever is announced")
        func untrusted() async throws {
            try await run(
                shards: 1,
                configure: { configuration in
                    for index in configuration.listeners.indices {
                        configuration.listeners[index].trustedProxies = ["127.0.7.0/24", "::1"]
                    }
                }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let stranger = try TestClient(port: gateway.plainPort)
                #expect(try stranger.untilClosed().isEmpty)
                #expect(await gateway.endings(.proxyNotTrusted) == 1)
                let client = try TestClient(
                    port: gateway.plainPort, context: nil, from: IPAddress("127.0.7.1")!,
                    announcing: Self.line("203.0.113.9"))
                #expect(try client.connect(as: .signed(device, secureMode: 3)).code == 0)
            }
        }

        @Test("limits go by the announced address, and by the /64 of IPv6, not by the proxy's")
        func limits() async throws {
            try await run(
                shards: 1,
                configure: { configuration in
                    configuration.limits.connectsPerSecondPerAddress = 5
                    configuration.limits.unadmittedPerAddress = 1_000
                    configuration.limits.exemptNetworks = ["192.0.2.0/24"]
                }
            ) { gateway in
                func admitted(_ address: (Int) -> String) throws -> Int {
                    var count = 0
                    for number in 0..<40 {
                        let client = try TestClient(
                            port: gateway.openPort, context: nil,
                            announcing: Self.line(address(number)))
                        try client.sendConnect(as: .anonymous("c\(number)"))
                        if case .connack(let answer)? = try client.next(), answer.code == 0 {
                            count += 1
                        }
                    }
                    return count
                }
                let one = try admitted { _ in "203.0.113.9" }
                #expect(one >= 10 && one < 20, "\(one)")
                let network = try admitted { "2001:db8::\($0 + 1)" }
                #expect(network >= 10 && network < 20, "\(network)")
                #expect(try admitted { "203.0.113.\($0 + 10)" } == 40)
                #expect(try admitted { "2001:db8:0:\($0 + 1)::1" } == 40)
                #expect(try admitted { _ in "192.0.2.9" } == 40)
                #expect(await gateway.endings(.addressRateExceeded) == 80 - one - network)
            }
        }

        @Test("silent clients of one announced address keep nobody else out")
        func silentClients() async throws {
            try await run(
                shards: 1, configure: { $0.limits.unadmittedPerAddress = 3 }
            ) { gateway in
                var silent: [TestClient] = []
                for _ in 0..<10 {
                    silent.append(
                        try TestClient(
                            port: gateway.openPort, context: nil,
                            announcing: Self.line("203.0.113.9")))
                }
                for client in silent.dropFirst(3) { #expect(try client.untilClosed().isEmpty) }
                #expect(await gateway.endings(.addressBusy) == 7)
                let client = try TestClient(
                    port: gateway.openPort, context: nil, announcing: Self.line("203.0.113.8"))
                #expect(try client.connect(as: .anonymous("c")).code == 0)
            }
        }
    }
}
