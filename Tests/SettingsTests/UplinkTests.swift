import Gateway
import Testing

@testable import Settings

/// The servers of the streams that products name.
@Suite("Settings of uplink streams")
struct UplinkTests {
    private func load(_ yaml: String) throws(SettingsError) -> GatewayConfiguration {
        try SettingsLoader.load(yaml: yaml, named: "t.yaml").configuration
    }

    private static let cluster = "cluster: {node: n1, servers: ['nats://c:1'], replicas: 5}\n"

    @Test("a gateway alone has none unless they are named; a node has those of its cluster")
    func access() throws {
        #expect(try load("").uplinkAccess == nil)
        let shared = try #require(try load(Self.cluster).uplinkAccess)
        #expect(shared.access.servers == ["nats://c:1"] && shared.replicas == 5)
        let fewer = try #require(try load(Self.cluster + "uplink: {replicas: 1}").uplinkAccess)
        #expect(fewer.access.servers == ["nats://c:1"] && fewer.replicas == 1)
        let yaml = Self.cluster + "uplink: {servers: ['tls://u:1'], user: me, passwordFile: p}"
        let own = try #require(try load(yaml).uplinkAccess)
        #expect(own.access.servers == ["tls://u:1"] && own.access.usesTLS && own.replicas == 3)
        #expect(own.access.user == "me" && own.access.passwordFile == "p")
    }

    @Test(
        "what is wrong about them names its key",
        arguments: [
            ("replicas: 2", "uplink.replicas: must be 3 or 5, or 1 to try out, and is 2"),
            ("user: me", "uplink.servers: needs the NATS servers of the streams"),
            (
                "servers: [localhost]",
                "uplink.servers: must be like nats://HOST:4222 or tls://HOST:4222, and one is 'localhost'"
            ),
            (
                "servers: ['nats://a:1'], passwordFile: p",
                "uplink.user: is missing: a user and a password come together"
            ),
        ])
    func wrong(_ yaml: String, _ expected: String) {
        let error = #expect(throws: SettingsError.self) { try load("uplink: {\(yaml)}") }
        #expect(error.map { "\($0)" }?.hasSuffix(expected) == true, "\(String(describing: error))")
    }
}
