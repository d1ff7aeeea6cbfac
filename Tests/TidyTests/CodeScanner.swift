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

    private let bytes: [UInt8]
    private var position = 0
    private var mode = Mode.code
    private var result: [UInt8] = []

    /// Depth of parentheses inside interpolations of the current string; empty outside of one.
    private var interpolations: [Int] = []

    private init(_ text: String) {
        bytes = Array(text.utf8)
        result.reserveCapacity(bytes.count)
    }

    static func code(of text: String) -> String {
        var scanner = CodeScanner(text)
        while scanner.position < scanner.bytes.count { scanner.step() }
        return String(decoding: scanner.result, as: UTF8.self)
    }

    private mutating func step() {
        switch mode {
        case .code: stepInCode()
        case .lineComment:
            if bytes[position] == UInt8(ascii: "\n") { mode = .code }
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
            switch bytes[position] {
            case UInt8(ascii: "("): interpolations[interpolations.count - 1] += 1
            case UInt8(ascii: ")"):
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
            if !isMultiline, bytes[position] == UInt8(ascii: "\n") { mode = .code }
            blank(1)
        }
    }

    /// How many `#` and which kind of quote begin here, if any do.
    private func openingQuote() -> (pounds: Int, isMultiline: Bool)? {
        var pounds = 0
        while position + pounds < bytes.count, bytes[position + pounds] == UInt8(ascii: "#") {
            pounds += 1
        }
        guard matches("\"", at: position + pounds) else { return nil }
        return (pounds, matches("\"\"\"", at: position + pounds))
    }

    private func matches(_ text: String) -> Bool { matches(text, at: position) }

    private func matches(_ text: String, at start: Int) -> Bool {
        var index = start
        for byte in text.utf8 {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
        }
        return true
    }

    private mutating func keep(_ count: Int) {
        result.append(contentsOf: bytes[position..<position + count])
        position += count
    }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count where position < bytes.count {
            let byte = bytes[position]
            // A character of several bytes is one space.
            if byte & 0xC0 != 0x80 {
                result.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
            }
            position += 1
        }
    }
}
