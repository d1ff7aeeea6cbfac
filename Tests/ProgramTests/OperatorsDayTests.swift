import Foundation
import Support
import Testing

@Suite("The operator's day of the README", .waits)
struct OperatorsDayTests {
    /// One line of the README: what to run, and what has to be among its output.
    struct Line: CustomTestStringConvertible {
        let command: String
        let expected: String?

        var testDescription: String { command }
    }

    /// The lines between the section's heading and the end of its code block.
    static func lines() throws -> [Line] {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let section = try #require(text.range(of: "### An operator's day"))
        let start = try #require(
            text.range(of: "```sh\n", range: section.upperBound..<text.endIndex))
        let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
        return text[start.upperBound..<end.lowerBound].split(separator: "\n").compactMap { line in
            if line.hasPrefix("#") { return nil }
            let parts = line.split(separator: "#=>", maxSplits: 1)
            let expected = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : nil
            return Line(command: String(parts[0]), expected: expected)
        }
    }

    @Test("A1 to A5, B1, B6, B10, B11, A10: every line does what the README says it does")
    func day() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let lines = try Self.lines()
        #expect(lines.count > 15)
        var exports = ""
        for line in lines {
            let command = line.command.replacing("mqtt://localhost:1883", with: serving.listener)
            let result = try serving.shell(exports + command)
            if command.hasPrefix("export ") { exports += command + "\n" }
            #expect(result.code == 0, "\(command)\n\(result.errors)")
            guard let expected = line.expected else { continue }
            #expect(
                Self.words(result.output).contains(Self.words(expected)),
                "\(command)\n\(result.output)"
            )
        }
        #expect(serving.end() == 0)
    }

    /// Columns are as wide as their widest cell: one blank between words is as good.
    private static func words(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
