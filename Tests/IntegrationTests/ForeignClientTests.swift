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

        @Test(
            "mosquitto: a will, a topic alias, and the messages of a share in turn",
            arguments: ProtocolVersion.allCases
        )
        func mosquittoMore(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let watcher = try TestClient(port: gateway.openPort)
                _ = try watcher.connect(as: .anonymous("watcher"))
                try watcher.subscribe("w/#", "a/#", qos: .exactlyOnce)
                // Its debugging output is seen line by line.
                let listener = ["-oL", "mosquitto_sub"]
                let doomed = try ChildProcess(
                    "stdbuf",
                    listener
                        + mosquitto(
                            gateway, version, "-d", "-i", "doomed", "-t", "x", "--will-topic",
                            "w/doomed",
                            "--will-payload", "gone", "--will-qos", "2"))
                try #require(doomed.waitForOutput { output, _ in output.contains("SUBACK") })
                doomed.kill()
                let will = try watcher.message()
                #expect(will.text == "gone" && will.qos == .exactlyOnce)
                if version == .v5 {
                    let sent = try ChildProcess.run(
                        "mosquitto_pub",
                        mosquitto(
                            gateway, version, "-t", "a/b", "-m", "again", "-q", "1", "--repeat",
                            "3",
                            "-D", "publish", "topic-alias", "5"))
                    #expect(sent.status == 0, "\(sent.errors)")
                    for _ in 0..<3 {
                        let message = try watcher.message()
                        #expect(message.topic == "a/b" && message.text == "again")
                    }
                }
                let members = try ["one", "two"].map { name in
                    let member = try ChildProcess(
                        "stdbuf",
                        listener
                            + mosquitto(
                                gateway, version, "-d", "-i", name, "-q", "1", "-t", "$share/g/s/#",
                                "-C", "2"))
                    try #require(member.waitForOutput { output, _ in output.contains("SUBACK") })
                    return member
                }
                for number in 0..<4 {
                    try watcher.publish("s/\(number)", "\(number)", qos: .atLeastOnce)
                }
                for member in members { #expect(try member.wait().status == 0) }
            }
        }
    }
}
