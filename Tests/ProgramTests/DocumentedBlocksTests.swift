import Foundation
import Processes
import Support
import Testing

/// Blocks of the documents that can't be marked `sh`: they have places that are not here, ask, or are no commands.
@Suite("The documents' other blocks", .waits)
struct DocumentedBlocksTests {
    /// A product with these devices, and one code.
    private func furnish(_ serving: Serving, _ devices: [String]) throws {
        let rows = devices.map { "\($0)\\n" }.joined()
        try serving.succeeds(
            """
            tollgate account create --id acme --name 'Acme Ltd.' --kind enterprise
            tollgate product create --pk lamp --name Lamp --account acme
            tollgate codes assign acme lamp --package free --quantity 1 --yes
            printf 'dk,secret\\n\(rows)' | tollgate device import lamp -
            """)
    }

    @Test(
        "the operator's page lists the devices that are meant, disables those of a file, and asks before it deletes"
    )
    func devices() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(program)
        try furnish(
            serving,
            ["hall-1", "hall-2", "lamp-1", "test-1", "test-2"].map { "\($0),secret-of-\($0)" })
        let lines = try DocumentPage.named("Operating.md").block("tollgate device list").lines
        try #require(lines.count == 3)
        // One of the hall's is active and connected, the other is neither.
        let list = try serving.succeeds(
            """
            mosquitto_sub -h localhost -p \(serving.port(of: "devices")) --cafile data/tls/ca.pem -V 5 \
                -u 'hall-1&lamp' -P secret-of-hall-1 -t d/lamp/hall-1/down/x >heard 2>&1 & client=$!
            for round in $(seq 200); do
                \(lines[0])
                grep -q hall list && break
                sleep 0.1
            done >list
            kill $client
            cat list
            """)
        #expect(list.output.contains("hall-1"), "\(list.output)")
        #expect(!list.output.contains("hall-2") && !list.output.contains("lamp-1"))

        let disabled = try serving.succeeds("echo lamp-1 > lost.txt\n\(lines[1])")
        #expect(disabled.output == "1 device disabled\n")
        let words = lines[2].prefix { $0 != "#" }.split(separator: " ").dropFirst().map(String.init)
        let deleted = try serving.terminal(words, typing: [Typed(after: "[y/N] ", keys: "y\n")])
        #expect(deleted.code == 0, "\(deleted.output)")
        for text in ["2 devices are deleted", "2 devices deleted"] {
            #expect(deleted.output.contains(text), "\(deleted.output)")
        }
        let rest = try serving.succeeds("tollgate device list lamp -o csv").output
        #expect(rest.contains("hall-1") && rest.contains("hall-2") && !rest.contains("test-"))
        #expect(serving.end() == 0)
    }

    @Test("a device without a code is in the log as the operator's page shows it")
    func refusal() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(program)
        try furnish(serving, ["d0,secret-of-the-1st", "d1,secret-of-the-2nd"])
        let probe = "tollgate probe --url \(serving.url(of: "devices")) --insecure --device lamp"
        try serving.succeeds("TOLLGATE_PROBE_PASSWORD=secret-of-the-1st \(probe)/d0")
        #expect(
            try serving.shell("TOLLGATE_PROBE_PASSWORD=secret-of-the-2nd \(probe)/d1").code == 1)
        let block = try DocumentPage.named("Operating.md").block("2026-11-21T08:15:30.250Z")
        let shown = Self.constant(try #require(block.lines.first))
        let isLogged = Patience.awaits {
            serving.errors.split(separator: "\n").contains { Self.constant(String($0)) == shown }
        }
        #expect(isLogged, "\(shown) is not in\n\(serving.errors)")
        #expect(serving.end() == 0)
    }

    /// A line of the log without when and from where.
    private static func constant(_ line: String) -> String {
        line.split(separator: " ").dropFirst()
            .map { $0.hasPrefix("address=") ? "address" : String($0) }
            .joined(separator: " ")
    }

    @Test("a gateway that runs is backed up and its backup checked as the operator's page has it")
    func backup() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(program)
        try furnish(serving, ["lamp-1,"])
        // Made on the day that `date` says: the only one that is there.
        let script = try DocumentPage.named("Operating.md").block("tollgate backup")
            .text(with: ["/var/backups/tollgate": "backups", "2026-11-21": "*"])
        let result = try serving.succeeds("mkdir backups\n\(script)")
        #expect(result.output.hasPrefix("backup of "), "\(result.output)")
        #expect(result.output.hasSuffix(Program.balance), "\(result.output)")
        #expect(result.errors.isEmpty, "\(result.errors)")
        #expect(serving.end() == 0)
    }

    @Test("a key that is written wrong is said with its line, as the operator's page shows it")
    func misspelt() throws {
        let program = try Program()
        defer { program.remove() }
        let place = program.directory.appending(path: "config")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let file = "config/tollgate.yaml"
        let result = try program.shell(
            """
            sed 's/^  packetSizeBytes:/  packetSizeByte:/' '\(Program.root.path)/\(file)' >\(file)
            tollgate config check --config \(file)
            """)
        #expect(result.code == 2)
        let block = try DocumentPage.named("Operating.md").block("tollgate: \(file)")
        // The line moves with the file.
        func parts(_ text: String) -> [Substring] { text.split(whereSeparator: \.isNumber) }
        #expect(parts(result.errors) == parts("\(block.lines.joined())\n"), "\(result.errors)")
    }

    @Test("a device connects by its pre-shared key with the line of that page")
    func preSharedKey() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(
            program, ["--set", "tls.preset=legacy", "--set", "tls.psk=true"])
        let secret = String(repeating: "5e", count: 32)
        try furnish(serving, ["lamp-1,\(secret)"])
        let page = try DocumentPage.named("PreSharedKeys.md")
        let dialect = "tollgate product set-dialect lamp --proof psk --proof tollgate"
        #expect(page.text.contains("`\(dialect)`"))
        let line = try page.block("mosquitto_pub").text(with: [
            "gateway.example": "localhost", "8883": serving.port(of: "devices"),
        ])
        let before = try serving.shell("SECRET=\(secret)\n\(line)")
        #expect(before.code != 0, "psk is not among the product's proofs yet")
        let shown = try serving.succeeds(
            "\(dialect)\nSECRET=\(secret)\n\(line)\ntollgate device show lamp lamp-1 --json")
        #expect(shown.output.contains("\"state\":\"active\""), "\(shown.output)")
        #expect(serving.end() == 0)
    }

    @Test("a gateway would start with the settings that the page about alerts shows")
    func alerts() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(program)
        let page = try DocumentPage.named("Alerts.md")
        let settings =
            try page.block("alerts:").text(with: [:]) + "\n"
            + page.block("smtp:").text(with: ["/etc/tollgate/smtp.password": "smtp.password"])
        let checked = try serving.succeeds(
            """
            cp documents.yaml alerts.yaml
            cat >>alerts.yaml <<'END'

            \(settings)
            END
            echo secret >smtp.password
            tollgate config check --config alerts.yaml
            """)
        #expect(checked.output.hasPrefix("the configuration is right"), "\(checked.output)")
        let wrong = try serving.shell(
            "sed -i s/starttls/startls/ alerts.yaml\ntollgate config check --config alerts.yaml")
        #expect(wrong.code == 2 && wrong.errors.contains("smtp.security"), "\(wrong.errors)")
        #expect(serving.end() == 0)
    }
}
