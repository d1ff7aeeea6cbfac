import Foundation
import Processes
import Support
import Testing

/// Signals at any instant of a start: none is lost, and from the first listener on none ends the process undrained.
@Suite("Signals", .waits)
struct SignalTests {
    /// Starts a gateway, sends signals so many milliseconds later, and waits for its end: what it said, and its exit
    /// code; a signal that ended it is its negated number, and `nil` is no end at all.
    private func life(
        _ program: Program,
        _ name: String,
        after milliseconds: Int,
        _ signals: [Int32]
    ) throws -> (said: String, code: Int32?) {
        let errors = program.directory.appending(path: "\(name).err")
        _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        let process = program.process(
            [
                "serve", "--set", "listeners.devices.tls=false", "--set",
                "listeners.devices.port=0",
                "--set", "listeners.local.port=0", "--set", "admin.port=0", "--data", name,
                "--set", "storage.ledgerMapBytes=67108864", "--set",
                "storage.usageMapBytes=67108864",
            ], [:])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000)
        for signal in signals {
            kill(process.processIdentifier, signal)
            Thread.sleep(forTimeInterval: 0.002)
        }
        let limit = Date(timeIntervalSinceNow: Patience.seconds)
        while process.isRunning && Date() < limit { Thread.sleep(forTimeInterval: 0.005) }
        let said = try String(contentsOf: errors, encoding: .utf8)
        guard !process.isRunning else {
            kill(process.processIdentifier, SIGKILL)
            return (said, nil)
        }
        process.waitUntilExit()
        return (
            said,
            process.terminationReason == .exit
                ? process.terminationStatus : -process.terminationStatus
        )
    }

    @Test(
        "SIGTERM or SIGINT at any instant of the start ends the gateway, and once it listens it drains"
    )
    func atAnyInstant() throws {
        let program = try Program()
        defer { program.remove() }
        for step in 0..<40 {
            let milliseconds = step * 7
            let number = step.isMultiple(of: 2) ? SIGTERM : SIGINT
            let (said, code) = try life(program, "data\(step)", after: milliseconds, [number])
            if said.contains("listener '") || said.contains("drain") {
                #expect(code == 0 && said.contains("drained"), "\(milliseconds) ms: \(said)")
            } else {
                // Before anything listened.
                #expect(code == -number || code == 0, "\(milliseconds) ms: \(said)")
            }
        }
    }

    @Test("SIGHUP while the gateway starts does not end it once it listens, and SIGTERM still does")
    func reloadAtAnyInstant() throws {
        let program = try Program()
        defer { program.remove() }
        for step in 0..<12 {
            let milliseconds = step * 20
            let (said, code) = try life(
                program, "data\(step)", after: milliseconds, [SIGHUP, SIGTERM])
            if said.contains("listener '") {
                #expect(code == 0 && said.contains("drained"), "\(milliseconds) ms: \(said)")
            } else {
                #expect(
                    code == -SIGHUP || code == -SIGTERM || code == 0, "\(milliseconds) ms: \(said)")
            }
        }
    }

    @Test("A second SIGTERM ends the process at once")
    func second() throws {
        let program = try Program()
        defer { program.remove() }
        let start = Date()
        let (said, code) = try life(program, "data", after: 1_500, [SIGTERM, SIGTERM])
        // The first may have drained an idle gateway before the second came.
        #expect(code == 1 || code == 0, "\(said)")
        #expect(Date().timeIntervalSince(start) < 30)
    }
}
