import Foundation
import Processes
import Support
import Testing

/// Rules E1, E2 and E4, of the program: `alert_scenarios.py` receives mail, `alert_webhooks.py` events by HTTP.
@Suite("Alerts of the program", .waits)
struct AlertTests {
    private func check(
        _ script: String, _ arguments: [String], prints output: String
    ) throws {
        let program = try Program()
        defer { program.remove() }
        let place = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "\(script).py").path
        let executable = try #require(program.process([], [:]).executableURL)
        let result = try program.run(
            ["-B", place, executable.path] + arguments,
            executable: URL(filePath: "/usr/bin/python3"))
        let log = program.directory.appending(path: "serve.err")
        let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        #expect(result.output == output + "\n", "\(result.errors)\(said)")
    }

    @Test(
        "E2: killed between commit and sending, and between sending and writing down, no mail is lost, and doubles say so"
    )
    func killed() throws {
        try check(
            "alert_scenarios", [Program.root.appending(path: ".build-venv/bin/python").path],
            prints: """
                sent: 1 [False]
                couriers: 1
                sent: 2 [False, True]
                sent: 4 [False, True, False, True]
                the double has the same id: True 3
                attempts: 2 unknown: 1
                alerts: [False, True]
                CONNACK: [5, 5, 5]
                digest: 2 True [{'product': 'meter', 'count': 2, 'first': ['meter-1', 'meter-2']}]
                mail: [('Meter: 2 devices refused, as no activation code is left', True)]
                mail: Meter: no device is refused for want of a code any more [False]
                CONNACK: 0
                certificate: [('gateway', None, False)]
                mail: [('ops@example.org', '节点 gateway：TLS 证书将在 29 天后到期'), ('ops@example.org', '节点 gateway：已没有即将到期的 TLS 证书')]
                problems of the books: []
                exit code 0
                """)
    }

    @Test(
        "E2, E4: while the mail server is down a webhook gets each crossing and its end, signed and in order, once; killed in between, none is lost"
    )
    func byWebhook() throws {
        try check(
            "alert_webhooks", [Program.root.appending(path: "config/clients/webhook.py").path],
            prints: """
                crossed: alert-fired acme codes-low lamp 1 9 10 signed
                crossed back: alert-resolved acme codes-low lamp 1 10 None signed
                crossed again: alert-fired acme codes-low lamp 2 9 10 signed
                couriers: 1
                resolved before the crash: alert-resolved acme codes-low lamp 2 10 None signed
                couriers: 1
                crossed before the crash: alert-fired acme codes-low lamp 3 9 10 signed
                not answered: alert-resolved acme codes-low lamp 3 10 None signed
                once more: alert-resolved acme codes-low lamp 3 10 None signed
                ids: 7 6 True
                as in the log, in order: True
                to others: 0
                mail: ['waiting', 'waiting', 'waiting', 'waiting', 'waiting', 'waiting']
                messages at the end: 7
                problems of the books: []
                exit code 0
                """)
    }
}
