import Foundation
import Processes
import Testing

/// The documents are whole: what they quote is there, and the table of contents has every page.
@Suite("Documents")
struct DocumentsTests {
    private static let catalogue = "Sources/Gateway/Gateway.docc"

    private static let pages = SourceFile.texts(under: [catalogue])
        .filter { $0.path.hasSuffix(".md") }

    /// A fenced block of a page: its language, and its text.
    private struct Block {
        let page, language, text: String
    }

    private static let blocks: [Block] = pages.flatMap { page in
        var blocks: [Block] = []
        var language: String?
        var lines: [Substring] = []
        for line in page.text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("```") else {
                lines.append(line)
                continue
            }
            if let open = language {
                blocks.append(
                    Block(page: page.path, language: open, text: lines.joined(separator: "\n")))
                language = nil
            } else {
                language = String(line.dropFirst(3))
            }
            lines = []
        }
        if language != nil { Issue.record("\(page.path): a block does not end") }
        return blocks
    }

    @Test("code that a page quotes is, as it stands, in a client of that language")
    func quotes() {
        let files = SourceFile.texts(under: ["config/clients"])
        let endings = ["c": ".c", "python": ".py", "js": ".js"]
        var count = 0
        for block in Self.blocks {
            // What is run by a test, and what is no program.
            if ["", "sh"].contains(block.language) { continue }
            guard let ending = endings[block.language] else {
                Issue.record("\(block.page): no test reads \(block.language)")
                continue
            }
            count += 1
            let isThere = files.contains {
                $0.path.hasSuffix(ending) && $0.text.contains(block.text)
            }
            #expect(isThere, "\(block.page) quotes what no client has:\n\(block.text)")
        }
        #expect(count > 8)
    }

    @Test("the table of contents has every page once, and the README leads to every reader's pages")
    func contents() {
        let contents = SourceFile.text(at: "\(Self.catalogue)/Gateway.md") ?? ""
        for page in Self.pages where !page.path.hasSuffix("/Gateway.md") {
            let name = page.path.split(separator: "/").last?.dropLast(3) ?? ""
            let count = contents.split(separator: "\n").count { $0 == "- <doc:\(name)>" }
            #expect(count == 1, "\(name)")
        }
    }

    @Test("links between pages lead to pages")
    func links() {
        let names = Set(Self.pages.compactMap { $0.path.split(separator: "/").last?.dropLast(3) })
        var count = 0
        for page in Self.pages {
            for match in page.text.matches(of: /<doc:([A-Za-z]+)>/) {
                count += 1
                #expect(names.contains(match.1), "\(page.path): \(match.0)")
            }
        }
        #expect(count > 60)
    }

    @Test("make docs makes a page of each, and warns of nothing")
    func site() throws {
        let place = URL(filePath: NSTemporaryDirectory())
            .appending(path: "tollgate-docs-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let process = ExternalProcess()
        process.executableURL = URL(filePath: "/usr/bin/make")
        process.arguments = ["-s", "docs", "DOCS=\(place.path)"]
        process.currentDirectoryURL = SourceFile.root
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: output, as: UTF8.self))")
        for page in Self.pages where !page.path.hasSuffix("/Gateway.md") {
            let name = page.path.split(separator: "/").last?.dropLast(3).lowercased() ?? ""
            let file = place.appending(path: "documentation/gateway/\(name)/index.html")
            #expect(FileManager.default.fileExists(atPath: file.path), "\(name)")
        }
    }

    @Test("the README is short, fits 80 columns, and its links lead to files")
    func readme() {
        let text = SourceFile.text(at: "README.md") ?? ""
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count < 120)
        let targets = lines.filter { $0.hasPrefix("[") }.compactMap {
            $0.split(separator: " ").last
        }
        #expect(targets.count > 20)
        for target in targets {
            let file = SourceFile.root.appending(path: target)
            #expect(FileManager.default.fileExists(atPath: file.path), "\(target)")
        }
        for line in lines where !line.hasPrefix("[") {
            #expect(line.count <= 80, "\(line)")
        }
    }
}
