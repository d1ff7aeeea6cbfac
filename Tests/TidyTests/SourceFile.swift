import Foundation

/// A Swift file of the repository, as text and as code (comments and string contents blanked out).
struct SourceFile: Sendable {
    /// From the repository's root: `Sources/Bytes/ByteReader.swift`.
    let path: String
    let lines: [String]

    /// The same lines with the same columns, where comments and the contents of strings are spaces.
    let codeLines: [String]

    /// The directory under `Sources` or `Tests`: the name of the target.
    var target: String { String(path.split(separator: "/")[1]) }

    var isSource: Bool { path.hasPrefix("Sources/") }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        codeLines = CodeScanner.code(of: text)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    /// The modules that the file imports, with their line numbers.
    var imports: [(module: String, line: Int)] {
        codeLines.enumerated().compactMap { index, line in
            let words = line.split(whereSeparator: { $0 == " " })
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({ $0.hasPrefix("@") || isAccessLevel($0) })
            else { return nil }
            let kinds: Set<Substring> = [
                "struct", "class", "enum", "func", "let", "var", "protocol",
            ]
            let name = words[kinds.contains(words[position + 1]) ? position + 2 : position + 1]
            return (String(name.prefix { $0 != "." }), index + 1)
        }
    }

    private func isAccessLevel(_ word: Substring) -> Bool {
        ["public", "package", "internal", "fileprivate", "private"].contains(word)
    }

    /// The numbers of the lines of code in which `word` occurs by itself.
    func lines(with word: String) -> [Int] {
        codeLines.indices.filter { containsWord(word, codeLines[$0]) }.map { $0 + 1 }
    }

    private func containsWord(_ word: String, _ line: String) -> Bool {
        var rest = Substring(line)
        while let range = rest.firstRange(of: word) {
            let before = line[..<range.lowerBound].last
            let after = line[range.upperBound...].first
            if !isPartOfName(before), !isPartOfName(after) { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    private func isPartOfName(_ character: Character?) -> Bool {
        guard let character else { return false }
        return character.isLetter || character.isNumber || character == "_"
    }
}

extension SourceFile {
    /// The repository, found from this file's own place.
    static let root = URL(filePath: #filePath, directoryHint: .notDirectory)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift file under `Sources` and `Tests`, in order of their paths.
    static let all: [SourceFile] = texts(under: ["Sources", "Tests"])
        .filter { $0.path.hasSuffix(".swift") }
        .map { SourceFile(path: $0.path, text: $0.text) }

    /// Every text file under the given directories, in order of their paths.
    static func texts(under directories: [String]) -> [(path: String, text: String)] {
        directories
            .flatMap { directory in
                let files = FileManager.default.subpaths(
                    atPath: root.appending(path: directory).path)
                return (files ?? []).map { "\(directory)/\($0)" }
            }
            .sorted()
            .compactMap { path in text(at: path).map { (path, $0) } }
    }

    /// A text file of the repository.
    static func text(at path: String) -> String? {
        FileManager.default.contents(atPath: root.appending(path: path).path)
            .flatMap { String(bytes: $0, encoding: .utf8) }
    }
}
