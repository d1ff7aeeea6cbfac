/// Blanks out comments and the contents of string literals, and leaves every line and column where
/// it was. It knows line and block comments (nested), strings of one and of several lines, and raw
/// strings; what is interpolated into a string is blanked with it.
struct CodeScanner {
    private enum Mode: Equatable {
        case code
        case lineComment
        case blockComment(depth: Int)
        case string(pounds: Int, isMultiline: Bool)
    }

    private let characters: [Character]
    private var position = 0
    private var mode = Mode.code
    private var result = ""

    /// Depth of parentheses inside interpolations of the current string; empty outside of one.
    private var interpolations: [Int] = []

    private init(_ text: String) { characters = Array(text) }

    static func code(of text: String) -> String {
        var scanner = CodeScanner(text)
        while scanner.position < scanner.characters.count { scanner.step() }
        return scanner.result
    }

    private mutating func step() {
        switch mode {
        case .code: stepInCode()
        case .lineComment:
            if characters[position] == "\n" { mode = .code }
            blank(1)
        case .blockComment(let depth):
            if matches("*/") {
                mode = depth == 1 ? .code : .blockComment(depth: depth - 1)
                blank(2)
            } else if matches("/*") {
                mode = .blockComment(depth: depth + 1)
                blank(2)
            } else {
                blank(1)
            }
        case .string(let pounds, let isMultiline): stepInString(pounds, isMultiline)
        }
    }

    private mutating func stepInCode() {
        if matches("//") {
            mode = .lineComment
            blank(2)
        } else if matches("/*") {
            mode = .blockComment(depth: 1)
            blank(2)
        } else if let (pounds, isMultiline) = openingQuote() {
            mode = .string(pounds: pounds, isMultiline: isMultiline)
            keep(pounds + (isMultiline ? 3 : 1))
        } else {
            keep(1)
        }
    }

    private mutating func stepInString(_ pounds: Int, _ isMultiline: Bool) {
        let fence = String(repeating: "#", count: pounds)
        let quote = isMultiline ? "\"\"\"" : "\""
        if !interpolations.isEmpty {
            switch characters[position] {
            case "(": interpolations[interpolations.count - 1] += 1
            case ")":
                interpolations[interpolations.count - 1] -= 1
                if interpolations.last == 0 { interpolations.removeLast() }
            default: break
            }
            blank(1)
        } else if matches("\\" + fence + "(") {
            interpolations.append(1)
            blank(2 + pounds)
        } else if matches("\\" + fence) {
            blank(2 + pounds)
        } else if matches(quote + fence) {
            mode = .code
            keep(quote.count + pounds)
        } else {
            if !isMultiline, characters[position] == "\n" { mode = .code }
            blank(1)
        }
    }

    /// How many `#` and which kind of quote begin here, if any do.
    private func openingQuote() -> (pounds: Int, isMultiline: Bool)? {
        var pounds = 0
        while position + pounds < characters.count, characters[position + pounds] == "#" {
            pounds += 1
        }
        guard matches("\"", at: position + pounds) else { return nil }
        return (pounds, matches("\"\"\"", at: position + pounds))
    }

    private func matches(_ text: String) -> Bool { matches(text, at: position) }

    private func matches(_ text: String, at start: Int) -> Bool {
        let wanted = Array(text)
        guard start + wanted.count <= characters.count else { return false }
        return wanted.indices.allSatisfy { characters[start + $0] == wanted[$0] }
    }

    private mutating func keep(_ count: Int) {
        result.append(contentsOf: characters[position..<position + count])
        position += count
    }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count where position < characters.count {
            result.append(characters[position] == "\n" ? "\n" : " ")
            position += 1
        }
    }
}
