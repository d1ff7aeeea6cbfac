import Foundation
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
