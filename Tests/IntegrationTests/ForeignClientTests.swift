import Gateway
import Glibc
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What sessions, wills, retained messages, shares, aliases and expiry look like to PyPI's `paho-mqtt`
    /// and to Debian's mosquitto tools.
    @Suite struct ForeignClientTests {
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")

        @Test(
            "paho: QoS 2, persistent session, retained, will, shared subscription, aliases, expiry",
            arguments: ProtocolVersion.allCases, [1, 4]
        )
        func paho(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let ending = try ChildProcess.run(
                    "\(Self.root)/.build-venv/bin/python",
                    [
                        "\(Self.root)/Tests/IntegrationTests/paho_features.py",
                        "\(gateway.openPort)", version == .v5 ? "5" : "4",
                    ],
                    seconds: 30
                )
                var expected = """
                    session 1 ['1', '2']
                    exactly once 0 2 live
                    retained new 1
                    will gone 0
                    retained will gone 1
                    shares True

                    """
                if version == .v5 {
                    expected += """
                        aliases a/long/topic 1 - 1
                        expiry 50

                        """
                }
                #expect(ending.output == expected, "\(ending.errors)")
            }
        }

        private func mosquitto(
            _ gateway: TestGateway,
            _ version: ProtocolVersion,
            _ arguments: String...
        ) -> [String] {
            ["-h", "127.0.0.1", "-p", "\(gateway.openPort)"]
                + ["-V", version == .v5 ? "mqttv5" : "mqttv311"] + arguments
        }

        @Test(
            "mosquitto: a persistent session at QoS 2, a retained message, a shared subscription, expiry",
            arguments: ProtocolVersion.allCases
        )
        func mosquitto(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let keeper =
                    ["-i", "keeper", "-c", "-q", "2", "-t", "t/#"]
                    + (version == .v5 ? ["-x", "100"] : [])
                let begun = try ChildProcess.run(
                    "mosquitto_sub", mosquitto(gateway, version) + keeper + ["-E"])
                #expect(begun.status == 0, "\(begun.errors)")
                for text in ["one", "two"] {
                    let expiry =
                        version == .v5 && text == "two"
                        ? ["-D", "publish", "message-expiry-interval", "60"] : []
                    let sent = try ChildProcess.run(
                        "mosquitto_pub",
                        mosquitto(gateway, version, "-t", "t/\(text)", "-m", text, "-q", "2", "-r")
                            + expiry
                    )
                    #expect(sent.status == 0, "\(sent.errors)")
                }
                let resumed = try ChildProcess.run(
                    "mosquitto_sub",
                    mosquitto(gateway, version) + keeper + ["-C", "2", "-F", "%t %q %p"])
                #expect(resumed.output == "t/one 2 one\nt/two 2 two\n", "\(resumed.errors)")
                let retained = try ChildProcess.run(
                    "mosquitto_sub",
                    mosquitto(gateway, version, "-t", "t/two", "-C", "1", "-F", "%r %p"))
                #expect(retained.output == "1 two\n", "\(retained.errors)")
                let shared = try ChildProcess.run(
                    "mosquitto_sub",
                    mosquitto(gateway, version, "-i", "member", "-t", "$share/g/u", "-E"))
                #expect(shared.status == 0, "\(shared.errors)")
            }
        }
    }
}
