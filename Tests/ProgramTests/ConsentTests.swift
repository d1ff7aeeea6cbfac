import Foundation
import Processes
import Support
import Testing

/// What can't be undone is asked about.
@Suite("Consent", .waits)
struct ConsentTests {
    /// All verbs that have `--yes`, as `tollgate` itself lists them.
    private static func irreversible(_ program: Program) throws -> Set<String> {
        Set(
            try HelpTests.verbs(program).filter { verb in
                verb.arguments.contains { $0.name == "yes" }
            }
            .map { $0.path.joined(separator: " ") })
    }

    @Test("every verb whose effect can't be undone asks")
    func all() throws {
        let program = try Program()
        defer { program.remove() }
        #expect(
            try Self.irreversible(program) == [
                "account certify", "authority crl", "authority disable", "authority remove",
                "campaign stop",
                "clock confirm", "cluster adopt", "cluster remove", "codes assign",
                "codes void-assignment", "codes void-purchase", "device delete",
                "device delete-messages", "device disable", "device enable", "device kick",
                "device move", "device renewal", "device reset-secret", "device void-activation",
                "firmware delete", "key revoke", "product delete", "product remove-token-key",
                "product revoke-secret", "product rotate-secret", "product upgrade", "topup void",
                "webhook delete", "webhook rotate",
            ])
    }

    @Test(
        "without a terminal it is refused in a clear line that says what would be lost; --yes does it"
    )
    func refused() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish()
        func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
        for line in [
            "account create --id ann --name Ann --kind individual",
            "package create --id plus --name Plus --validity-days 60",
            "codes buy acme --package basic --quantity 5",
            "codes assign acme lamp --package basic --quantity 2 --yes",
            "topup buy acme --kind messages --quantity 500 --expires-at 2099-01-01T00:00:00Z",
            "device create lamp d2", "device create lamp d3", "device activate lamp d1",
            "device activate lamp d2",
        ] {
            let result = try serving.run(words(line))
            #expect(result.code == 0, "\(line): \(result.errors)")
        }
        let key = try serving.run(words("key create --name K --account acme --json")).output
        let id = key.split(separator: "\"").dropFirst(3).first.map(String.init) ?? ""
        let hook = try serving.run(
            words("webhook create --name Hook --url https://example.org/hook -o json"))
        #expect(hook.code == 0, "\(hook.errors)")
        /// A member of the first element of a list.
        func member(_ name: String, of list: String) throws -> String {
            let lines = try serving.run(words(list + " -o ndjson")).output.split(separator: "\n")
            let line = try #require(lines.first, "\(list)")
            let element = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return "\(try #require(element?[name]))"
        }
        let code = try member("firstCode", of: "codes purchases acme")
        let sequence = try member("sequence", of: "codes assignments acme")
        let pack = try member("id", of: "topup list acme")
        let webhook = try member("id", of: "webhook list")
        for (line, loss) in [
            ("account certify ann", "Ann"),
            ("device delete-messages lamp d1", "can't be had back"),
            ("webhook rotate \(webhook)", "signatures are wrong"),
            ("webhook delete \(webhook)", "https://example.org/hook is deleted"),
            ("clock confirm", "the books believe the clock"),
            ("codes assign acme lamp --quantity 3", "3 codes of the 13"),
            ("codes void-purchase acme \(code) --cause x", "codes of package"),
            ("codes void-assignment acme \(sequence) --cause x", "codes are taken back"),
            ("device move lamp d2 d3 --cause x", "gives its activation"),
            ("device void-activation lamp d1 --cause x", "its code is void"),
            ("device reset-secret lamp d1", "another secret"),
            ("device delete lamp d3", "its activation until"),
            ("key revoke \(id)", "is of the role application"),
            ("topup void acme \(pack) --cause x", "500 of its 500 units"),
            ("product rotate-secret lamp", "24 hours"),
            ("product revoke-secret lamp", "2 devices"),
            ("product upgrade lamp plus", "from package basic to plus"),
            ("product delete lamp", "codes not consumed"),
        ] as [(String, String)] {
            let before = try serving.run(["event", "list", "--limit", "1000", "--json"]).output
            let refused = try serving.run(words(line))
            #expect(refused.code == 2 && refused.output.isEmpty, "\(line): \(refused)")
            #expect(refused.errors.contains(loss), "\(line): \(refused.errors)")
            #expect(refused.errors.contains("and nothing was done: say --yes"), "\(refused.errors)")
            let after = try serving.run(["event", "list", "--limit", "1000", "--json"]).output
            #expect(before == after, "\(line)")
            // A second assignment or void may have nothing left to do, which the gateway says.
            let done = try serving.run(words(line) + ["--yes"])
            #expect(done.code == 0 || done.errors.contains(": "), "\(line): \(done.errors)")
            #expect(!done.errors.contains("--yes"), "\(line): \(done.errors)")
        }
        #expect(try serving.run(words("product show lamp")).code == 1)
        #expect(serving.end() == 0)
    }

    @Test("on a terminal it shows the loss and asks: only yes does it")
    func asked() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish(devices: "d1,s1,\nd2,s2,\n", name: "台灯")
        for answer in ["n\n", "\n", "\u{4}"] {
            let result = try serving.terminal(
                ["product", "delete", "lamp"], typing: [Typed(after: "[y/N] ", keys: answer)])
            #expect(result.code == 1, "\(result.output)")
            #expect(
                result.output.contains(
                    "product lamp (台灯) is deleted: with it go 7 codes not consumed, and 2 devices can't connect any more"
                ), "\(result.output)")
            #expect(result.output.contains("nothing was done"))
        }
        #expect(try serving.run(["product", "show", "lamp"]).code == 0)
        let done = try serving.terminal(
            ["product", "delete", "lamp"], typing: [Typed(after: "[y/N] ", keys: "yes\n")])
        #expect(done.code == 0 && done.output.contains("forfeited  7"), "\(done.output)")
        #expect(try serving.run(["product", "show", "lamp"]).code == 1)
        #expect(serving.end() == 0)
    }
}
