import Foundation
import Processes
import Support
import Testing

/// A TLS configuration whose settings are right each by itself, and with which no client could shake hands.
@Suite("TLS settings of the program", .waits)
struct TLSSettingTests {
    /// A certificate for that name, with an EC key or an RSA key.
    private func certify(_ program: Program, _ name: String, isRSA: Bool) throws {
        let key = isRSA ? "rsa:2048" : "ec -pkeyopt ec_paramgen_curve:P-256"
        let made = try program.shell(
            "openssl req -x509 -newkey \(key) -nodes -days 3 -subj /CN=\(name) "
                + "-keyout key.pem.new -out cert.pem.new "
                + "&& mv key.pem.new key.pem && mv cert.pem.new cert.pem")
        try #require(made.code == 0, "\(made.errors)")
    }

    private static let files = ["--set", "tls.certificate=cert.pem", "--set", "tls.key=key.pem"]

    private static func oldTLS(_ ciphers: String) -> [String] {
        ["--set", "tls.maximumVersion=1.2", "--set", "tls.ciphers=\(ciphers)"]
    }

    private func complaint(_ setting: String, _ version: String) -> String {
        "\(setting): no client can connect: in no version of TLS that is offered (\(version)) does a "
            + "cipher suite fit the key of cert.pem\n"
    }

    @Test(
        "suites that don't fit the certificate's key stop the start with one line that names the setting, and exit code 1",
        arguments: [
            (false, "ECDHE-RSA-AES128-GCM-SHA256"), (true, "ECDHE-ECDSA-AES128-GCM-SHA256"),
            (true, "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305"),
        ])
    func start(isRSA: Bool, ciphers: String) throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "one", isRSA: isRSA)
        let arguments =
            [
                "listeners.devices.port=0", "listeners.local.port=0", "admin.port=0",
                "storage.ledgerMapBytes=67108864", "storage.usageMapBytes=67108864",
            ].flatMap { ["--set", $0] } + Self.files + Self.oldTLS("'\(ciphers)'")
        // One that starts all the same is ended, with another code.
        let result = try program.shell(
            "timeout 60 tollgate serve \(arguments.joined(separator: " "))")
        #expect(result.code == 1)
        #expect(result.errors == "tollgate: " + complaint("tls.ciphers", "TLSv1.2"))
        #expect(result.output.isEmpty)
    }

    @Test(
        "SIGHUP with a certificate that none of the suites fits changes nothing: a line says so, and the old one is served"
    )
    func reload() throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "old", isRSA: false)
        let serving = try Serving(
            program,
            ["--set", "listeners.local.tls=true"] + Self.files
                + Self.oldTLS("ECDHE-ECDSA-AES128-GCM-SHA256"))
        func served() throws -> String {
            try program.shell(
                "openssl s_client -connect 127.0.0.1:\(serving.port) </dev/null"
                    + " | openssl x509 -noout -subject"
            ).output
        }
        #expect(try served() == "subject=CN = old\n")
        try certify(program, "wrong", isRSA: true)
        kill(serving.processIdentifier, SIGHUP)
        let line =
            "the certificates stay as they were: " + complaint("tls.ciphers", "TLSv1.2").dropLast()
        let isRefused = Patience.awaits { serving.errors.contains(line) }
        #expect(isRefused, "\(serving.errors)")
        #expect(try served() == "subject=CN = old\n")
        // The next one that fits is taken.
        try certify(program, "new", isRSA: false)
        kill(serving.processIdentifier, SIGHUP)
        let isRead = Patience.awaits { serving.errors.contains("certificates read again") }
        #expect(isRead, "\(serving.errors)")
        let isServed = try Patience.awaits { try served() == "subject=CN = new\n" }
        #expect(isServed)
        #expect(serving.end() == 0)
    }
}
