import Foundation
import Processes
import Support
import Testing

/// A port that MQTT shares with the API, asked by clients that know nothing of each other.
@Suite("A port for MQTT and HTTP", .waits)
struct SharedPortTests {
    private static let yaml = """
        shards: 2
        admin: {port: 0, accessLog: true}
        tls: {certificate: cert.pem, key: key.pem}
        activation: {secretLengthMinimum: 1}
        storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
        listeners:
          - {name: local, port: 0, tls: true, shareWithAPI: true}
          - {name: balanced, port: 0, tls: true, shareWithAPI: true, proxyProtocol: true}
        """

    private func certify(_ program: Program, _ name: String) throws {
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=\(name) "
                + "-addext subjectAltName=IP:127.0.0.1 -keyout new.key -out new.pem "
                + "&& mv new.key key.pem && mv new.pem cert.pem")
        try #require(made.code == 0, "\(made.errors)")
    }

    private func serving(_ program: Program) throws -> Serving {
        try Data(Self.yaml.utf8).write(to: program.directory.appending(path: "shared.yaml"))
        return try Serving(program, ["--config", "shared.yaml"])
    }

    private func port(of listener: String, _ serving: Serving) -> String {
        guard
            let range = serving.errors.firstRange(
                of: "listener '\(listener)' on mqtts://127.0.0.1:")
        else { return "" }
        return String(serving.errors[range.upperBound...].prefix { $0.isNumber })
    }

    @Test("HTTP by Python, MQTT by paho, a ClientHello byte by byte, tickets, and a proxy in front")
    func scenarios() throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "one")
        let serving = try serving(program)
        for line in [
            "account create --id acme --name Acme",
            "package create --id basic --name Basic --validity-days 10 --messages-per-day 1000",
            "product create --pk lamp --name Lamp --account acme",
            "codes buy acme --package basic --quantity 1 --product lamp",
        ] {
            let result = try serving.run(line.split(separator: " ").map(String.init))
            try #require(result.code == 0, "\(line): \(result.errors)")
        }
        let imported = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\nd1,secret-1\n")
        try #require(imported.code == 0, "\(imported.errors)")
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "shared_port_scenarios.py").path
        let result = try program.python([
            script, "cert.pem", port(of: "local", serving), port(of: "balanced", serving), "d1",
            "d1&lamp", "secret-1",
        ])
        #expect(result.output == "all is well\n", "\(result.output)\(result.errors)")
        #expect(serving.errors.contains("203.0.113.9"))
        let metrics = try serving.shell("curl -sS $TOLLGATE_API/metrics").output
        #expect(
            metrics.contains("tollgate_connections_given_to_api_total ")
                && !metrics.contains("tollgate_connections_given_to_api_total 0\n"))
        #expect(serving.end() == 0)
    }

    @Test(
        "curl and openssl are served by what they offer; SIGHUP is for both; verbs find the API there"
    )
    func commands() throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "one")
        let serving = try serving(program)
        let place = "127.0.0.1:\(port(of: "local", serving))"
        let served = try program.shell("curl -sS -m 10 --cacert cert.pem https://\(place)/healthz")
        #expect(served.code == 0 && !served.output.isEmpty, "\(served)")
        // Without ALPN it is MQTT, and no CONNECT.
        let unnamed = try program.shell(
            "curl -sS -m 10 --no-alpn --cacert cert.pem https://\(place)/healthz")
        #expect(unnamed.code != 0 && unnamed.output.isEmpty, "\(unnamed)")
        for (offered, agreed) in [
            ("mqtt", "ALPN protocol: mqtt"), ("x-amzn-mqtt-ca", "ALPN protocol: x-amzn-mqtt-ca"),
            ("h2,http/1.1", "ALPN protocol: http/1.1"), ("h2,mqtt,http/1.1", "ALPN protocol: mqtt"),
            ("h2", "alert no application protocol"),
        ] {
            let asked = try program.shell(
                "openssl s_client -connect \(place) -alpn \(offered) </dev/null 2>&1")
            #expect(asked.output.contains(agreed), "\(offered): \(asked.output)")
        }
        let listed = try program.run([
            "account", "list", "--api", "https://\(place)", "--ca-file", "cert.pem", "--data",
            "data",
        ])
        #expect(listed.code == 0, "\(listed.errors)")
        try certify(program, "two")
        _ = try program.shell("kill -HUP \(serving.processIdentifier)")
        #expect(Patience.awaits { serving.errors.contains("certificates read again") })
        for offered in ["mqtt", "http/1.1"] {
            let shown = try program.shell(
                "openssl s_client -connect \(place) -alpn \(offered) </dev/null 2>/dev/null "
                    + "| openssl x509 -noout -subject")
            #expect(shown.output.contains("two"), "\(offered): \(shown)")
        }
        #expect(serving.end() == 0)
    }

    @Test("the configuration is told where it can't share")
    func configuration() throws {
        let program = try Program()
        defer { program.remove() }
        for listener in [
            "{name: a, port: 1, tls: false, shareWithAPI: true}",
            "{name: a, port: 1, protocol: websocket, shareWithAPI: true}",
        ] {
            try Data("listeners:\n  - \(listener)\n".utf8)
                .write(to: program.directory.appending(path: "wrong.yaml"))
            let result = try program.run(["config", "check", "--config", "wrong.yaml"])
            #expect(result.code != 0, "\(listener)")
            #expect(
                (result.output + result.errors).contains(
                    "listeners[0].shareWithAPI: is for tls true and protocol mqtt only"),
                "\(result)")
        }
    }
}
