import Foundation
import Processes
import Testing

/// The scripts that measure work: they are run by hand, and would break unnoticed.
@Suite("Measuring")
struct MeasuringTests {
    @Test(
        "make compare: a line against the floor alone is a row of a table", .timeLimit(.minutes(2)))
    func compare() async throws {
        let (code, output) = try await run(
            "Benchmarks/against-floor.py",
            ["--floor-alone", "--turns", "1", "--seconds", "0.2", "qos0-plain"]
        )
        #expect(code == 0, "\(output)")
        let rows = output.split(separator: "\n").filter { $0.hasPrefix("|") }
        try #require(rows.count == 3, "\(output)")
        let cells = rows[2].split(separator: "|").map { $0.split(separator: " ") }
        #expect(cells[0].joined(separator: " ") == "publish QoS 0, 64 B, plain")
        #expect(cells[1].first.flatMap { Double($0) }.map { 0.01..<100 ~= $0 } == true, "\(output)")
    }

    @Test("make compare: a line that does not exist is named, exit code 2")
    func unknownLine() async throws {
        let (code, output) = try await run("Benchmarks/against-floor.py", ["qos7"])
        #expect(code == 2 && output.contains("no line qos7"), "\(output)")
    }

    @Test("the check for large copies reads code, and says when it finds none")
    func copies() async throws {
        let (code, output) = try await run("Benchmarks/copies.py", ["/bin/true"])
        #expect(code == 2 && output.contains("no copy of any length"), "\(output)")
    }

    /// Runs a script; what it printed on both streams.
    private func run(_ script: String, _ arguments: [String]) async throws -> (Int32, String) {
        let process = ExternalProcess()
        process.executableURL = SourceFile.root.appending(path: script)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
