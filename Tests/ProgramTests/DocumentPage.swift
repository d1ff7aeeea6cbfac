import Foundation
import Testing

/// A page of the documents, or the README, and its fenced blocks.
struct DocumentPage: CustomTestStringConvertible {
    /// The lines between two fences, without the fences' indentation.
    struct Block {
        /// What the first fence says: `sh` is run as it stands; most others say nothing.
        let language: String
        let lines: [String]
    }

    /// One line of a shell: what to run, and what has to be among its output.
    struct Line {
        let command: String
        let expected: String?
    }

    let path: String
    let text: String
    let blocks: [Block]

    var testDescription: String { path }

    /// The name of its file, with the ending.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    private static let catalogue = "Sources/Gateway/Gateway.docc"

    static let all: [DocumentPage] = {
        let places = FileManager.default.subpaths(
            atPath: Program.root.appending(path: catalogue).path)
        return (["README.md"] + (places ?? []).map { "\(catalogue)/\($0)" })
            .filter { $0.hasSuffix(".md") }
            .sorted()
            .compactMap(DocumentPage.init)
    }()

    /// - Parameter name: that of its file.
    static func named(_ name: String) throws -> DocumentPage {
        try #require(all.first { $0.name == name }, "there is no page \(name)")
    }

    init?(path: String) {
        let file = Program.root.appending(path: path)
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        self.path = path
        self.text = text
        blocks = Self.blocks(in: text)
    }

    private static func blocks(in text: String) -> [Block] {
        var blocks: [Block] = []
        var language: Substring?
        var indentation = 0
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let content = line.drop { $0 == " " }
            guard content.hasPrefix("```") else {
                if language != nil { lines.append(String(line.dropFirst(indentation))) }
                continue
            }
            if let open = language {
                blocks.append(Block(language: String(open), lines: lines))
                language = nil
            } else {
                language = content.dropFirst(3)
                indentation = line.count - content.count
            }
            lines = []
        }
        return blocks
    }

    /// The commands of the blocks that are marked `sh`.
    var lines: [Line] { blocks.filter { $0.language == "sh" }.flatMap(\.commands) }

    /// The block whose first line begins so.
    func block(_ beginning: String) throws -> Block {
        try #require(
            blocks.first { $0.lines.first?.hasPrefix(beginning) == true },
            "\(name) has no block that begins with '\(beginning)'")
    }
}

extension DocumentPage.Block {
    /// Its commands, each with what `#=>` says of its output: in its own line, or in the next.
    var commands: [DocumentPage.Line] {
        var commands: [DocumentPage.Line] = []
        var begun = ""
        for line in lines where !line.isEmpty {
            if line.hasPrefix("#=>"), let last = commands.popLast() {
                commands.append(.init(command: last.command, expected: Self.expected(line)))
            } else if line.hasSuffix(" \\") {
                begun += line.dropLast()
            } else if !line.hasPrefix("#") {
                let command = begun + (line.split(separator: "#=>").first ?? "")
                commands.append(.init(command: command, expected: Self.expected(line)))
                begun = ""
            }
        }
        return commands
    }

    private static func expected(_ line: String) -> String? {
        line.firstRange(of: "#=>").map {
            line[$0.upperBound...].trimmingCharacters(in: .whitespaces)
        }
    }

    /// Whether each line is an object.
    var isJSON: Bool { language.isEmpty && lines.allSatisfy { $0.hasPrefix("{") } }

    /// Whether a reader may type it, or put it into a file: it is not run as it stands (`sh`), is not of a client, and is
    /// neither JSON nor a drawing, whose lines are all indented.
    var hasCommands: Bool {
        let isDrawing = lines.allSatisfy { $0.isEmpty || $0.hasPrefix(" ") }
        return language.isEmpty && !isJSON && !isDrawing
    }

    /// Its text with other hosts, ports, places, sizes and times than the page has. Each of the page's words has to be in
    /// it, so that a page that has changed is noticed. Where several fit, the longest is replaced.
    func text(with replacements: [String: String]) -> String {
        let words = replacements.sorted { $0.key.count > $1.key.count }
        var unused = Set(replacements.keys)
        var rest = Substring(lines.joined(separator: "\n"))
        var text = ""
        while let next = rest.first {
            if let (word, other) = words.first(where: { rest.hasPrefix($0.key) }) {
                text += other
                rest = rest.dropFirst(word.count)
                unused.remove(word)
            } else {
                text.append(next)
                rest = rest.dropFirst()
            }
        }
        for word in unused.sorted() {
            Issue.record("'\(word)' is not in the block that begins with '\(lines.first ?? "")'")
        }
        return text
    }
}
