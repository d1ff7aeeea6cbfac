import Foundation
import Testing

/// The catalogue's pages of rules and of the wire, and what cites them, agree.
@Suite("Rules")
struct RuleTests {
    /// The rules of Rules.md: `- **B4** ...`, and whether each is `(Not built yet)`.
    private static let rules: [String: Bool] = {
        var rules: [String: Bool] = [:]
        for line in page("Rules").split(separator: "\n") where line.hasPrefix("- **") {
            let name = line.dropFirst(4).prefix { $0 != "*" }
            let text = line.dropFirst(4 + name.count)
            rules[String(name)] = text.hasPrefix("** (Not built yet) ")
        }
        return rules
    }()

    private static func page(_ name: String) -> String {
        let path = "Sources/Gateway/Gateway.docc/\(name).md"
        return SourceFile.texts(under: ["Sources/Gateway/Gateway.docc"])
            .first { $0.path == path }?.text ?? ""
    }

    /// The rules that a test or a suite names, by its file and line.
    private static let tested: [(place: String, rules: Set<String>)] = SourceFile.all
        .filter { !$0.isSource }
        .flatMap { file in
            ["@Test", "@Suite"].flatMap { file.lines(with: $0) }.map { line in
                ("\(file.path):\(line)", RuleNames.named(in: name(in: file, at: line)))
            }
        }

    /// The string that follows `@Test(` or `@Suite(`, on its line or the next.
    private static func name(in file: SourceFile, at line: Int) -> String {
        let text = file.lines[(line - 1)...].prefix(2).joined(separator: " ")
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.count > 2 ? String(parts[1]) : ""
    }

    @Test("the page has the rules, each once and in order")
    func page() {
        let lines = Self.page("Rules").split(separator: "\n").filter { $0.hasPrefix("- **") }
        #expect(lines.count == Self.rules.count && lines.count > 40)
        let names = lines.map { $0.dropFirst(4).prefix { $0 != "*" } }
        for (name, next) in zip(names, names.dropFirst()) {
            guard let number = Int(name.dropFirst()), let following = Int(next.dropFirst()) else {
                Issue.record("\(name), \(next)")
                continue
            }
            let isNext = name.first == next.first ? following == number + 1 : following == 1
            #expect(isNext, "\(next) after \(name)")
        }
    }

    @Test("a rule that is cited is on the page")
    func citations() {
        for file in SourceFile.all {
            // As running text: a citation may go on in the next line.
            let text = file.lines.map { $0.drop { $0 == " " || $0 == "/" } }.joined(separator: " ")
            for rule in RuleNames.cited(in: text) where Self.rules[rule] == nil {
                Issue.record("\(file.path): rule \(rule)")
            }
        }
        for (place, rules) in Self.tested {
            for rule in rules where Self.rules[rule] == nil { Issue.record("\(place): \(rule)") }
        }
    }

    @Test("a rule that is built has a test that names it, and one that is not has none")
    func coverage() {
        let named = Self.tested.reduce(into: Set<String>()) { $0.formUnion($1.rules) }
        for (rule, isMissing) in Self.rules.sorted(by: { $0.key < $1.key }) {
            #expect(
                named.contains(rule) != isMissing,
                "\(rule): \(isMissing ? "a test names it, so it is built" : "no test names it")"
            )
        }
    }

    @Test("pages that are named are there")
    func pages() {
        let names = [
            "Architecture", "Conformance", "Gateway", "Operating", "Records", "Rules", "Wire",
        ]
        for name in names { #expect(!Self.page(name).isEmpty, "\(name).md") }
        let pages = Set(
            SourceFile.texts(under: ["Sources/Gateway/Gateway.docc"])
                .compactMap { $0.path.split(separator: "/").last?.dropLast(3) })
        for file in SourceFile.all where file.target != "TidyTests" {
            for (index, line) in file.lines.enumerated() {
                for word in line.split(whereSeparator: { " (`,;:\"".contains($0) }) {
                    guard let range = word.firstRange(of: ".md"),
                        word[range.upperBound...].allSatisfy({ ".)'s".contains($0) })
                    else { continue }
                    let name = word[..<range.lowerBound]
                    guard !name.isEmpty, name.allSatisfy({ $0.isLetter }), name != "README",
                        name != "CHANGELOG"
                    else { continue }
                    if !pages.contains(name) {
                        Issue.record("\(file.path):\(index + 1): \(name).md")
                    }
                }
            }
        }
    }

    @Test("the refusals of Wire.md have the program's names")
    func refusals() {
        let cells = Self.page("Wire").split(separator: "\n")
            .filter { $0.hasPrefix("| `") }
            .compactMap { $0.split(separator: "|").first }
        let names = cells.flatMap { cell in
            cell.split(separator: "`").filter { name in
                name.contains("-") && name.allSatisfy { $0 == "-" || "a"..."z" ~= $0 }
            }
        }
        #expect(names.count > 30)
        let literals = Set(
            SourceFile.all.filter { $0.target == "Gateway" }.flatMap(\.lines)
                .filter { $0.contains("-") && $0.contains("\"") }
                .flatMap { $0.split(separator: "\"") }
        )
        for name in names { #expect(literals.contains(name), "Wire.md: \(name)") }
    }

    @Test("types that Architecture.md names are in the sources")
    func types() {
        var words = Set(SourceFile.all.map { Substring($0.target) })
        for file in SourceFile.all {
            for line in file.codeLines {
                words.formUnion(line.split { !($0.isLetter || $0.isNumber) })
            }
        }
        let spans = Self.page("Architecture").split(
            separator: "`", omittingEmptySubsequences: false)
        let names = spans.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            .filter { $0.first?.isUppercase == true && $0.contains(where: \.isLowercase) }
            .filter { $0.allSatisfy { $0.isLetter || $0.isNumber } }
        #expect(names.count > 20)
        for name in names { #expect(words.contains(name), "Architecture.md: \(name)") }
    }

    @Test("links in the pages lead to files")
    func links() {
        let pages =
            SourceFile.texts(under: ["Sources", "Benchmarks", ".github"])
            .filter { $0.path.hasSuffix(".md") }
            + ["README.md", "CHANGELOG.md"].map { path in
                (path, SourceFile.text(at: path) ?? "")
            }
        #expect(pages.count > 8)
        for (path, text) in pages {
            let directory = SourceFile.root.appending(path: path).deletingLastPathComponent()
            for part in text.split(separator: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" }
                if target.isEmpty || target.contains("://") { continue }
                let file = directory.appending(path: target)
                #expect(FileManager.default.fileExists(atPath: file.path), "\(path): \(target)")
            }
        }
    }

    @Test("rules are read from lists, ranges and possessives, and nowhere else")
    func reading() {
        #expect(
            RuleNames.named(in: "A1 to A3, B2: x (C10); UTF8 E9E A4x") == [
                "A1", "A2", "A3", "B2", "C10",
            ])
        #expect(
            RuleNames.cited(in: "A9 (rules B1, B3 to B5 and C2): C3, rule D1's, Rule E2.")
                == ["B1", "B3", "B4", "B5", "C2", "C3", "D1", "E2"])
    }
}
