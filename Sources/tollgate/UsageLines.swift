/// The parser's lines of usage, which it does not wrap.
enum UsageLines {
    /// The columns that a terminal has at least.
    private static let width = 80

    /// `text` with its lines of usage wrapped between options, arguments and verbs.
    static func wrapped(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let begin = ["USAGE: ", "Usage: "].first { line.hasPrefix($0) }
            return begin.map { wrapped(line, behind: $0.count) } ?? String(line)
        }
        .joined(separator: "\n")
    }

    /// - Parameter indent: of the lines behind the first.
    private static func wrapped(_ line: Substring, behind indent: Int) -> String {
        var (text, column) = ("", 0)
        for part in parts(of: line) {
            if column > indent, column + 1 + part.count > width {
                text += "\n" + String(repeating: " ", count: indent) + part
                column = indent + part.count
            } else {
                text += column == 0 ? part : " " + part
                column += part.count + (column == 0 ? 0 : 1)
            }
        }
        return text
    }

    /// What stands between spaces, but for those within brackets.
    private static func parts(of line: Substring) -> [String] {
        var parts: [String] = [""]
        var depth = 0
        for character in line {
            if character == "[" { depth += 1 }
            if character == "]" { depth -= 1 }
            if character == " ", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }
}
