import Foundation
import Processes
import Support
import Testing

/// Rule E4, of the program: `webhook_scenarios.py` receives.
@Suite("Webhooks of the program", .waits)
struct WebhookTests {
    private func check(_ scenario: String, prints output: String) throws {
        let program = try Program()
        defer { program.remove() }
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "webhook_scenarios.py").path
        let executable = try #require(program.process([], [:]).executableURL)
        let client = Program.root.appending(path: "config/clients/webhook.py").path
        let result = try program.run(
            ["-B", script, executable.path, scenario, client],
            executable: URL(filePath: "/usr/bin/python3"))
        let log = program.directory.appending(path: "serve.err")
        let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        #expect(result.output == output + "\n", "\(result.errors)\(said)")
    }

    @Test("E4: over TLS by an authority of one's own, signed as the documents' client checks it")
    func encrypted() throws {
        try check(
            "https",
            prints: """
                genuine: True
                changed: False
                old: False
                of another secret: False
                change: account-created
                a certificate of nobody: 0 True 0
                a certificate of another name: 0 True 0
                exit code 0
                """)
    }

    @Test("E4: whenever the gateway is killed, each event comes, in order, and doubles say so")
    func killed() throws {
        try check(
            "killed",
            prints: """
                couriers: 1
                once more, with ids: 1 ['a0', 'a0']
                all came: True
                doubles are the same: True 63
                problems of the books: []
                exit code 0
                """)
    }

    @Test("libcurl is in the courier alone, which is started when it is wanted, and again")
    func unloaded() throws {
        try check(
            "unloaded",
            prints: """
                couriers at first: 0
                libcurl in the gateway: False
                libcurl in the courier: True
                the courier has the gateway's sockets: False
                started again: True
                exit code 0
                courier is gone: True
                """)
    }
}
