import Foundation
import Processes
import Support
import Testing

@Suite("The program", .waits)
struct ProgramTests {
    @Test("a wrong configuration is one line, exit code 2, and nothing starts")
    func wrongConfiguration() throws {
        let program = try Program()
        defer { program.remove() }
        let file = program.directory.appending(path: "t.yaml")
        try Data("shards: 1\nlimits:\n  packetSize: 5\n".utf8).write(to: file)
        let result = try program.run(["serve", "--config", "t.yaml"])
        #expect(result.code == 2)
        #expect(
            result.errors == "tollgate: t.yaml:3: limits.packetSize: there is no such key; "
                + "did you mean limits.packetSizeBytes?\n"
        )
        let variable = try program.run(["serve"], environment: ["TOLLGATE_ADMIN_PORT": "x"])
        #expect(variable.code == 2)
        #expect(
            variable.errors
                == "tollgate: TOLLGATE_ADMIN_PORT: admin.port: must be a whole number, and is 'x'\n"
        )
        #expect(!FileManager.default.fileExists(atPath: "\(program.directory.path)/data"))
    }

    @Test("a certificate that is not there is one line with its path, exit code 1")
    func wrongCertificate() throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.run(
            ["serve", "--set", "listeners.devices.port=0", "--set", "listeners.local.port=0"])
        #expect(result.code == 1)
        #expect(result.errors.contains("data/tls/cert.pem"))
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test("--version is one line: the number of the change log, and the git revision")
    func version() throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.run(["--version"])
        #expect(result.code == 0 && result.errors.isEmpty)
        let parts = result.output.split(separator: " ")
        try #require(parts.count == 3 && parts[0] == "tollgate")
        let log = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../CHANGELOG.md"),
            encoding: .utf8
        )
        let number = parts[1].hasSuffix("-dev") ? "Unreleased" : "[\(parts[1])]"
        #expect(log.split(separator: "\n").first { $0.hasPrefix("## ") }?.contains(number) == true)
        let revision = parts[2].dropFirst().prefix { $0 != ")" && $0 != "+" }
        #expect(
            ["(\(revision))\n", "(\(revision)+changes)\n"].contains(String(parts[2])))
        #expect(revision == "unknown" || revision.allSatisfy(\.isHexDigit))
    }

    @Test("wrong usage is exit code 2 and says how it is used; help is exit code 0")
    func usage() throws {
        let program = try Program()
        defer { program.remove() }
        let wrong = try program.run(["product", "shw"])
        #expect(wrong.code == 2 && wrong.errors.contains("Usage: tollgate product"))
        #expect(wrong.output.isEmpty)
        #expect(try program.run(["device", "--help"]).code == 0)
        let unreachable = try program.run(
            ["account", "list"],
            environment: ["TOLLGATE_TOKEN": "x", "TOLLGATE_API": "http://127.0.0.1:1"])
        #expect(unreachable.code == 1)
        #expect(
            unreachable.errors == "tollgate: no gateway answers at 127.0.0.1:1: is it running?\n")
        #expect(try program.run(["account", "list"]).code == 2)
    }

    @Test(
        "A10: a command proves that the books balance; serve answers the verbs with tables and JSON, and SIGTERM drains with exit code 0"
    )
    func serve() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let account = try serving.run(["account", "create", "--id", "acme", "--name", "Acme Ltd."])
        #expect(account.code == 0 && account.output.contains("codes.unassigned  10"))
        _ = try serving.run([
            "package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30",
        ])
        _ = try serving.run([
            "product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme",
        ])
        let bought = try serving.run([
            "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product", "lamp",
        ])
        #expect(bought.code == 0)
        let imported = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\nd1,s1\nd:2,\n")
        #expect(imported.output.hasPrefix("dk,secret\r\nd1,s1\r\nd:2,"))
        let bad = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\nd3,x\nd 4,y\nd5\n")
        #expect(bad.code == 1 && bad.errors.contains("line 3: dk: "))
        #expect(bad.errors.contains("\n  line 4: 1 fields instead of 2\n"), "\(bad.errors)")
        let list = try serving.run(["device", "list", "lamp"])
        let lines = list.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasPrefix("DEVICE") && lines[1].hasPrefix("d1"))
        let json = try serving.run(["product", "list", "--json"]).output
        #expect(json.contains("\"codes\":{\"assigned\":7,\"remaining\":7,\"consumed\":0}"))
        let refused = try serving.run(["device", "show", "lamp", "d3"])
        #expect(refused.code == 1)
        #expect(
            refused.errors.hasPrefix(
                "tollgate: unknown-device: product lamp has no device d3\n  "))
        // While the gateway has the store, the gateway is asked; afterwards the store is read.
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(serving.end() == 0)
        #expect(try program.run(["check", "--json"]).output.contains("\"balanced\":true"))
        let nothing = try program.run(["check", "--data", "nowhere"])
        #expect(nothing.code == 2 && nothing.errors == "tollgate: nowhere/ledger: no books here\n")
    }

    @Test("C6, D1, D2: packs and upgrades by verbs alone")
    func packs() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        func run(_ line: String) throws -> Program.Result {
            try serving.run(line.split(separator: " ").map(String.init))
        }
        for line in [
            "account create --id acme --name Acme",
            "package create --id basic --name Basic --validity-days 30",
            "product create --pk lamp --name Lamp --account acme",
            "codes buy acme --package basic --quantity 7 --product lamp",
            "device create lamp d1", "device activate lamp d1",
        ] { #expect(try run(line).code == 0) }
        let end = "--expires-at 2199-01-01T00:00:00Z"
        for _ in 0..<2 {
            let bought = try run(
                "topup buy acme --kind ota --quantity 9 \(end) --idempotency-key order-1")
            #expect(bought.code == 0 && bought.output.contains("remaining  9"))
        }
        #expect(try run("topup gift acme --kind messages --quantity 500 \(end)").code == 0)
        let request = "device request-upgrade lamp d1 fw-2 --size-bytes"
        let refused = try run("\(request) 90000000")
        #expect(refused.code == 1 && refused.errors.hasPrefix("tollgate: ota-exhausted: "))
        #expect(try run("\(request) 20000000").output.contains("attempts       4"))
        #expect(try run("device report-upgrade lamp d1 fw-2 failed").code == 0)
        #expect(try run("device report-upgrade lamp d1 fw-2 lost").code == 2)
        let upgrades = try run("device upgrades lamp d1").output.split(separator: "\n")
        #expect(upgrades.count == 2 && upgrades[1].hasPrefix("fw-2  failed"))
        let packs = try run("topup list acme --open").output.split(separator: "\n")
        #expect(
            packs.count == 3
                && packs[2].split(separator: " ").dropFirst().prefix(3).joined(separator: " ")
                    == "ota purchase 9"
        )
        let changes = try run("topup changes acme --json").output
        #expect(changes.contains("\"change\":\"return\",\"kind\":\"ota\",\"units\":3"))
        #expect(try run("topup totals acme").output.contains("messages.remaining  500"))
        #expect(try run("check").output == Program.balance)
        #expect(serving.end() == 0)
    }

    @Test("probe: TCP, CONNECT and readiness are checked from outside, exit code 0 or 1")
    func probe() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let probe = ["probe", "--url", serving.listener]
        #expect(try serving.run(probe + ["--http", serving.api]).code == 0)
        let json = try serving.run(probe + ["--json"]).output
        #expect(json.contains("\"ok\":true"))
        let refused = try serving.run(probe + ["--user", "d1&lamp"])
        #expect(refused.code == 1 && refused.errors.contains("refused"))
        let (url, listener) = (serving.api, serving.listener)
        #expect(serving.end() == 0)
        let gone = try program.run(["probe", "--url", listener, "--http", url])
        #expect(gone.code == 1 && gone.errors.split(separator: "\n").count == 2)
    }

    @Test(
        "the demonstration is made once: a second start prints the same lines, the books are as before"
    )
    func demonstration() throws {
        let program = try Program()
        defer { program.remove() }
        func start() throws -> (lines: String, events: String) {
            let serving = try Serving(program, ["--demonstration"])
            #expect(Patience.awaits { serving.output.contains("mosquitto_pub") })
            let lines = serving.output.split(separator: "\n")
                .filter { $0.contains("mosquitto_") }
                // The ports are new ones each time.
                .map { $0.split(separator: " ").filter { Int($0) == nil }.joined(separator: " ") }
            let events = try serving.run(["event", "list"]).output
            #expect(serving.end(SIGINT) == 0)
            return (lines.joined(separator: "\n"), events)
        }
        let first = try start()
        let second = try start()
        #expect(first.lines.split(separator: "\n").count == 2)
        #expect(first.lines == second.lines)
        #expect(first.events == second.events)
    }

    @Test("a refused device: the log, device show and device admission name the reason")
    func refusals() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "log.format=json"])
        for line in [
            "account create --id acme --name Acme",
            "package create --id basic --name Basic --validity-days 30",
            "product create --pk lamp --name Lamp --account acme", "device create lamp d1",
        ] {
            let arguments = line.split(separator: " ").map(String.init)
            #expect(try serving.run(arguments).code == 0, "\(line)")
        }
        let probe = ["probe", "--url", serving.listener, "--device", "lamp/d1"]
        #expect(try serving.run(probe).code == 1)
        let shown = try serving.run(["device", "show", "lamp", "d1"]).output
        #expect(shown.contains("lastRefusal.reason"), "\(shown)")
        #expect(shown.contains("bad-credentials"))
        let admission = try serving.run(["device", "admission", "lamp", "d1"]).output
        #expect(admission.contains("no-code-left") && admission.contains("bad-credentials"))
        // A newcomer's first mistake: a secret on the plain port.
        let plain = ["probe", "--url", serving.listener, "--user", "d1&lamp"]
        #expect(try serving.run(plain).errors.contains("refused, not-allowed-on-listener: "))
        #expect(
            try serving.run(["device", "show", "lamp", "d1"]).output
                .contains("not-allowed-on-listener"))
        #expect(serving.end() == 0)
        let lines = serving.errors.split(separator: "\n").map(String.init)
        let parsed = try lines.map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String],
                "\(line)")
        }
        let refusal = try #require(parsed.first { $0["message"] == "connection refused" })
        #expect(refusal["reason"] == "bad-credentials" && refusal["level"] == "info")
        #expect(refusal["product"] == "lamp" && refusal["device"] == "d1")
        #expect(refusal["listener"] == "local")
        #expect(refusal["address"]?.hasPrefix("127.0.0.1:") == true)
        #expect(
            parsed.contains {
                $0["reason"] == "not-allowed-on-listener" && $0["device"] == "d1"
                    && $0["product"] == "lamp"
            })
        #expect(parsed.contains { $0["message"] == "drained" })
    }

    @Test("device trace follows a device live, and ends cleanly with Ctrl-C and with the gateway")
    func trace() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        for line in [
            "account create --id acme --name Acme",
            "package create --id basic --name Basic --validity-days 30",
            "product create --pk lamp --name Lamp --account acme",
            "codes buy acme --package basic --quantity 7 --product lamp",
        ] {
            let arguments = line.split(separator: " ").map(String.init)
            #expect(try serving.run(arguments).code == 0, "\(line)")
        }
        let imported = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\nd1,s1\n")
        #expect(imported.code == 0)
        #expect(try serving.run(["device", "trace", "lamp", "d2"]).code == 1)
        let people = try Followed(serving, ["device", "trace", "lamp", "d1"], in: "people")
        let programs = try Followed(
            serving, ["device", "trace", "lamp", "d1", "--json"], in: "json")
        let probe = ["probe", "--url", serving.listener, "--device", "lamp/d1"]
        let environment = ["TOLLGATE_PROBE_PASSWORD": "s1"]
        var isShown = false
        // A trace shows what comes after it was begun, be that in the middle of a connection, and that it
        // was can't be seen from outside.
        for _ in 0..<100 where !isShown {
            #expect(try program.run(probe, environment: environment).code == 0)
            isShown =
                people.shows("connected at", before: "ended: ")
                && programs.shows("\"connected\"", before: "\"ended\"")
        }
        #expect(people.output.contains("connected at local, 127.0.0.1:"), "\(people.output)")
        #expect(people.output.contains("from device  PINGREQ  2 bytes"))
        #expect(people.output.contains("to device  CONNACK"))
        #expect(programs.output.contains("\"event\":\"packet\",\"from\":\"device\""))
        #expect(people.end(SIGINT) == 0)
        #expect(serving.end() == 0)
        #expect(programs.end(nil) == 0)
    }
}

/// A verb that runs until it is ended, and what it has printed so far.
private final class Followed {
    private let process: ExternalProcess
    private let file: URL

    init(_ serving: Serving, _ arguments: [String], in name: String) throws {
        process = serving.program.process(arguments, ["TOLLGATE_API": serving.api])
        file = serving.program.directory.appending(path: "\(name).out")
        _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: file)
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    var output: String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

    /// Whether the output has both texts, in that order.
    func shows(_ first: String, before second: String) -> Bool {
        let output = output
        guard let found = output.range(of: first) else { return false }
        return output[found.upperBound...].contains(second)
    }

    /// Sends a signal, if one is given, and waits for the end; answers the exit code, -1 of a killed one.
    func end(_ signal: Int32?) -> Int32 {
        if let signal { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -1
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}
