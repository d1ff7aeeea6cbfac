import Foundation
import Processes
import Support
import Testing

/// What probe sees of a gateway from outside.
@Suite("Probe", .waits)
struct ProbeTests {
    /// A gateway with an encrypted listener and WebSockets, whose certificate of `days` is its own authority.
    private func serving(_ program: Program, days: Int = 20) throws -> Serving {
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days \(days) -subj /CN=x "
                + "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem")
        try #require(made.code == 0, "\(made.errors)")
        let yaml = """
            shards: 1
            admin: {port: 0}
            tls: {certificate: cert.pem, key: key.pem}
            activation: {secretLengthMinimum: 1}
            storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
            listeners:
              - {name: local, port: 0, tls: false}
              - {name: secure, port: 0, tls: true}
              - {name: web, port: 0, tls: false, protocol: websocket}
              - {name: safeweb, port: 0, tls: true, protocol: websocket}
            """
        try Data(yaml.utf8).write(to: program.directory.appending(path: "probe.yaml"))
        // The last configuration that is named holds.
        return try Serving(program, ["--config", "probe.yaml"])
    }

    private func url(_ name: String, _ serving: Serving) throws -> String {
        let text = serving.errors
        let start = try #require(text.firstRange(of: "listener '\(name)' on ")).upperBound
        return String(text[start...].prefix { !$0.isWhitespace })
    }

    @Test("the certificate is verified, and how long it lasts is said; --insecure takes any")
    func certificate() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try serving(program)
        let url = try url("secure", serving)
        let strange = try program.run(["probe", "--url", url])
        #expect(strange.code == 1, "\(strange)")
        #expect(strange.errors.contains("the certificate is refused, "), "\(strange.errors)")
        #expect(!strange.errors.contains("error:0A"), "\(strange.errors)")
        let verified = try program.run(["probe", "--url", url, "--ca", "cert.pem"])
        #expect(verified.code == 0, "\(verified.errors)")
        #expect(
            verified.output.contains("certificate verified, 19 days left"), "\(verified.output)")
        let misnamed = url.replacing("127.0.0.1", with: "localhost")
        #expect(try program.run(["probe", "--url", misnamed, "--ca", "cert.pem"]).code == 1)
        let any = try program.run(["probe", "--url", misnamed, "--insecure", "--json"])
        #expect(any.code == 0 && any.output.contains("\"certificateDays\":19"), "\(any)")
        #expect(serving.end() == 0)
    }

    @Test("with and without a device, over TCP, TLS and WebSockets: round trips are measured")
    func ways() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try serving(program)
        try serving.furnish()
        let environment = ["TOLLGATE_PROBE_PASSWORD": "s1"]
        for name in ["local", "secure", "web", "safeweb"] {
            let url = try url(name, serving)
            let probe = ["probe", "--url", url, "--ca", "cert.pem", "--count", "3"]
            let stranger = try program.run(probe)
            #expect(stranger.code == 0, "\(url): \(stranger.errors)")
            #expect(stranger.output.contains("3 times connection and refusal"), "\(stranger)")
            let device = try program.run(
                probe + ["--device", "lamp/d1"], environment: environment)
            #expect(device.code == 0, "\(url): \(device.errors)")
            #expect(device.output.contains("success") && device.output.contains("3 times PING"))
        }
        let forged = try program.run(
            ["probe", "--url", try url("local", serving), "--device", "lamp/d1"],
            environment: ["TOLLGATE_PROBE_PASSWORD": "not-this"])
        #expect(forged.code == 1, "\(forged)")
        #expect(forged.errors.contains("refused, bad-credentials: "), "\(forged.errors)")
        #expect(forged.errors.split(separator: "\n").count == 2, "what to do next")
        let elsewhere = try url("web", serving).replacing("/mqtt", with: "/other")
        let refused = try program.run(["probe", "--url", elsewhere])
        #expect(refused.code == 1 && refused.errors.contains("the listener's path"), "\(refused)")
        let (plain, wrong) = (try url("local", serving), ["probe", "--url", "http://x"])
        #expect(try program.run(wrong).errors.contains("must be mqtts://"))
        #expect(serving.end() == 0)
        let gone = try program.run(["probe", "--url", plain])
        #expect(gone.errors.contains("no gateway answers at 127.0.0.1:"), "\(gone)")
    }
}
