import Foundation
import Processes
import Support
import Testing

/// What a service manager is told: `sd_notify(3)`.
@Suite("Supervision", .waits)
struct SupervisionTests {
    private func check(_ scenario: String, prints output: String) throws {
        let program = try Program()
        defer { program.remove() }
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "supervision_scenarios.py").path
        let executable = try #require(program.process([], [:]).executableURL)
        let result = try program.python([script, executable.path, scenario])
        let log = program.directory.appending(path: "serve.err")
        let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        #expect(result.output == output + "\n", "\(result.errors)\(said)")
    }

    @Test(
        "it is told when the gateway serves, lives, reads its certificates again, and ends",
        arguments: ["path", "abstract"])
    func life(_ kind: String) throws {
        try check(
            kind,
            prints: """
                start: READY=1, WATCHDOG_USEC=2000000
                sign of life: ['WATCHDOG=1', 'WATCHDOG=1']
                SIGHUP: RELOADING=1, MONOTONIC_USEC=N
                and then: READY=1, WATCHDOG_USEC=2000000
                SIGTERM: STOPPING=1
                exit code 0
                after that: None
                """)
    }

    @Test("there is no sign of life while one shard stands still, though the API answers")
    func stuck() throws {
        try check(
            "stuck",
            prints: """
                start: READY=1, WATCHDOG_USEC=2000000
                sign of life: WATCHDOG=1
                with a shard that stands still: None 200
                and when it goes on: WATCHDOG=1
                SIGTERM: STOPPING=1
                exit code 0
                after that: None
                """)
    }

    @Test("WATCHDOG_PID of another process asks this one for no sign of life")
    func another() throws {
        try check(
            "other",
            prints: """
                start: READY=1
                sign of life: None
                SIGTERM: STOPPING=1
                exit code 0
                after that: None
                """)
    }

    @Test(
        "a socket that can't be is warned of, and the gateway serves", arguments: ["notify", "@"])
    func noSocket(_ name: String) throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, environment: ["NOTIFY_SOCKET": name])
        #expect(serving.errors.contains("NOTIFY_SOCKET: \(name): "), "\(serving.errors)")
        #expect(serving.end() == 0)
    }
}
