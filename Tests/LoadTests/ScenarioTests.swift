import Foundation
import Processes
import Linux
import Support
import Testing

/// Each scenario, run as a program against a gateway that runs as one.
@Suite(.waits) struct ScenarioTests {
    private static let listeners = ["local", "secure", "web", "safeweb"]

    /// A gateway with a fleet whose devices have been activated, by the harness itself.
    private func prepared(_ program: LoadProgram) throws -> LoadedGateway {
        let gateway = try LoadedGateway(program)
        let result = try program.load(
            "activate", "--url", gateway.url("local"), "--fleet", "fleet.csv", "--prepare", "100",
            "--api", gateway.api, "--token-file", "data/admin.token", "--count", "100", "--json",
            "--quiet", "--threads", "2")
        try #require(result.code == 0, "\(result.errors) \(result.output)")
        #expect(result.integer("done") == 100)
        return gateway
    }

    @Test("Every scenario does its work over TCP, TLS and WebSockets, and nothing fails")
    func scenarios() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program)
        for listener in Self.listeners {
            let url = gateway.url(listener)
            func check(_ words: [String], done: Int?, _ more: [String] = []) throws {
                let result = try program.shell(
                    (["tollgate-load"] + words + [
                        "--url", url, "--fleet", "fleet.csv", "--json", "--quiet", "--server-pid",
                        "\(gateway.processIdentifier)",
                    ] + more).joined(separator: " "))
                #expect(result.code == 0, "\(words) \(url): \(result.errors) \(result.output)")
                #expect(result.integer("failed") == 0)
                if let done { #expect(result.integer("done") == done, "\(words) \(url)") }
                #expect(result.json["serverCPUSeconds"] as? Double != nil)
            }
            try check(["connect", "--count", "60", "--concurrency", "8"], done: 60)
            try check(["idle", "--count", "20", "--seconds", "0.1"], done: 0)
            try check(["storm", "--count", "20"], done: 20)
            let paced = ["--count", "10", "--seconds", "0.5", "--rate", "400"]
            for qos in ["0", "1", "2"] {
                try check(["publish", "--qos", qos] + paced, done: 200)
            }
            try check(
                ["publish", "--count", "4", "--seconds", "0.2", "--window", "16", "--size", "200"],
                done: nil)
            try check(["soak", "--reconnects", "40"] + paced, done: 200)
        }
    }

    @Test("TLS sessions are taken up again, and how many is said")
    func resumption() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program)
        for version in ["--tls1.2", "--mqtt=3.1.1"] {
            let result = try program.load(
                "connect", "--url", gateway.url("secure"), "--fleet", "fleet.csv", "--json",
                "--quiet", "--count", "50", "--concurrency", "5", "--resume", version,
                "--ca", "cert.pem")
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.integer("resumed") == 45)
        }
    }

    @Test("What the server refuses is counted with its reason, and the exit code is 1")
    func refusals() throws {
        let program = try LoadProgram()
        let gateway = try LoadedGateway(program)
        let fleet = "pk,dk,secret\nghost,one,secret-secret-1\nghost,two,secret-secret-2\n"
        try Data(fleet.utf8).write(to: program.directory.appending(path: "ghosts.csv"))
        let result = try program.load(
            "connect", "--url", gateway.url("local"), "--fleet", "ghosts.csv", "--count", "20",
            "--concurrency", "2", "--quiet")
        #expect(result.code == 1)
        #expect(result.output.contains("20 failed"), "\(result.output)")
        #expect(result.output.contains("refused: "), "\(result.output)")
        let closed = try program.load(
            "connect", "--url", "mqtt://127.0.0.1:1", "--fleet", "ghosts.csv", "--count", "3",
            "--concurrency", "2", "--quiet")
        #expect(closed.code == 1)
        #expect(closed.output.contains("no connection: Connection refused (111)"))
        let path = gateway.url("web") + "/elsewhere"
        let upgrade = try program.load(
            "connect", "--url", path, "--fleet", "ghosts.csv", "--count", "1", "--concurrency",
            "1", "--quiet")
        #expect(upgrade.output.contains("WebSocket refused: HTTP/1.1 404"), "\(upgrade.output)")
    }

    @Test("A server that stands still shows it in the latencies of all that was due meanwhile")
    func omission() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program)
        let run = try program.start(
            "tollgate-load",
            [
                "publish", "--url", gateway.url("local"), "--fleet", "fleet.csv", "--count", "10",
                "--seconds", "3", "--rate", "1000", "--json",
            ])
        let isRunning = Patience.awaits { run.errors().contains(" a second") }
        #expect(isRunning)
        kill(gateway.processIdentifier, SIGSTOP)
        usleep(250_000)
        kill(gateway.processIdentifier, SIGCONT)
        run.process.waitUntilExit()
        let result = LoadProgram.Result(code: 0, output: run.output(), errors: run.errors())
        let latency = try #require(result.json["latency"] as? [String: Any], "\(result.errors)")
        // 250 of 3,000 were due while it stood still: the slowest 30 of them waited for 220 ms. A harness that waits
        // for answers would have had ten slow ones.
        #expect(latency["count"] as? Int == 3_000)
        #expect(try #require(latency["p99"] as? Double) > 200)
        #expect(try #require(latency["most"] as? Double) > 240)
    }

    @Test("A run that is interrupted tells what it has measured, on a page too")
    func interruption() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program)
        let run = try program.start(
            "tollgate-load",
            [
                "soak", "--url", gateway.url("web"), "--fleet", "fleet.csv", "--count", "10",
                "--seconds", "60", "--rate", "200", "--html", "page.html",
            ])
        let isRunning = Patience.awaits {
            run.errors().split(separator: " a second", omittingEmptySubsequences: false).count > 2
        }
        #expect(isRunning)
        kill(run.process.processIdentifier, SIGINT)
        run.process.waitUntilExit()
        #expect(run.process.terminationStatus == 1)
        #expect(run.output().contains("INTERRUPTED"), "\(run.output())")
        #expect(run.output().contains("Nothing failed."), "\(run.output())")
        let page = try String(
            contentsOf: program.directory.appending(path: "page.html"), encoding: .utf8)
        #expect(page.contains("<svg") && page.contains("INTERRUPTED"))
        // It needs nothing from elsewhere.
        #expect(!page.contains("src=") && !page.contains("href=") && !page.contains("url("))
    }

    @Test("Mosquitto is measured with plain clients", .enabled(if: Mosquitto.isThere))
    func mosquitto() throws {
        let program = try LoadProgram()
        let port = try Mosquitto.start(in: program)
        for words in [
            "connect --count 50 --concurrency 5 --source-addresses 4", "storm --count 20",
            "publish --count 5 --qos 1 --window 4 --seconds 0.3",
            "publish --count 5 --qos 2 --rate 200 --seconds 0.5 --mqtt 3.1.1",
        ] {
            let result = try program.shell(
                "tollgate-load \(words) --no-activation --url mqtt://127.0.0.1:\(port) --json --quiet"
            )
            #expect(result.code == 0, "\(words): \(result.errors) \(result.output)")
            #expect(result.integer("failed") == 0)
            #expect((result.integer("done") ?? 0) >= 20)
        }
    }
}

enum Mosquitto {
    private static let path = "/usr/sbin/mosquitto"
    static let isThere = FileManager.default.isExecutableFile(atPath: path)

    /// Answers the port that it listens at.
    static func start(in program: LoadProgram) throws -> UInt16 {
        let listener = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0), reusePort: false, backlog: 1)
        let port = try listener.socket.localAddress().port
        _ = consume listener
        let configuration = """
            allow_anonymous true
            persistence false
            listener \(port) 127.0.0.1
            """
        let file = program.directory.appending(path: "mosquitto.conf")
        try Data(configuration.utf8).write(to: file)
        let server = try program.start(path, ["-c", file.path])
        let isUp = Patience.awaits { server.errors().contains("running") }
        guard isUp else { throw LoadedGateway.Unstarted(errors: server.errors()) }
        return port
    }
}
