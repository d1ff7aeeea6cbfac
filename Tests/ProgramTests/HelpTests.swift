import Foundation
import Processes
import Support
import Testing

/// What the program says of itself, and to what it doesn't understand.
@Suite("Help", .waits)
struct HelpTests {
    struct Verb {
        let path: [String]
        let abstract: String
        let discussion: String
        let arguments: [Argument]
    }

    struct Argument {
        let name: String
        let abstract: String
    }

    /// All verbs that have none below them, as the parser knows them.
    static func verbs(_ program: Program) throws -> [Verb] {
        let text = try program.run(["--experimental-dump-help"]).output
        let document = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        var verbs: [Verb] = []
        func walk(_ command: [String: Any], _ path: [String]) {
            let name = command["commandName"] as? String ?? ""
            if name == "help" { return }
            let path = path + (path.isEmpty && name == "tollgate" ? [] : [name])
            let children = command["subcommands"] as? [[String: Any]] ?? []
            for child in children { walk(child, path) }
            guard children.isEmpty else { return }
            let arguments = (command["arguments"] as? [[String: Any]] ?? []).map { argument in
                Argument(
                    name: argument["valueName"] as? String ?? "",
                    abstract: argument["abstract"] as? String ?? "")
            }
            verbs.append(
                Verb(
                    path: path, abstract: command["abstract"] as? String ?? "",
                    discussion: command["discussion"] as? String ?? "", arguments: arguments))
        }
        walk(try #require(document?["command"] as? [String: Any]), [])
        return verbs
    }

    @Test("every verb has an abstract, described arguments, and an example that is understood")
    func complete() throws {
        let program = try Program()
        defer { program.remove() }
        let verbs = try Self.verbs(program)
        #expect(verbs.count > 80)
        // No gateway answers there: an example that is understood gets as far as that, or fails for its files.
        let environment = ["TOLLGATE_API": "http://127.0.0.1:1", "TOLLGATE_TOKEN": "x"]
        for verb in verbs {
            let name = verb.path.joined(separator: " ")
            #expect(verb.abstract.count > 10 && verb.abstract.hasSuffix("."), "\(name)")
            for argument in verb.arguments {
                #expect(argument.abstract.count > 5, "\(name): \(argument.name)")
            }
            let examples = verb.discussion.split(separator: "\n")
                .filter { $0.hasPrefix("EXAMPLE: ") }.map { $0.dropFirst("EXAMPLE: ".count) }
            #expect(!examples.isEmpty, "\(name) has no example")
            for example in examples {
                #expect(example.hasPrefix("tollgate \(name)"), "\(name): \(example)")
                let result = try program.shell(String(example), environment: environment)
                #expect(!result.errors.contains("Usage: "), "\(example): \(result.errors)")
                #expect(!result.errors.contains("say which"), "\(example): \(result.errors)")
            }
        }
    }

    @Test(
        "a misspelt verb or option is answered with the one that was meant",
        arguments: [
            (
                "product shw",
                "there is no verb 'product shw': did you mean 'tollgate product show'?"
            ),
            ("prodct list", "there is no verb 'prodct': did you mean 'tollgate product'?"),
            ("device rm lamp d1", "did you mean 'tollgate device delete'?"),
            ("account ls", "did you mean 'tollgate account list'?"),
            ("cluster states", "did you mean 'tollgate cluster status'?"),
            ("product list --acount acme", "Did you mean '--account'?"),
        ])
    func suggestions(line: String, said: String) throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.run(line.split(separator: " ").map(String.init))
        #expect(result.code == 2 && result.output.isEmpty)
        #expect(result.errors.contains(said) && result.errors.contains("Usage: "), "\(result)")
        #expect(!result.errors.contains("Error: "), "\(result.errors)")
    }

