import Foundation
import Processes
import Synchronization
import Support
import Testing

/// Fleets that come in by the verb, into a real process.
@Suite("Imports by the program", .serialized, .waits)
struct ImportTests {
    private static let space = ["--set", "storage.ledgerMapBytes=1073741824"]

    /// A product without devices.
    private func furnish(_ serving: Serving, _ product: String) throws {
        _ = try serving.run(["account", "create", "--id", "acme", "--name", "Acme"])
        let made = try serving.run([
            "product", "create", "--pk", product, "--name", product, "--account", "acme",
        ])
        try #require(made.code == 0, "\(made.errors)")
    }

    private func write(_ rows: Int, _ program: Program, last: String = "") throws -> String {
        let text = "dk,secret\n" + (0..<rows).map { "d\($0 &* 7_919 % 1_000_003),\n" }.joined()
        let file = program.directory.appending(path: "fleet.csv")
        try Data((text + last).utf8).write(to: file)
        return file.path
    }

    private struct Shown: Decodable {
        struct Devices: Decodable { let known: Int }
        let devices: Devices
    }

    private func known(_ serving: Serving, _ product: String) throws -> Int {
        let shown = try serving.run(["product", "show", product, "--json"])
        return try JSONDecoder().decode(Shown.self, from: Data(shown.output.utf8)).devices.known
    }

    private struct Import: Decodable {
        let state: String
        let rows: Int
        let landed: Int
    }

    private struct Imports: Decodable { let items: [Import] }

    private func imports(_ serving: Serving, _ product: String) throws -> [Import] {
        // A verb takes half a second of the debug program, in which all rows of a file land.
        let list = try serving.shell(
            "curl -sS -m 60 -H \"Authorization: Bearer $(cat data/admin.token)\" $TOLLGATE_API/v1/products/\(product)/imports"
        )
        return try JSONDecoder().decode(Imports.self, from: Data(list.output.utf8)).items
    }

    /// Waits until the newest import is as `isMeant`; nil when it never is.
    private func wait(
        _ serving: Serving,
        _ product: String,
        until isMeant: (Import) -> Bool
    ) throws -> Import? {
        var found: Import?
        _ = try Patience.awaits {
            found = try imports(serving, product).prefix(1).first(where: isMeant)
            return found != nil
        }
        return found
    }

