/// Finds the `switch` statements of a file, by their indentation, which `swift format` keeps.
struct SwitchScanner {
    struct Switch: Equatable {
        let line: Int

        /// From its head to its closing brace.
        var lineCount = 0

        /// The line that `switch` stands on, without its indentation.
        let head: String

        /// Between `case` and the colon, without `where`; several of one `case` apart.
        var patterns: [String] = []

        /// Whether a `default:`, or a pattern that matches anything, takes the cases that are not named.
        var takesTheRest = false

        /// Whether it is over an enumeration, or over a tuple with one: a pattern begins with a dot.
        var isOverCases: Bool { patterns.contains { SwitchScanner.namesCase($0) } }
    }

    static func switches(in codeLines: [String]) -> [Switch] {
        codeLines.indices.compactMap { index in
            guard let body = bodyStart(in: codeLines, from: index) else { return nil }
            return read(codeLines, head: index, body: body)
        }
    }

    /// The line after the brace that opens the body of a `switch` on this line.
    private static func bodyStart(in lines: [String], from index: Int) -> Int? {
        let words = lines[index].split(separator: " ")
        guard let position = words.firstIndex(of: "switch"), position + 1 < words.count else {
            return nil
        }
        var line = index
        while line < lines.count, !lines[line].hasSuffix("{") { line += 1 }
        return line + 1
    }

    private static func read(_ lines: [String], head: Int, body: Int) -> Switch {
        let indentation = lines[head].prefix { $0 == " " }
        var found = Switch(line: head + 1, head: String(lines[head].dropFirst(indentation.count)))
        var index = body
        while index < lines.count {
            let line = lines[index]
            let isOwn =
                line.hasPrefix(indentation) && line.dropFirst(indentation.count).first != " "
            let text = line.dropFirst(indentation.count)
            if isOwn, text.hasPrefix("}") {
                found.lineCount = index - head + 1
                break
            }
            if isOwn, text.hasPrefix("default:") { found.takesTheRest = true }
            if isOwn, text.hasPrefix("case ") {
                var whole = String(text.dropFirst(5))
                while end(of: whole) == nil, index + 1 < lines.count {
                    index += 1
                    whole += " " + lines[index].drop { $0 == " " }
                }
                add(whole, to: &found)
            }
            index += 1
        }
        return found
    }

    /// Where the colon of a case is.
    private static func end(of text: String) -> String.Index? {
        split(text, at: ":").first?.endIndex
    }

    private static func add(_ text: String, to found: inout Switch) {
        guard let all = split(text, at: ":").first else { return }
        for part in split(String(all) + ",", at: ",") {
            let pattern = part.firstRange(of: " where ").map { part[..<$0.lowerBound] } ?? part
            let trimmed = String(pattern.drop { $0 == " " })
            if trimmed.isEmpty { continue }
            found.patterns.append(trimmed)
            if pattern.count == part.count, takesAll(trimmed) { found.takesTheRest = true }
        }
    }

    /// What stands before each separator that is in no parentheses; nothing when there is none.
    private static func split(_ text: String, at separator: Character) -> [Substring] {
        var parts: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "(", "[", "{": depth += 1
            case ")", "]", "}": depth -= 1
            case separator where depth == 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return parts
    }

    private static func namesCase(_ pattern: String) -> Bool {
        if pattern.hasPrefix(".") || pattern.hasPrefix("let .") { return true }
        guard pattern.hasPrefix("("), pattern.hasSuffix(")") else { return false }
        return elements(of: pattern).contains { namesCase(String($0)) }
    }

    /// `_`, `let name`, or a tuple of these.
    private static func takesAll(_ pattern: String) -> Bool {
        if pattern == "_" { return true }
        if pattern.hasPrefix("(") {
            return elements(of: pattern).allSatisfy { takesAll(String($0)) }
        }
        guard pattern.hasPrefix("let ") else { return false }
        return pattern.dropFirst(4).allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    private static func elements(of tuple: String) -> [Substring] {
        split(String(tuple.dropFirst().dropLast()) + ",", at: ",").map { part in
            let element = part.drop { $0 == " " }
            // A label of the tuple's.
            guard let colon = element.firstRange(of: ": ") else { return element }
            return element[colon.upperBound...]
        }
    }
}
