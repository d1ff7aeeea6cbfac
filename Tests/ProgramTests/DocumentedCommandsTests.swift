import Foundation
import Processes
import Support
import Testing

/// A page of the documents, or the README, and the commands in its blocks that are marked `sh`.
struct DocumentPage: CustomTestStringConvertible {
    /// One line: what to run, and what has to be among its output.
    struct Line {
        let command: String
        let expected: String?
    }

    let path: String
    let lines: [Line]

    var testDescription: String { path }

    private static let catalogue = "Sources/Gateway/Gateway.docc"

    /// Those that have such lines.
    static let all: [DocumentPage] = {
        let places = FileManager.default.subpaths(
            atPath: Program.root.appending(path: catalogue).path)
        return (["README.md"] + (places ?? []).map { "\(catalogue)/\($0)" })
            .filter { $0.hasSuffix(".md") }
            .sorted()
            .compactMap(DocumentPage.init)
            .filter { !$0.lines.isEmpty }
    }()

    init?(path: String) {
        let file = Program.root.appending(path: path)
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        self.path = path
        var lines: [Line] = []
        var isCommand = false
        var begun = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("```") {
                isCommand = line == "```sh"
            } else if isCommand, line.hasPrefix("#=>"), let last = lines.popLast() {
                lines.append(Line(command: last.command, expected: Self.expected(line)))
            } else if isCommand, line.hasSuffix(" \\") {
                begun += line.dropLast()
            } else if isCommand, !line.hasPrefix("#") {
                let command = begun + (line.split(separator: "#=>").first ?? "")
                lines.append(Line(command: command, expected: Self.expected(line)))
                begun = ""
            }
        }
        self.lines = lines
    }

    /// What stands behind `#=>`: in the command's line, or in one of its own behind it.
    private static func expected(_ line: Substring) -> String? {
        line.firstRange(of: "#=>").map {
            line[$0.upperBound...].trimmingCharacters(in: .whitespaces)
        }
    }
}

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
            """
        try Data(yaml.utf8).write(to: program.directory.appending(path: "documents.yaml"))
        return try Serving(program, ["--config", "documents.yaml"] + arguments)
    }

    /// The port of the listener of that name.
    func port(of listener: String) -> String {
        guard let range = errors.firstRange(of: "listener '\(listener)' on ") else { return "" }
        let url = errors[range.upperBound...].prefix { !$0.isWhitespace }
        return url.split(separator: ":").last.map(String.init) ?? ""
    }
}

@Suite("The documents' commands", .waits)
struct DocumentedCommandsTests {
    @Test(
        "A1 to A5, B1, B6, B10, B11, A10: every line of a block that is marked sh does what its page says",
        arguments: DocumentPage.all)
    func commands(page: DocumentPage) throws {
        let program = try Program()
        defer { program.remove() }
        let isDemonstration = page.path.hasSuffix("QuickStart.md")
        let serving = try Serving.asDocumented(program, isDemonstration ? ["--demonstration"] : [])
        if isDemonstration {
            let isShown = Patience.awaits { serving.output.contains("Paste these") }
            #expect(isShown, "\(serving.errors)")
        }
        let interpreter = Program.root.appending(path: ".build-venv/bin").path
        var exports = "export PATH=\(interpreter):$PATH\n"
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
        let names = DocumentPage.all.map { $0.path.split(separator: "/").last ?? "" }
        for name in ["QuickStart.md", "OperatorsDay.md", "Clients.md", "Upkeep.md", "Receiving.md"]
        {
            #expect(names.contains { $0 == name }, "\(name)")
        }
        #expect(DocumentPage.all.map(\.lines.count).reduce(0, +) > 120)
    }

    /// Columns are as wide as their widest cell: one blank between words is as good.
    private static func words(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
