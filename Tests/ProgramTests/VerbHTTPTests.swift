import Foundation
import Processes
import Support
import Testing

/// How verbs speak HTTP: with libcurl, which the gateway never has. `verb_scenarios.py` has the servers that are no
/// gateways.
@Suite("HTTP of the verbs", .waits)
struct VerbHTTPTests {
    private func check(_ scenario: String, prints output: String) throws {
        let program = try Program()
        defer { program.remove() }
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "verb_scenarios.py").path
        let executable = try #require(program.process([], [:]).executableURL)
        let result = try program.run(
            ["-B", script, executable.path, scenario],
            executable: URL(filePath: "/usr/bin/python3"))
        #expect(result.output == output + "\n", "\(result.errors)")
    }

    /// What is mapped into a process, which Foundation can't read: the file has no size.
    private func maps(of process: Int32, _ program: Program) throws -> String {
        try program.shell("cat /proc/\(process)/maps").output
    }

    @Test(
        "libcurl is in a verb's process, and not in the gateway's: the program is not linked with it"
    )
    func loaded() throws {
        let program = try Program()
        defer { program.remove() }
        let linked = try program.shell(
            "ldd \"$(command -v tollgate)\" && readelf -d \"$(command -v tollgate)\"")
        #expect(linked.output.contains("libssl.so") && !linked.output.contains("libcurl"))
        // What it makes of itself needs no HTTP.
        let serving = try Serving(program, ["--demonstration"])
        #expect(Patience.awaits { serving.output.contains("mosquitto_pub") })
        #expect(try serving.run(["event", "list"]).code == 0)
        let verb = try serving.start(["event", "follow", "--after", "0"])
        #expect(
            try Patience.awaits {
                try maps(of: verb.processIdentifier, program).contains("libcurl.so.4")
            })
        let gateway = try maps(of: serving.processIdentifier, program)
        #expect(gateway.contains("libssl.so") && !gateway.contains("libcurl"))
        #expect(serving.end() == 0)
    }

    @Test("without libcurl verbs say what to install; the gateway serves, check and probe work")
    func missing() throws {
        let program = try Program()
        defer { program.remove() }
        let place = program.directory.appending(path: "lib")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try Data("no library".utf8).write(to: place.appending(path: "libcurl.so.4"))
        let environment = ["LD_LIBRARY_PATH": place.path]
        let serving = try Serving(program, environment: environment)
        let listed = try program.run(["account", "list"], environment: environment)
        #expect(listed.code == 1 && listed.output.isEmpty)
        #expect(
            listed.errors.hasPrefix(
                "tollgate: verbs ask a gateway with libcurl, which can't be loaded: ")
                && listed.errors.contains("libcurl4, or libcurl4t64"), "\(listed.errors)")
        let probed = try program.run(
            ["probe", "--url", serving.listener], environment: environment)
        #expect(probed.code == 0, "\(probed.errors)")
        let asked = try program.run(
            ["probe", "--url", serving.listener, "--http", serving.api], environment: environment)
        #expect(asked.code == 1 && asked.errors.contains("libcurl4"), "\(asked.errors)")
        #expect(serving.end() == 0)
        // Of a gateway that serves, that is asked.
        let books = try program.run(["check"], environment: environment)
        #expect(books.output == Program.balance, "\(books.errors)")
    }

    @Test("a bulk action uses its connections again")
    func kept() throws {
        try check(
            "kept",
            prints: """
                0 100 devices disabled
                requests: 100 few connections: True
                """)
    }

    @Test("a request has what it needs, and nothing that libcurl thinks of; paths are left alone")
    func request() throws {
        try check(
            "request",
            prints: """
                POST /v1/accounts HTTP/1.1
                Host: 127.0.0.1:NUMBER
                Authorization: Bearer secret
                Content-Type: application/json
                Idempotency-Key: k
                Content-Length: NUMBER
                GET /v1/products/../devices/a%20b%2Fc HTTP/1.1
                """)
    }

    @Test("an answer that is lost is said to be, redirects are not followed, nothing is sent again")
    func lost() throws {
        let base = "1 tollgate: http://127.0.0.1:PORT:"
        try check(
            "lost",
            prints: """
                \(base) the connection ended before an answer came: is this the API of a gateway? If its port speaks \
                TLS, say https://. | requests: 1
                \(base) the connection was lost within the answer | requests: 1
                \(base) what answers is no HTTP: Received HTTP/0.9 when not allowed
                  Is that a port for TLS? Then say https://. | requests: 1
                1 tollgate: HTTP status 302 | requests: 1
                """)
    }

    @Test(
        "a refusal in the middle of an upload is shown, also when the connection is reset behind it"
    )
    func refused() throws {
        let refusal = "(1, 'tollgate: too-large: the body is too long')"
        try check(
            "refused",
            prints: """
                open read \(refusal)
                open reset \(refusal)
                close read \(refusal)
                close reset \(refusal)
                """)
    }

    @Test("what was refused is not waited for on standard input")
    func slow() throws { try check("slow", prints: "1 tollgate: too-large: the body is too long") }

    @Test("a gateway that says nothing is not waited for longer than was said")
    func silent() throws {
        try check(
            "silent",
            prints: "1 tollgate: http://127.0.0.1:PORT: no answer within 1.0 seconds")
    }

    @Test(
        "a stream that is lost is asked for again, behind the last event; a refusal ends the verb")
    func followed() throws {
        try check(
            "followed",
            prints: """
                1
                {"sequence":7}
                tollgate: http://127.0.0.1:PORT: the connection was lost within the answer; trying again
                tollgate: unauthorized
                ['Last-Event-ID: 5']
                ['Last-Event-ID: 7']
                """)
    }

    @Test("every address of a name is tried, and no proxy of the environment")
    func named() throws { try check("named", prints: "0\n0\n0\n0") }

    @Test("an option that would become two headers, and a file without authorities, are refused")
    func malformed() throws {
        let program = try Program()
        defer { program.remove() }
        let environment = ["TOLLGATE_TOKEN": "secret", "TOLLGATE_API": "https://127.0.0.1:1"]
        let split = try program.run(
            ["account", "create", "--name", "Acme", "--idempotency-key", "a\r\nX-Other: b"],
            environment: environment)
        #expect(
            split.code == 2 && split.errors.contains("Idempotency-Key: its value must be one line"),
            "\(split.errors)")
        let serving = try Serving(program)
        let url = serving.api.replacing("http:", with: "https:")
        for name in ["missing.pem", "tollgate.yaml"] {
            let result = try program.run(
                ["account", "list", "--ca-file", name, "--api", url], environment: environment)
            #expect(result.code == 1 && result.errors.contains("\(name): can't be read, or has"))
        }
        for url in ["http://user:word@localhost:1", "http://local host:1", "ftp://localhost"] {
            let result = try program.run(
                ["account", "list", "--api", url], environment: environment)
            #expect(result.code == 2 && result.errors.contains("must be http://HOST:PORT"))
        }
        for url in ["http://192.0.2.1:8080", "http://gateway.example"] {
            let result = try program.run(
                ["account", "list", "--api", url], environment: environment)
            #expect(result.code == 2 && result.errors.contains("in the clear"), "\(result)")
        }
        #expect(serving.end() == 0)
    }
}
