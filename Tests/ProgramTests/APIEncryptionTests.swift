import Foundation
import Processes
import Support
import Testing

/// The API over TLS, and what its clients make of its certificate.
@Suite("The API over TLS", .waits)
struct APIEncryptionTests {
    private static let files = [
        "--set", "admin.tls.certificate=cert.pem", "--set", "admin.tls.key=key.pem",
    ]

    /// A certificate that is its own authority.
    private func certify(_ program: Program, _ names: String, as file: String = "cert") throws {
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=\(file) "
                + "-addext subjectAltName=\(names) -keyout new.key -out new.pem "
                + "&& mv new.key \(file == "cert" ? "key" : file + ".key").pem && mv new.pem \(file).pem"
        )
        try #require(made.code == 0, "\(made.errors)")
    }

    @Test(
        "verbs verify the certificate: its authority and its name; a stream, an upload, a probe and curl go over it"
    )
    func verified() throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "IP:127.0.0.1")
        try certify(program, "IP:127.0.0.1", as: "other")
        let serving = try Serving(program, Self.files)
        #expect(serving.api.hasPrefix("https://127.0.0.1:"))
        let trusted = ["--ca-file", "cert.pem"]
        for command in [
            ["account", "create", "--id", "acme", "--name", "Acme"],
            ["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"],
        ] {
            let result = try serving.run(command + trusted)
            #expect(result.code == 0, "\(result.errors)")
        }
        let rows = "dk,secret\n" + (1...5_000).map { "d\($0),secret-\($0)\n" }.joined()
        let imported = try serving.run(["device", "import", "lamp", "-"] + trusted, input: rows)
        #expect(imported.code == 0, "\(imported.errors)")
        let listed = try serving.run(["device", "list", "lamp", "--json"] + trusted)
        #expect(listed.code == 0 && listed.output.contains("\"d5000\""), "\(listed.errors)")
        let unknown = try serving.run(["account", "list", "--ca-file", "other.pem"])
        #expect(unknown.code == 1 && unknown.errors.contains("certificate"), "\(unknown)")
        let untold = try serving.run(["account", "list"])
        #expect(untold.code == 1 && untold.errors.contains("certificate"), "\(untold)")
        let named = serving.api.replacing("127.0.0.1", with: "localhost")
        let misnamed = try program.run(["account", "list", "--api", named] + trusted)
        #expect(misnamed.code == 1 && misnamed.errors.contains("ostname mismatch"), "\(misnamed)")
        let plain = serving.api.replacing("https", with: "http")
        #expect(try program.run(["account", "list", "--api", plain]).code == 1)
        let probed = try program.run([
            "probe", "--url", serving.listener, "--http", serving.api, "--ca", "cert.pem",
        ])
        #expect(probed.code == 0, "\(probed.errors)")
        let curl = try program.shell(
            "curl -sS --cacert cert.pem --tlsv1.2 --tls-max 1.2 \(serving.api)/healthz && "
                + "curl -sS --cacert cert.pem \(serving.api)/healthz \(serving.api)/readyz")
        #expect(curl.code == 0, "\(curl.errors)")
        #expect(serving.end() == 0)
    }

    @Test(
        "a name with two addresses: the gateway is found at the second, and certified by the name")
    func named() throws {
        let program = try Program()
        defer { program.remove() }
        try certify(program, "DNS:localhost")
        let serving = try Serving(program, Self.files)
        let named = serving.api.replacing("127.0.0.1", with: "localhost")
        let trusted = ["--ca-file", "cert.pem"]
        let result = try program.run(["account", "list", "--api", named] + trusted)
        #expect(result.code == 0, "\(result.errors)")
        let address = try serving.run(["account", "list"] + trusted)
        #expect(address.code == 1 && address.errors.contains("ostname mismatch"), "\(address)")
        #expect(serving.end() == 0)
    }

    @Test(
        "SIGHUP reads certificate and key again; a file that is not there stops the start with one line"
    )
    func files() throws {
        let program = try Program()
        defer { program.remove() }
        let missing = try program.run(
            ["serve", "--set", "admin.port=0", "--set", "listeners.local.port=0"] + Self.files)
        #expect(missing.code == 1 && missing.errors.contains("cert.pem"), "\(missing)")
        let half = try program.run(["serve", "--set", "admin.tls.certificate=cert.pem"])
        #expect(half.code != 0 && half.errors.contains("admin.tls.key"), "\(half)")
        try certify(program, "IP:127.0.0.1")
        let serving = try Serving(program, Self.files)
        try FileManager.default.copyItem(
            at: program.directory.appending(path: "cert.pem"),
            to: program.directory.appending(path: "old.pem"))
        #expect(try serving.run(["account", "list", "--ca-file", "old.pem"]).code == 0)
        try certify(program, "IP:127.0.0.1")
        kill(serving.processIdentifier, SIGHUP)
        let isRead = try Patience.awaits {
            try serving.run(["account", "list", "--ca-file", "cert.pem"]).code == 0
        }
        #expect(isRead)
        #expect(try serving.run(["account", "list", "--ca-file", "old.pem"]).code == 1)
        #expect(serving.end() == 0)
    }
}
