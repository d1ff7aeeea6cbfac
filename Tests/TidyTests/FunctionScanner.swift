/// Finds the functions of a file, by their braces: how long each is, and how much it branches.
struct FunctionScanner {
    struct Function: Equatable {
        let line: Int
        let codeLines: Int

        /// How often it chooses: `if`, `guard`, `for`, `while`, `catch`, and a `switch`, however many cases it has.
        let branches: Int

        /// How deep these lie within each other.
        let depth: Int

        /// Whether it is one `switch` that names every case, with a few lines around it.
        let isTable: Bool
    }

    /// Functions, initialisers, deinitialisers and subscripts with a body; what is nested inside one
    /// counts for both.
    static func functions(in codeLines: [String]) -> [Function] {
        codeLines.indices.compactMap { index in
            guard let column = declaration(in: codeLines[index]) else { return nil }
            return body(in: codeLines, from: index, column: column)
        }
    }

    /// The column where a declaration of a function begins on this line.
    private static func declaration(in line: String) -> Int? {
        let words = line.split(separator: " ")
        for word in words {
            let name = word.prefix { $0.isLetter }
            switch name {
            case "func", "init", "deinit", "subscript":
                let isCall = line.contains(".\(name)") || line.contains("= \(name)")
                guard !isCall, let range = line.firstRange(of: name) else { return nil }
                return line.distance(from: line.startIndex, to: range.lowerBound)
            default:
                guard isModifier(word) else { return nil }
            }
        }
        return nil
    }

    private static func isModifier(_ word: Substring) -> Bool {
        let name = word.prefix { $0 != "(" }
        return word.hasPrefix("@") || word.hasSuffix(")")
            || [
                "public", "package", "internal", "fileprivate", "private", "static", "class",
                "final", "override", "mutating", "nonmutating", "consuming", "borrowing",
                "nonisolated", "isolated", "required", "convenience", "indirect", "async",
            ].contains(name)
    }

    /// Counts from the declaration to the brace that closes its body; `nil` when it has none.
    private static func body(in lines: [String], from start: Int, column: Int) -> Function? {
        var braces = 0
        var parentheses = 0
        var count = 0
        for index in start..<lines.count {
            let line = lines[index]
            if index > start, braces == 0, parentheses == 0, declaration(in: line) != nil {
                return nil
            }
            if line.contains(where: { $0 != " " }) { count += 1 }
            for character in index == start ? line.dropFirst(column) : Substring(line) {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{": braces += 1
                case "}":
                    braces -= 1
                    if braces < 0 { return nil }
                    if braces == 0, parentheses == 0 {
                        return function(Array(lines[start...index]), at: start, codeLines: count)
                    }
                default: break
                }
            }
        }
        return nil
    }

    private static func function(_ lines: [String], at start: Int, codeLines: Int) -> Function {
        var branches = 0
        var depth = 0
        // The indentation of the blocks that are open here and that a choice has opened.
        var open: [Int] = []
        for line in lines.dropFirst() {
            let text = line.drop { $0 == " " }
            guard !text.isEmpty else { continue }
            let indentation = line.count - text.count
            let isContinued = text.hasPrefix("}") && text.hasSuffix("{")
            if text.hasPrefix("}") || text.hasPrefix(")") || text.hasPrefix("]") {
                open.removeAll { $0 >= indentation }
            }
            let choices = text.split { !($0.isLetter || $0 == "_" || $0 == "." || $0 == "`") }
                .count { ["if", "guard", "for", "while", "catch", "switch"].contains($0) }
            branches += choices
            if choices > 0 || isContinued, text.hasSuffix("{") || !text.contains("}") {
                open.append(indentation)
                depth = max(depth, open.count)
            }
        }
        return Function(
            line: start + 1,
            codeLines: codeLines,
            branches: branches,
            depth: depth,
            isTable: isTable(lines)
        )
    }

    /// Whether all but a few lines are one `switch`, and this hides no case of an enumeration.
    private static func isTable(_ lines: [String]) -> Bool {
        SwitchScanner.switches(in: lines).contains { found in
            lines.count - found.lineCount <= 12 && !(found.takesTheRest && found.isOverCases)
        }
    }
}
