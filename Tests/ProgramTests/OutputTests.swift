import Foundation
import Ledger
import Processes
import Storage
import Support
import Testing
import Time

/// What the verbs write, and what becomes of it when it can't be written.
@Suite("Output", .waits)
struct OutputTests {
    private static let control = "\u{1B}]0;x\u{7}\u{9B}2J\u{7F}\rend\nof it"

    /// Books with names that no door takes any more; older ones have.
    private func furnished() async throws -> Program {
        let program = try Program()
        let directory = program.directory.appending(path: "data/ledger")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let ledger = try Ledger(
            directory: directory.path, mapSizeBytes: 1 << 26,
            durability: .unsynced)
        defer { ledger.shutdown() }
        let account = try #require(AccountID("acme"))
        let package = try #require(PackageID("basic"))
        let allowance = try #require(
            Allowance(validityDays: 1, messagesPerDay: 1, otaPerMonth: 1, storageDays: 1))
        for action in [
            Action.accounts(
                .create(
                    NewAccount(
                        id: account, name: Self.control, kind: .enterprise, parent: nil, email: nil,
                        dataCentre: .main, freeCodes: nil))
            ),
            .packages(.create(package, name: Self.control, allowance)),
        ] {
            let command = Command(
                at: Timestamp(milliseconds: 1_800_000_000_000), actor: Self.control, action: action
            )
            guard case .done = try await ledger.submit(command) else {
                Issue.record("refused")
                continue
            }
        }
        return program
    }

    private static let readers = [
        ["account", "list"], ["account", "show", "acme"], ["account", "report", "acme"],
        ["account", "report", "acme", "-o", "csv"], ["package", "list"],
        ["package", "show", "basic"], ["event", "list"], ["check"], ["key", "list"],
        ["account", "list", "--json"], ["account", "show", "acme", "--json"],
        ["event", "list", "--json"], ["check", "--json"], ["--help"], ["account", "--help"],
        ["--version"],
        ["completion", "bash"],
    ]

    /// All verbs that print a list, of books with one of each.
    private static let listers: [String] = [
        "account list", "account sub-accounts acme", "account contacts acme", "package list",
        "product list", "product usage lamp", "codes purchases acme", "codes assignments acme",
        "codes consumed lamp", "codes near-expiry --days 400", "topup list acme",
        "topup changes acme", "device list lamp", "device blacklist lamp", "device imports lamp",
        "device activations lamp d1", "device upgrades lamp d1", "key list", "event list",
        "connections", "connections --sort seen", "top --once", "webhook list",
        "device messages lamp d1", "alert list", "alert rules acme", "alert letters",
        "account report acme", "config show", "authority list acme", "firmware list lamp",
        "campaign list lamp", "campaign devices lamp spring", "product token-keys lamp",
        "product online lamp",
        "account online acme", "account usage acme",
    ]

    /// The names of the verbs that print a list, as their sources have them: `near-expiry`.
    private static func listNames() throws -> Set<String> {
        let directory = Program.root.appending(path: "Sources/tollgate/Verbs")
        var names: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            let source = try String(
                contentsOf: directory.appending(path: file), encoding: .utf8)
            var type = ""
            for line in source.split(separator: "\n") {
                if let verb = line.wholeMatch(of: #/    struct (\w+): (Verb|Irreversible) \{/#) {
                    type = String(verb.1)
                } else if line.prefixMatch(of: #/(    )?(struct|enum|extension) |}/#) != nil {
                    type = ""
                }
                let lists = line.contains(".list(\"") || line.hasSuffix(".list(")
                guard lists, !type.isEmpty else { continue }
                names.insert(
                    type.reduce(into: "") { name, character in
                        if character.isUppercase, !name.isEmpty { name += "-" }
                        name += character.lowercased()
                    })
            }
        }
        return names
    }

    @Test("no listing verb crashes when its output can't be written, in no form")
    func unwrittenLists() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "firmware.url=https://gate.example.org"])
        try serving.furnish()
        #expect(try serving.run(["device", "activate", "lamp", "d1"]).code == 0)
        try Data("image".utf8).write(to: program.directory.appending(path: "image.bin"))
        for verb in [
            "firmware upload lamp 2.0 image.bin",
            "campaign create lamp spring 2.0 --per-minute 1 --ends-at 2099-12-31 --devices d1",
        ] {
            let result = try serving.shell("tollgate \(verb)")
            #expect(result.code == 0, "\(verb): \(result.errors)")
        }
        let hook = [
            "webhook", "create", "--name", "Hook", "--url", "https://example.org/hook", "--json",
        ]
        let made = try serving.run(hook)
        #expect(made.code == 0)
        let id = try #require(made.output.firstMatch(of: /"id": ?"(\w+)"/)?.1)
        let listers = Self.listers + ["webhook deliveries \(id)"]
        let names = try Self.listNames()
        #expect(names.count > 15)
        for name in names {
            #expect(listers.contains { $0.contains(" \(name)") }, "\(name) is not among them")
        }
        for lister in listers {
            let forms = lister == "top --once" ? [""] : ["", " -o json", " -o ndjson", " -o csv"]
            for form in forms {
                let verb = "tollgate \(lister)\(form)"
                let well = try serving.shell(verb)
                #expect(well.code == 0, "\(verb): \(well.errors)")
                let gone = try serving.shell("(\(verb); echo $? >&2) | true")
                #expect(["141\n", "0\n"].contains(gone.errors), "\(verb): \(gone.errors)")
                let head = try serving.shell("(\(verb); echo $? >&2) | head -1")
                #expect(["141\n", "0\n"].contains(head.errors), "\(verb): \(head.errors)")
                let full = try serving.shell("\(verb) > /dev/full; echo $? >&2")
                // An empty list of lines is nothing to write.
                let isEmpty = well.output.isEmpty
                let said = "tollgate: standard output: No space left on device (28)\n1\n"
                #expect(full.errors == (isEmpty ? "0\n" : said), "\(verb): \(full.errors)")
                let closed = try serving.shell("\(verb) >&-; echo $? >&2")
                #expect(
                    closed.errors
                        == (isEmpty
                            ? "0\n" : "tollgate: standard output: Bad file descriptor (9)\n1\n"),
                    "\(verb): \(closed.errors)")
            }
        }
        #expect(serving.end() == 0)
    }

    private func controls(in text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
    }

    @Test("no verb writes a control character, whatever is stored")
    func printable() async throws {
        let program = try await furnished()
        defer { program.remove() }
        let serving = try Serving(program)
        for arguments in Self.readers {
            let result = try serving.run(arguments)
            #expect(result.code == 0, "\(arguments): \(result.errors)")
            #expect(controls(in: result.output + result.errors).isEmpty, "\(arguments)")
        }
        let table = try serving.run(["account", "list"]).output
        #expect(table.split(separator: "\n").count == 2 && table.contains(#"\u{1b}]0;x\u{7}"#))
        // Nor in complaints about what was asked.
        let verb = try serving.run(["account", "show", Self.control])
        #expect(verb.code == 1 && controls(in: verb.errors).isEmpty, "\(verb.errors)")
        let usage = try serving.run(["account", "--\(Self.control)"])
        #expect(usage.code == 2 && controls(in: usage.errors).isEmpty, "\(usage.errors)")
        let errors = serving.errors
        #expect(controls(in: errors).isEmpty)
        #expect(serving.end() == 0)
    }

    @Test("a terminal gets no control character of a CSV either")
    func terminal() async throws {
        let program = try await furnished()
        defer { program.remove() }
        let serving = try Serving(program)
        let made = try serving.run(
            ["product", "create", "--pk", "lamp", "--name", "L", "--account", "acme"])
        #expect(made.code == 0, "\(made.errors)")
        let script = """
            import os, pty, sys
            child, terminal = pty.fork()
            if child == 0:
                os.execvp("tollgate", ["tollgate", "device", "import", "lamp", "devices.csv"])
            text = b""
            try:
                while piece := os.read(terminal, 65536):
                    text += piece
            except OSError:
                pass
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text.replace(b"\\r\\n", b"\\n"))
            """
        try Data("dk,secret\nd1,s\n".utf8)
            .write(to: program.directory.appending(path: "devices.csv"))
        try Data(script.utf8).write(to: program.directory.appending(path: "terminal.py"))
        let result = try serving.shell("python3 terminal.py")
        #expect(result.output == "0 b'dk,secret\\nd1,s\\n'\n", "\(result.errors)")
        #expect(serving.end() == 0)
    }

    @Test("a reader that goes, a full disk or a closed output never crashes a verb")
    func unwritten() async throws {
        let program = try await furnished()
        defer { program.remove() }
        let serving = try Serving(program)
        for arguments in Self.readers {
            let verb = "tollgate " + arguments.joined(separator: " ")
            // The reader has gone before there is anything to read.
            let gone = try serving.shell("(\(verb); echo $? >&2) | true")
            #expect(["141\n", "0\n"].contains(gone.errors), "\(verb): \(gone.errors)")
            let full = try serving.shell("\(verb) > /dev/full; echo $? >&2")
            #expect(
                full.errors == "tollgate: standard output: No space left on device (28)\n1\n",
                "\(verb): \(full.errors)")
            let closed = try serving.shell("\(verb) >&-; echo $? >&2")
            #expect(
                closed.errors == "tollgate: standard output: Bad file descriptor (9)\n1\n",
                "\(verb): \(closed.errors)")
            let deaf = try serving.shell("\(verb) >&- 2>&- <&-; echo $?")
            #expect(deaf.output == "1\n", "\(verb): \(deaf.output)")
        }
        // Complaints that nobody hears.
        for rest in ["2>&-", "2> /dev/full", "2>&1 | true; true"] {
            let result = try serving.shell("tollgate account show none \(rest); echo $?")
            #expect(result.output.isEmpty || ["0\n", "1\n"].contains(result.output), "\(rest)")
        }
        #expect(serving.end() == 0)
    }

    @Test("a change whose answer can't be written says that it was made")
    func changes() async throws {
        let program = try await furnished()
        defer { program.remove() }
        let serving = try Serving(program)
        for (index, rest) in ["> /dev/full", ">&-"].enumerated() {
            let result = try serving.shell(
                "tollgate account create --id a\(index) --name A \(rest); echo $? >&2")
            #expect(
                result.errors.hasPrefix(
                    "tollgate: it was done, but the answer could not be written: "))
            #expect(result.errors.hasSuffix("\n1\n"), "\(result.errors)")
        }
        let list = try serving.run(["account", "list"]).output
        #expect(list.contains("a0 ") && list.contains("a1 "))
        #expect(serving.end() == 0)
    }

    @Test("a list is printed as it comes: its reader can go at any time")
    func lists() async throws {
        let program = try await furnished()
        defer { program.remove() }
        let serving = try Serving(program)
        for command in [
            "tollgate product create --pk lamp --name L --account acme",
            "(echo dk,secret; seq -f 'device-%.0f,' 1 12000) | tollgate device import lamp - > /dev/null",
        ] { #expect(try serving.shell(command).code == 0) }
        let whole = try serving.run(["device", "list", "lamp"])
        #expect(whole.code == 0 && whole.output.split(separator: "\n").count == 12_001)
        let json = try serving.run(["device", "list", "lamp", "--json"])
        let devices = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        #expect((devices as? [Any])?.count == 12_000)
        for form in ["", " --json"] {
            let head = try serving.shell(
                "(tollgate device list lamp\(form); echo $? >&2) | head -c 100")
            #expect(head.output.utf8.count == 100)
            #expect(head.errors == "141\n", "\(head.errors)")
        }
        let few = try serving.run(["device", "list", "lamp", "--limit", "1500"])
        #expect(few.output.split(separator: "\n").count == 1_501)
        #expect(serving.end() == 0)
    }
}