    @Test("help, and what is said to wrong arguments, fits 80 columns")
    func width() throws {
        let program = try Program()
        defer { program.remove() }
        let verbs = try Self.verbs(program).map(\.path)
        let groups = Set(verbs.filter { $0.count > 1 }.map { Array($0.dropLast()) })
        let paths: [[String]] = [[]] + groups.sorted { $0.joined() < $1.joined() } + verbs
        // One shell for all: a process for each would take as long again.
        let lines = paths.map { "tollgate \($0.joined(separator: " ")) --help" }
        let wrong = paths.map { "tollgate \($0.joined(separator: " ")) --no-such-option 2>&1" }
        let result = try program.shell(
            (lines + [wrong[0]] + wrong.suffix(12)).map { "\($0) || true" }
                .joined(separator: "\n"))
        #expect(result.code == 0, "\(result.errors)")
        let output = result.output.split(separator: "\n")
        #expect(output.count { $0.hasPrefix("USAGE: ") } == lines.count)
        #expect(output.count { $0.hasPrefix("Usage: ") } >= 10)
        for line in output { #expect(line.count <= 80, "\(line)") }
    }

    @Test("the operator's page has every verb")
    func page() throws {
        let program = try Program()
        defer { program.remove() }
        let page = try String(
            contentsOf: Program.root.appending(
                path: "Sources/Gateway/Gateway.docc/Operating.md"), encoding: .utf8)
        let start = try #require(page.firstRange(of: "## Verbs\n\n```\n")).upperBound
        let list = page[start...].prefix(
            upTo: try #require(page[start...].firstRange(of: "\n```")).lowerBound)
        var documented: Set<[String]> = []
        var group: [String] = []
        for line in list.split(separator: "\n") {
            var words = line.split(separator: " ").map(String.init)
            if words.first == "tollgate" {
                group = [words[1]]
                words.removeFirst(2)
                documented.insert(group)
            }
            // What is said about a group stands behind its verbs.
            for word in words.prefix(while: { $0 == "|" || $0.wholeMatch(of: /[a-z-]+/) != nil }) {
                documented.insert(group + [word])
            }
        }
        for verb in try Self.verbs(program) {
            let name = verb.path.joined(separator: " ")
            #expect(documented.contains(verb.path), "\(name) is not in Operating.md")
        }
    }

    @Test("completion prints what bash takes")
    func completion() throws {
        let program = try Program()
        defer { program.remove() }
        let script = try program.run(["completion", "bash"])
        #expect(script.code == 0 && script.output.contains("near-expiry"))
        let checked = try program.shell("tollgate completion bash | bash -n")
        #expect(checked.code == 0, "\(checked.errors)")
        for shell in ["zsh", "fish"] {
            #expect(try program.run(["completion", shell]).output.contains("near-expiry"))
        }
    }

    @Test("config check says what serve would say, and how long certificates last")
    func configuration() throws {
        let program = try Program()
        defer { program.remove() }
        let file = program.directory.appending(path: "t.yaml")
        try Data("limits:\n  packetSize: 5\n".utf8).write(to: file)
        let wrong = try program.run(["config", "check", "--config", "t.yaml"])
        #expect(wrong.code == 2 && wrong.errors.contains("t.yaml:2: limits.packetSize"), "\(wrong)")
        try Data("listeners:\n  - {name: local, port: 1884, tls: false}\n".utf8).write(to: file)
        let right = try program.run(["config", "check", "--config", "t.yaml"])
        #expect(right.code == 0 && right.output.contains("listeners local"), "\(right)")
        let none = try program.run(["config", "check"])
        #expect(none.code == 1 && none.errors.contains("data/tls/cert.pem"), "\(none)")
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=x "
                + "-keyout key.pem -out cert.pem")
        try #require(made.code == 0, "\(made.errors)")
        let certified = try program.run([
            "config", "check", "--set", "tls.certificate=cert.pem", "--set", "tls.key=key.pem",
        ])
        #expect(certified.code == 0 && certified.output.contains("cert.pem: 8 days left"))
        #expect(!FileManager.default.fileExists(atPath: "\(program.directory.path)/data"))
    }

    @Test("config check finds what serve would end at, says it in words, and makes nothing")
    func unusable() throws {
        let program = try Program()
        defer { program.remove() }
        let made = try program.shell(
            """
            for name in one two; do
              openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=x \
                -keyout $name.key -out $name.pem 2>/dev/null || exit 1
            done
            echo none >none.pem
            echo before >before; ls >>before
            """)
        try #require(made.code == 0, "\(made.errors)")
        let right = "--set tls.certificate=one.pem --set tls.key=one.key"
        let api = "--set admin.tls.certificate=two.pem"
        for (words, said) in [
            ("--set tls.certificate=one.pem --set tls.key=two.key", "is not the certificate's"),
            ("--set tls.certificate=one.pem --set tls.key=gone.key", "gone.key"),
            ("\(right) --set tls.clientCA=none.pem", "none.pem"),
            ("\(right) --set tls.ciphers=FOO", "ipher"),
            ("\(right) \(api) --set admin.tls.key=one.key", "is not the certificate's"),
            (
                "\(right) --set tls.alternativeCertificate=none.pem --set tls.alternativeKey=two.key",
                "none.pem"
            ),
            ("\(right) --set secrets=none.pem", "none.pem"),
            ("\(right) --set secrets=data/secrets", "must not be in the data directory"),
            ("\(right) --set data=/proc/x", "/proc/x can't be made in /proc"),
            ("\(right) --set data=none.pem", "none.pem"),
        ] {
            let result = try program.shell("tollgate config check \(words)")
            #expect(result.code == 1 && result.output.isEmpty, "\(words): \(result)")
            #expect(result.errors.contains(said), "\(words): \(result.errors)")
            // Neither a case of ours nor a code of OpenSSL's.
            #expect(
                result.errors.firstMatch(of: /error:[0-9A-F]{8}|: [a-z]+[A-Z]/) == nil,
                "\(words): \(result.errors)")
        }
        let environment = ["TOLLGATE_CA": "one.pem", "TOLLGATE_LOAD_PASSWORD": "x"]
        let good = try program.shell(
            "tollgate config check \(right) \(api) --set admin.tls.key=two.key",
            environment: environment)
        #expect(good.code == 0 && good.errors.isEmpty, "\(good)")
        // But for what the commands have said.
        let others = try program.shell("ls | grep -vxF -f before | grep -vE '^[0-9A-F-]{36}$'")
        #expect(others.output == "")
    }

    @Test("config show says what a gateway has started with, and where each value comes from")
    func settings() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let shown = try serving.run(["config", "show", "-o", "csv"])
        #expect(shown.code == 0, "\(shown.errors)")
        let lines = shown.output.split(whereSeparator: \.isNewline)
        #expect(lines.first == "key,value,origin" && lines.count > 100)
        #expect(lines.contains("admin.port,0,tollgate.yaml:2"))
        #expect(lines.contains("limits.packetSizeBytes,262144,"), "a default comes from nowhere")
        #expect(serving.end() == 0)
    }
}
