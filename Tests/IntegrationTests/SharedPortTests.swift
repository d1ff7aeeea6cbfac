import Gateway
import Ledger
import Linux
import Support
import Synchronization
import Testing
import TLS

extension WholeGateway {
    /// ALPN (RFC 7301), and a listener that shares its port with the API: what it is given.
    @Suite struct SharedPortTests {
        private func context(_ gateway: TestGateway, offering protocols: [String]) throws
            -> TLSContext
        {
            try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: gateway.certificates.authorityFile,
                    applicationProtocols: protocols))
        }

        private func run(
            configure: (inout GatewayConfiguration) -> Void = { _ in },
            _ body: (TestGateway) async throws -> Void
        ) async throws {
            try await TestGateway.run(
                configure: { configuration in
                    for index in configuration.listeners.indices
                    where configuration.listeners[index].tls {
                        configuration.listeners[index].shareWithAPI = true
                    }
                    configure(&configuration)
                }, body)
        }

        /// What has been left for the API.
        private final class Visitors: Sendable {
            struct Seen: Equatable {
                let address: String
                let arrived: [UInt8]
            }

            private let seen = Mutex<[Seen]>([])
            var all: [Seen] { seen.withLock { $0 } }

            /// Notes a visitor, and closes the connection.
            func take(_ visitor: SharedPort.Visitor) {
                let noted = Seen(
                    address: "\(visitor.peer.address)", arrived: visitor.arrived)
                seen.withLock { $0.append(noted) }
            }
        }

        @Test(
            "listeners of MQTT agree to mqtt and x-amzn-mqtt-ca, those of WebSockets to http/1.1; none is as well",
            arguments: [
                ("devices", ["mqtt"], "mqtt"), ("devices", ["x-amzn-mqtt-ca"], "x-amzn-mqtt-ca"),
                ("devices", ["h2", "x-amzn-mqtt-ca", "mqtt"], "mqtt"), ("devices", [], nil),
                ("wss", ["http/1.1"], "http/1.1"), ("wss", [], nil),
            ] as [(String, [String], String?)])
        func agreed(listener: String, offered: [String], chosen: String?) async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(
                    port: gateway.port(of: listener),
                    context: try self.context(gateway, offering: offered))
                #expect(client.applicationProtocol == chosen)
                if listener == "wss" {
                    #expect(try client.openWebSocket().hasPrefix("HTTP/1.1 101 "))
                }
                #expect(try client.connect(as: .signed(device, secureMode: 2)).code == 0)
            }
        }

        @Test("who offers other protocols only is refused, and counted")
        func otherProtocols() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                for (listener, offered) in [
                    ("devices", ["h2", "http/1.1"]), ("wss", ["mqtt"]), ("devices", ["MQTT"]),
                ] {
                    let context = try self.context(gateway, offering: offered)
                    let error = #expect(throws: TestClientError.self) {
                        _ = try TestClient(port: gateway.port(of: listener), context: context)
                    }
                    #expect("\(error.debugDescription)".contains("lert"), "\(offered)")
                }
                #expect(await gateway.endings(.handshakeFailed) == 3)
            }
        }

        @Test(
            "on a shared port http/1.1 is the API's, with each byte of the ClientHello, however it is cut",
            arguments: [TestClient.OpeningPieces.one, .bytes])
        func visitors(pieces: TestClient.OpeningPieces) async throws {
            try await run { gateway in
                let visitors = Visitors()
                gateway.gateway.sharedPort.open { visitors.take($0) }
                let context = try self.context(gateway, offering: ["h2", "http/1.1"])
                #expect(throws: TestClientError.self) {
                    _ = try TestClient(port: gateway.tlsPort, context: context, in: pieces)
                }
                let seen = try #require(visitors.all.first)
                #expect(visitors.all.count == 1)
                #expect(seen.address == "127.0.0.1")
                #expect(
                    ClientHello.read(seen.arrived.span) == .offers(["h2", "http/1.1"]))
                #expect(await gateway.unadmitted(shards: 2) == 0)
            }
        }

        @Test(
            "on a shared port all others are MQTT's: who offers that, or nothing, however it is cut",
            arguments: [["mqtt"], ["x-amzn-mqtt-ca", "http/1.1"], []], [true, false])
        func clients(offered: [String], isCut: Bool) async throws {
            try await run { gateway in
                let visitors = Visitors()
                gateway.gateway.sharedPort.open { visitors.take($0) }
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(
                    port: gateway.tlsPort, context: try self.context(gateway, offering: offered),
                    in: isCut ? .bytes : .one)
                #expect(try client.connect(as: .signed(device, secureMode: 2)).code == 0)
                #expect(client.applicationProtocol == offered.first)
                #expect(visitors.all.isEmpty)
            }
        }

        @Test(
            "while no API takes them, connections of HTTP are closed; what is no TLS fails as ever")
        func closed() async throws {
            try await run { gateway in
                let context = try self.context(gateway, offering: ["http/1.1"])
                #expect(throws: TestClientError.self) {
                    _ = try TestClient(port: gateway.tlsPort, context: context)
                }
                #expect(await gateway.endings(.serverBusy) == 1)
                let plain = try TestClient(port: gateway.tlsPort)
                try plain.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                _ = try? plain.untilClosed()
                #expect(await gateway.endings(.handshakeFailed) == 1)
                #expect(await gateway.unadmitted(shards: 2) == 0)
            }
        }

        @Test("a ClientHello has the time of a handshake")
        func silent() async throws {
            try await run(configure: { $0.limits.handshakeTimeoutSeconds = 1 }) { gateway in
                let client = try TestClient(port: gateway.tlsPort)
                try client.send([22, 3, 1, 0])
                _ = try? client.untilClosed(seconds: 10)
                #expect(await gateway.endings(.handshakeTimeout) == 1)
            }
        }

        @Test("behind a proxy the visitor has the address that is announced")
        func announced() async throws {
            try await run(configure: { configuration in
                for index in configuration.listeners.indices {
                    configuration.listeners[index].proxyProtocol = true
                }
            }) { gateway in
                let visitors = Visitors()
                gateway.gateway.sharedPort.open { visitors.take($0) }
                let header = Array("PROXY TCP4 203.0.113.9 198.51.100.1 51324 443\r\n".utf8)
                for pieces in [TestClient.OpeningPieces.two, .one, .bytes] {
                    let context = try self.context(gateway, offering: ["http/1.1"])
                    #expect(throws: TestClientError.self) {
                        _ = try TestClient(
                            port: gateway.tlsPort, context: context, announcing: header, in: pieces)
                    }
                }
                #expect(visitors.all.map(\.address) == Array(repeating: "203.0.113.9", count: 3))
                for seen in visitors.all {
                    #expect(ClientHello.read(seen.arrived.span) == .offers(["http/1.1"]))
                }
            }
        }
    }
}
