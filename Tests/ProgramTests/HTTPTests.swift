import Foundation
import Processes
import Support
import Testing

/// The HTTP side over real sockets.
@Suite("HTTP", .waits)
struct HTTPTests {
    private func scenario(
        _ name: String,
        _ serving: Serving,
        _ parameters: [String]
    ) throws -> Program.Result {
        let directory = serving.program.directory.path
        let token = try String(contentsOfFile: "\(directory)/data/admin.token", encoding: .utf8)
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "http_scenarios.py").path
        let url = serving.api.split(separator: ":")
        return try serving.program.python(
            [
                script, name, "127.0.0.1", String(url[url.count - 1]),
                token.trimmingCharacters(in: .whitespacesAndNewlines),
                "\(serving.processIdentifier)",
            ] + parameters)
    }

    private func check(
        _ name: String,
        _ arguments: [String],
        with parameters: [String] = [],
        prints output: String
    ) throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, arguments)
        let result = try scenario(name, serving, parameters)
        #expect(result.output == output + "\n", "\(result.errors)\(serving.errors)")
        #expect(serving.end() == 0)
    }

    @Test(
        "E3: a stream has every event once, in order, behind the number it is told, else new ones")
    func streams() throws {
        try check(
            "streams", [],
            prints: """
                new ones ['package-created']
                behind [0]
                by header [1]
                all True
                wrong 422 422
                """
        )
    }

    @Test("streams are bounded, and one whose client has gone makes room")
    func slots() throws {
        try check(
            "slots", ["--set", "admin.eventStreams=3"],
            prints: """
                open [200, 200, 200, 429]
                again 200
                """
        )
    }

    @Test("a stream ends when its key is revoked")
    func revoked() throws {
        try check(
            "revoked", [],
            prints: """
                seen ['package-created']
                after []
                """
        )
    }

    @Test("E3: a tenant's stream has the events of its account alone, and a part of the streams")
    func tenant() throws {
        try check(
            "tenant", ["--set", "admin.eventStreams=8"],
            prints: """
                seen [(3, 'product-created'), (5, 'account-created'), (6, 'product-created')]
                all ['account-created', 'codes-granted', 'key-created', 'product-created', 'account-created']
                quarter [429, 200]
                after []
                """
        )
    }

    @Test("a bulk operation whose client goes away ends; others are served beside one that goes on")
    func bulk() throws {
        try check(
            "bulk", [],
            prints: """
                left True True
                sums 10000 10000 True
                once True
                others True
                """
        )
    }

    @Test("a client that keeps the server waiting is left, and the others are served")
    func slow() throws {
        try check(
            "slow", ["--set", "admin.requestTimeoutSeconds=1"],
            prints: """
                nothing True True
                half a head True True
                a head in drops True True
                a body in drops True True
                alive 200
                """
        )
    }

    @Test("bodies and heads have a size: 413, 400 or the end of the connection")
    func sizes() throws {
        try check(
            "sizes",
            ["--set", "admin.requestSizeBytes=2048", "--set", "admin.importSizeBytes=2048"],
            prints: """
                too large 413 True
                endless ended
                large head 400
                alive 200
                """
        )
    }

    @Test(
        "an upload that is refused early is answered, and its connection ends, whatever its client does"
    )
    func refusedUploads() throws {
        let starts = [
            ("POST /v1/products/lamp/devices", 401), ("POST /v1/products/lamp/devices", 404),
            ("POST /v1/packages", 413), ("POST /v1/packages", 415), ("PUT /nothing", 404),
            ("POST /healthz", 405),
        ]
        let lines = starts.flatMap { start, status in
            ["Connection: close", "Connection: Close", "-"].map {
                "\(start) \($0) {'\(status)': 40}\n"
            }
        }
        try check(
            "refused", ["--set", "admin.requestTimeoutSeconds=3"],
            prints: "\(lines.joined())left True\nstubborn True\nalive 200"
        )
    }

    @Test(
        "connections that say nothing silence neither health nor the API", arguments: [1_000, 40])
    func crowd(connections: Int) throws {
        let crowd = connections + 100
        try check(
            "crowd",
            [
                "--set", "admin.connections=\(connections)",
                "--set", "admin.connectionsPerAddress=\(connections)",
            ],
            with: ["\(crowd)", "\(connections + 32)"],
            prints: """
                health 200
                ready 200
                api 200
                bounded True
                left True
                """
        )
    }

    @Test("what one address may not have more of makes it give way to itself")
    func crowdOfOneAddress() throws {
        try check(
            "crowd", ["--set", "admin.connectionsPerAddress=20"],
            with: ["300", "52"],
            prints: """
                health 200
                ready 200
                api 200
                bounded True
                left True
                """
        )
    }

    @Test("while all places are busy, health is answered, and the rest is told to come again")
    func busy() throws {
        try check(
            "busy", ["--set", "admin.connections=8"],
            prints: """
                open [200, 200, 200, 200, 200, 200, 200, 200]
                health 200
                api 429 too-much-at-once
                again True
                """
        )
    }

    @Test("RFC 9112, 3.2: a request of HTTP/1.1 without its Host, or with two, is answered 400")
    func hosts() throws {
        try check(
            "hosts", [],
            prints: """
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/v1/packages', 'HTTP/1.1'] 400 True
                ['/nothing', 'HTTP/1.1'] 400 True
                ['/v1/packages', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 200 False
                ['/healthz', 'HTTP/1.0'] 200 False
                ['/healthz', 'HTTP/1.1'] 200 False
                ['/healthz', 'HTTP/1.1'] 200 False
                ['/healthz', 'HTTP/1.1'] 200 False
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                ['/healthz', 'HTTP/1.1'] 400 True
                1.0 200
                behind another ['200', '400']
                """
        )
    }

    @Test("RFC 9110, 10.1.1: a client that waits for 100 before its body gets it, or the answer")
    func expect() throws {
        try check(
            "expect", [],
            prints: """
                json ['100', '201']
                capitals ['100', '201']
                1.0 ['201']
                stranger ['401']
                wrong type ['415']
                csv ['100', '201']
                """
        )
    }

    @Test("a body that does not come whole, or is none, is the client's mistake: 400")
    func brokenBodies() throws {
        let lines = "half [('400',)]\nbad chunk [('400',)]\nhalf a chunk [('400',)]\n"
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let result = try scenario("broken bodies", serving, [])
        #expect(result.output == lines + lines + "alive 200\n", "\(result.errors)")
        #expect(!serving.errors.contains(" error "), "\(serving.errors)")
        #expect(serving.end() == 0)
    }

    @Test("JSON bodies take memory by what is allowed, one by one and all together")
    func bodies() throws {
        try check(
            "bodies", [],
            prints: """
                refused True
                stranger 401
                no room 429 True True
                small 201
                room True
                """
        )
    }

    @Test("draining ends the streams, and the gateway ends at once")
    func drain() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let following = try Following(serving, after: 0)
        _ = try serving.run(["account", "create", "--id", "acme", "--name", "Acme"])
        following.wait(for: 1)
        let start = Date.now
        #expect(serving.end() == 0)
        #expect(Date.now.timeIntervalSince(start) < 10)
    }

    @Test(
        "E3: event follow goes on behind the last event when the gateway was killed and comes back")
    func follow() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let port = serving.api.split(separator: ":").last ?? ""
        let following = try Following(serving, after: 0)
        for number in 1...3 {
            _ = try serving.run(["account", "create", "--id", "a\(number)", "--name", "A"])
        }
        following.wait(for: 3)
        _ = serving.end(SIGKILL)
        let again = try Serving(program, ["--set", "admin.port=\(port)"])
        for number in 4...6 {
            _ = try again.run(["account", "create", "--id", "a\(number)", "--name", "A"])
        }
        let all = try again.run(["event", "list", "--json", "--limit", "1000"]).output
        let count = all.components(separatedBy: "\"sequence\":").count - 1
        following.wait(for: count)
        #expect(following.sequences == Array(1...count))
        #expect(following.errors.contains("trying again"))
        #expect(again.end() == 0)
    }
}

/// `tollgate event follow`, running.
private final class Following {
    private let process: ExternalProcess
    private let outputFile: URL
    private let errorFile: URL

    init(_ serving: Serving, after: Int) throws {
        let program = serving.program
        outputFile = program.directory.appending(path: "follow.out")
        errorFile = program.directory.appending(path: "follow.err")
        for file in [outputFile, errorFile] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        process = program.process(
            ["event", "follow", "--after", "\(after)"], ["TOLLGATE_API": serving.api])
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
    }

    var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

    /// The numbers of the events printed so far, whole lines only.
    var sequences: [Int] {
        let text = (try? String(contentsOf: outputFile, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first.flatMap { Int($0) }
        }
    }

    /// Waits for so many.
    func wait(for count: Int) { _ = Patience.awaits { sequences.count >= count } }

    deinit { kill(process.processIdentifier, SIGKILL) }
}