    @Test(
        "20,000 devices in little memory, from standard input, with their secrets, while the API answers"
    )
    func large() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, Self.space)
        try furnish(serving, "lamp")
        let rows = 20_000
        let file = try write(rows, program)
        // What the first import needs stays: the store's dirty pages, the allocator's.
        _ = try serving.run(["device", "import", "lamp", "-"], input: "dk,secret\nwarm,\n")
        let sampling = try Sampling(of: serving.processIdentifier)
        let result = try serving.run(["device", "import", "lamp", file])
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\r\n")
        #expect(lines.count == rows + 1 && lines[0] == "dk,secret")
        #expect(lines[1].hasPrefix("d0,") && lines[2].hasPrefix("d7919,"))
        #expect(try known(serving, "lamp") == rows + 1)
        let done = try wait(serving, "lamp") { $0.state == "done" }
        #expect(done?.landed == rows)
        let (before, most) = sampling.end()
        // `Benchmarks/import-fleet.sh` measures a million rows.
        #expect(most - before < 32 << 20, "\(before) bytes before, \(most) at most")
        let again = try serving.run(["device", "import", "lamp", "-"], input: "dk,secret\nd0,\n")
        #expect(
            again.code == 1 && again.errors.contains("line 2: device d0 exists already"),
            "\(again.errors)")
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(serving.end() == 0)
    }

    @Test("the verb: exit codes, and one line of complaint, whatever is wrong with the file")
    func verb() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnish(serving, "lamp")
        let missing = try serving.run(["device", "import", "lamp", "missing.csv"])
        #expect(missing.code == 2 && missing.errors == "tollgate: missing.csv: can't be read\n")
        let directory = try serving.run(["device", "import", "lamp", "."])
        #expect(directory.code == 2 && directory.errors == "tollgate: .: is a directory\n")
        let empty = try serving.run(["device", "import", "lamp", "-"], input: "")
        #expect(empty.code == 1 && empty.errors.contains("line 1: the header is missing"))
        // Refused long before its end: the rest is not waited for.
        let file = try write(50_000, program, last: "x,y,z\n")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try Data(("dk,secret\nbad key,\n" + text).utf8).write(to: URL(filePath: file))
        let early = try serving.run(["device", "import", "lamp", file])
        #expect(early.code == 1 && early.output.isEmpty)
        #expect(early.errors.hasPrefix("tollgate: invalid-csv: line 2: dk: "), "\(early.errors)")
        #expect(try known(serving, "lamp") == 0)
        #expect(serving.end() == 0)
    }

    @Test("killed while it receives: nothing of the file is there, and the same can be sent again")
    func killedWhileReceiving() throws {
        let program = try Program()
        defer { program.remove() }
        var serving = try Serving(program, Self.space)
        try furnish(serving, "lamp")
        let rows = 16_000
        let file = try write(rows, program)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let verb = try serving.start(["device", "import", "lamp", "-", "--idempotency-key", "k"])
        verb.input.write(Data(text.utf8.prefix(text.utf8.count / 2)))
        let taken = try wait(serving, "lamp") { $0.rows >= 5_000 }
        #expect(taken?.state == "receiving")
        _ = serving.end(SIGKILL)
        #expect(verb.end() == 1)
        serving = try Serving(program, Self.space)
        #expect(try known(serving, "lamp") == 0)
        let left = try wait(serving, "lamp") { $0.state == "abandoned" }
        #expect(left?.landed == 0)
        let result = try serving.run(["device", "import", "lamp", file, "--idempotency-key", "k"])
        #expect(result.code == 0, "\(result.errors)")
        #expect(try known(serving, "lamp") == rows)
        #expect(try wait(serving, "lamp") { $0.state == "done" } != nil)
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(serving.end() == 0)
    }

    @Test(
        "killed while its rows land: all of the file is there, and the same key gives the same answer"
    )
    func killedWhileLanding() throws {
        let program = try Program()
        defer { program.remove() }
        var serving = try Serving(program, Self.space)
        try furnish(serving, "lamp")
        let rows = 16_000
        let file = try write(rows, program)
        let verb = try serving.start(["device", "import", "lamp", file, "--idempotency-key", "k"])
        let landing = try wait(serving, "lamp") { $0.state != "receiving" }
        _ = serving.end(SIGKILL)
        // It says so at once, and does not wait for an answer that won't come.
        let killed = ContinuousClock.now
        _ = verb.end()
        #expect(.now - killed < .seconds(30))
        #expect(landing?.state == "landing", "too quick for the test")
        serving = try Serving(program, Self.space)
        #expect(try known(serving, "lamp") == rows)
        let last = "d\((rows - 1) &* 7_919 % 1_000_003)"
        #expect(try serving.run(["device", "show", "lamp", last]).code == 0)
        let import2 = ["device", "import", "lamp", file, "--idempotency-key", "k"]
        let (first, second) = (try serving.run(import2), try serving.run(import2))
        #expect(first.code == 0 && first.output == second.output)
        #expect(first.output.split(separator: "\r\n").count == rows + 1)
        #expect(try wait(serving, "lamp") { $0.state == "done" } != nil)
        #expect(try imports(serving, "lamp").count == 1)
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(serving.end() == 0)
    }

    @Test("killed while it clears what a refused file has left: it is cleared after the next start")
    func killedWhileClearing() throws {
        let program = try Program()
        defer { program.remove() }
        var serving = try Serving(program, Self.space)
        try furnish(serving, "lamp")
        let file = try write(12_000, program, last: "d0,\n")
        let refused = try serving.run(["device", "import", "lamp", file])
        _ = serving.end(SIGKILL)
        #expect(refused.code == 1 && refused.errors.contains("line 12002: device d0 is in"))
        serving = try Serving(program, Self.space)
        #expect(try known(serving, "lamp") == 0)
        #expect(try serving.run(["check"]).output == Program.balance)
        let small = try serving.run(["device", "import", "lamp", "-"], input: "dk,secret\nd0,\n")
        #expect(small.code == 0)
        #expect(serving.end() == 0)
    }

    @Test("killed at any instant of an import: all of its devices are there, or none")
    func killedAtAnyInstant() throws {
        let program = try Program()
        defer { program.remove() }
        let rows = 6_000
        let file = try write(rows, program)
        var (whole, none) = (0, 0)
        for round in 0..<5 {
            let product = "p\(round)"
            var serving = try Serving(program, Self.space)
            try furnish(serving, product)
            let verb = try serving.start(["device", "import", product, file])
            Thread.sleep(forTimeInterval: .random(in: 0.02...1.2))
            _ = serving.end(SIGKILL)
            let code = verb.end()
            serving = try Serving(program, Self.space)
            let count = try known(serving, product)
            #expect(count == 0 || count == rows, "round \(round)")
            #expect(code != 0 || count == rows, "round \(round): the answer was a lie")
            if count == 0 { none += 1 } else { whole += 1 }
            #expect(try serving.run(["check"]).output == Program.balance, "round \(round)")
            #expect(serving.end() == 0)
        }
        print("imports killed: \(whole) whole, \(none) not there")
    }
}

/// The most memory that a process has had since this began that is its own: not the pages of its
/// stores' files.
private final class Sampling: Sendable {
    private let before: Int
    private let state = Mutex((most: 0, isOver: false))

    init(of process: Int32) throws {
        before = try Self.privateBytes(of: process)
        let thread = Thread { [self] in
            while state.withLock({ !$0.isOver }) {
                let bytes = (try? Self.privateBytes(of: process)) ?? 0
                state.withLock { $0.most = max($0.most, bytes) }
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
        thread.start()
    }

    func end() -> (before: Int, most: Int) {
        state.withLock { state in
            state.isOver = true
            return (before, state.most)
        }
    }

    private static func privateBytes(of process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
        return line.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1_024 } ?? 0
    }
}
