import Foundation
import Processes
import Support
import Testing

extension Serving {
    /// A gateway as the documents have it: TLS and plain, certificates in `data/tls`, and the repository's
    /// `config` beside them.
    static func asDocumented(_ program: Program, _ arguments: [String] = []) throws -> Serving {
        try FileManager.default.createSymbolicLink(
            at: program.directory.appending(path: "config"),
            withDestinationURL: Program.root.appending(path: "config"))
        let made = try program.shell("config/development-certificates.sh data/tls")
        guard made.code == 0 else { throw Unstarted(errors: made.errors) }
        let yaml = """
            shards: 1
            admin: {port: 0, requestsPerSecond: 100000}
            tls: {clientCA: data/tls/ca.pem}
            firmware: {url: https://gate.example.org}
            storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
            listeners:
              - {name: local, port: 0, tls: false}
              - {name: devices, port: 0, tls: true}
              - {name: browsers, port: 0, tls: true, protocol: websocket}
            """
        try Data(yaml.utf8).write(to: program.directory.appending(path: "documents.yaml"))
        return try Serving(program, ["--config", "documents.yaml"] + arguments)
    }

    /// Where the listener of that name is: `mqtts://127.0.0.1:PORT`, `wss://127.0.0.1:PORT/mqtt`.
    func url(of listener: String) -> String {
        guard let range = errors.firstRange(of: "listener '\(listener)' on ") else { return "" }
        return String(errors[range.upperBound...].prefix { !$0.isWhitespace })
    }

    /// The port of the listener of that name, which is none for WebSockets.
    func port(of listener: String) -> String {
        url(of: listener).split(separator: ":").last.map(String.init) ?? ""
    }

    /// Runs lines of a shell, up to the first that fails. All have to succeed.
    @discardableResult
    func succeeds(_ script: String) throws -> Program.Result {
        let result = try shell("set -e\n\(script)")
        try #require(result.code == 0, "\(script)\n\(result.output)\(result.errors)")
        return result
    }
}

@Suite("The documents' commands", .waits)
struct DocumentedCommandsTests {
    /// What some pages take for granted, which the others make themselves.
    private static let lamp = [
        "tollgate account create --id acme --name 'Acme Ltd.' --kind enterprise",
        "tollgate product create --pk lamp --name Lamp --account acme",
        "printf 'dk,secret\\nlamp-1,secret-of-the-1st\\n' | tollgate device import lamp -",
    ]
    private static let given = ["ComingFrom.md": lamp, "Operating.md": lamp]

    @Test(
        "A1 to A5, B1, B6, B10, B11, A10: every line of a block that is marked sh does what its page says",
        arguments: DocumentPage.all.filter { !$0.lines.isEmpty })
    func commands(page: DocumentPage) throws {
        let program = try Program()
        defer { program.remove() }
        let isDemonstration = page.name == "QuickStart.md"
        let serving = try Serving.asDocumented(program, isDemonstration ? ["--demonstration"] : [])
        if isDemonstration {
            let isShown = Patience.awaits { serving.output.contains("Paste these") }
            #expect(isShown, "\(serving.errors)")
        }
        let interpreter = Program.root.appending(path: ".build-venv/bin").path
        var exports = "export PATH=\(interpreter):$PATH\n"
        for command in Self.given[page.name, default: []] { try serving.succeeds(command) }
        for line in page.lines {
            let command = line.command
                .replacing("8883", with: serving.port(of: "devices"))
                .replacing("1883", with: serving.port(of: "local"))
                .replacing("8080", with: serving.api.split(separator: ":").last ?? "")
            let result = try serving.shell(exports + command)
            if command.hasPrefix("export ") { exports += command + "\n" }
            #expect(result.code == 0, "\(command)\n\(result.output)\(result.errors)")
            guard let expected = line.expected else { continue }
            #expect(
                Self.words(result.output).contains(Self.words(expected)),
                "\(command)\n\(result.output)\(result.errors)")
        }
        #expect(serving.end() == 0)
    }

    @Test("the pages that have commands are read")
    func pages() {
        let pages = DocumentPage.all.filter { !$0.lines.isEmpty }
        let names = pages.map(\.name)
        for name in ["QuickStart.md", "OperatorsDay.md", "Clients.md", "Upkeep.md", "Receiving.md"]
            + Self.given.keys
        {
            #expect(names.contains(name), "\(name)")
        }
        #expect(pages.map(\.lines.count).reduce(0, +) > 220)
    }

    @Test("every block is run by a test, or listed with the reason why none runs it")
    func accounts() throws {
        var found: Set<Int> = []
        for page in DocumentPage.all {
            for block in page.blocks where block.hasCommands {
                let first = block.lines.first ?? ""
                let entries = UnmarkedBlock.all.indices.filter { index in
                    let entry = UnmarkedBlock.all[index]
                    return entry.page == page.name && first.hasPrefix(entry.beginning)
                }
                #expect(
                    entries.count == 1,
                    """
                    \(page.path): no test runs the block that begins with '\(first)'. Mark it sh, or list it in \
                    UnmarkedBlock.swift with the suite that runs it, or with the reason why none can.
                    """)
                found.formUnion(entries)
            }
        }
        for (index, entry) in UnmarkedBlock.all.enumerated() {
            #expect(found.contains(index), "\(entry.page) has no block '\(entry.beginning)'")
            guard case .isRun(let suite) = entry.account else { continue }
            let file = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "\(suite).swift")
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.contains(entry.page), "\(suite) does not read \(entry.page)")
        }
    }

    @Test("what pages show as JSON is JSON")
    func json() {
        let lines = DocumentPage.all.flatMap(\.blocks).filter(\.isJSON).flatMap(\.lines)
        #expect(lines.count >= 4)
        for line in lines {
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            #expect(object is [String: Any], "\(line)")
        }
    }

    /// Columns are as wide as their widest cell: one blank between words is as good.
    private static func words(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
