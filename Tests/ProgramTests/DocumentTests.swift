import Foundation
import Processes
import Support
import Testing

/// The API's document against the running gateway, by programs that know nothing of this one: PyPI's
/// `openapi-spec-validator` and `schemathesis`. `make test` installs them into `.build-venv` in the
/// package's root.
@Suite("The API's document", .waits)
struct DocumentTests {
    /// Requests that schemathesis makes for an operation, in each of its phases.
    private static let examples = 20
    private static let seed = 3

    @Test("it is valid OpenAPI 3.1, and schemathesis finds nothing in the gateway that it denies")
    func document() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnish(serving)
        let file = program.directory.appending(path: "openapi.json")
        let fetch = "import sys, urllib.request as r; r.urlretrieve(sys.argv[1], sys.argv[2])"
        let fetched = try program.python(["-c", fetch, "\(serving.api)/openapi.json", file.path])
        #expect(fetched.code == 0, "\(fetched.errors)")
        let validation = try program.python(["-m", "openapi_spec_validator", file.path])
        #expect(validation.code == 0, "\(validation.output)\(validation.errors)")
        let examples = try program.python([
            URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "openapi_examples.py").path, file.path,
        ])
        #expect(examples.code == 0, "\(examples.output)\(examples.errors)")
        let token = try String(
            contentsOfFile: "\(program.directory.path)/data/admin.token", encoding: .utf8
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)
        let settings = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "schemathesis.toml").path
        let result = try program.python([
            Program.root.appending(path: ".build-venv/bin/st").path, "--config-file", settings,
            "--no-color", "run", file.path,
            "--url", serving.api, "--header", "Authorization: Bearer \(token)",
            "--seed", "\(Self.seed)", "--max-examples", "\(Self.examples)",
            "--generation-database", "none", "--continue-on-failure", "--request-timeout", "20",
            "--output-sanitize", "false", "--warnings", "off",
        ])
        #expect(result.code == 0, "\(Self.findings(in: result))")
        // The token works and the books balance, after all that.
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(!serving.errors.contains("a request failed"), "\(serving.errors)")
        #expect(serving.end() == 0)
    }

    /// What schemathesis has found, each with the curl line that shows it again.
    private static func findings(in result: Program.Result) -> String {
        let text = result.output + result.errors
        guard let start = text.firstRange(of: "= FAILURES =") ?? text.firstRange(of: "= ERRORS =")
        else { return text }
        return String(text[start.lowerBound...])
    }

    /// Something of everything, by the names that `schemathesis.toml` knows.
    private func furnish(_ serving: Serving) throws {
        var commands = [
            ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30"],
            ["package", "create", "--id", "gold", "--name", "Gold", "--validity-days", "365"],
        ]
        for account in ["acme", "other"] {
            commands += [
                ["account", "create", "--id", account, "--name", account],
                ["codes", "buy", account, "--package", "basic", "--quantity", "100000"],
                [
                    "topup", "buy", account, "--kind", "ota", "--quantity", "100000",
                    "--expires-at", "2199-01-01T00:00:00Z",
                ],
            ]
        }
        for product in ["lamp", "fan", "old1", "old2", "old3", "old4"] {
            commands += [
                ["product", "create", "--pk", product, "--name", product, "--account", "acme"],
                [
                    "codes", "assign", "acme", product, "--package", "basic", "--quantity", "1000",
                    "--yes",
                ],
            ]
        }
        for command in commands {
            let result = try serving.run(command)
            #expect(result.code == 0, "\(command): \(result.errors)")
        }
        let devices = "dk,secret\nd1,\nd2,\nd3,\nd4,\nx1,\nx2,\nx3,\nx4,\n"
        for product in ["lamp", "fan"] {
            let result = try serving.run(["device", "import", product, "-"], input: devices)
            #expect(result.code == 0, "\(result.errors)")
            #expect(try serving.run(["device", "activate", product, "d1"]).code == 0)
        }
    }
}
