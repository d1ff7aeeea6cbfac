import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// PyPI's `paho-mqtt` in WebSockets.
    @Suite struct WebSocketPahoTests {
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")

        @Test(
            "paho as device and application in WebSockets, over TLS and without",
            arguments: ProtocolVersion.allCases, [false, true]
        )
        func exchange(version: ProtocolVersion, overTLS: Bool) async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let signed = TestCredentials.signed(device, secureMode: overTLS ? 2 : 3)
                let backend = TestCredentials.application(key)
                let ending = try ChildProcess.run(
                    "\(Self.root)/.build-venv/bin/python",
                    [
                        "\(Self.root)/Tests/IntegrationTests/paho_scenarios.py", "exchange",
                        "\(gateway.port(of: overTLS ? "wss" : "ws"))",
                        overTLS ? gateway.certificates.authorityFile : "",
                        version == .v5 ? "5" : "4", device.topicPrefix,
                        signed.clientID, signed.userName ?? "", signed.password ?? "",
                        backend.clientID, backend.userName ?? "", backend.password ?? "",
                        "websockets",
                    ],
                    seconds: 30
                )
                #expect(ending.status == 0, "\(ending.output) \(ending.errors)")
                #expect(ending.output.split(separator: "\n").count == 5)
                #expect(ending.output.hasPrefix("up atMostOnce 0\nup atLeastOnce 1\n"))
                try await until {
                    await gateway.metric(
                        "tollgate_connections_ended_total{reason=\"disconnected\"}") == 2
                }
            }
        }
    }
}
