import Testing

/// The house rules that a machine can check, checked on the sources themselves.
@Suite("Tidy")
struct TidyTests {
    @Test("the sources are found")
    func finds() {
        #expect(SourceFile.all.contains { $0.path == "Sources/Bytes/ByteReader.swift" })
        #expect(SourceFile.all.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
    }

    @Test("arrows point down only: a target imports what the architecture lets it")
    func arrows() {
        for file in SourceFile.all where file.isSource {
            guard let allowed = Arrows.allowed[file.target] else {
                Issue.record("\(file.path): target \(file.target) has no place in Arrows.swift")
                continue
            }
            for (module, line) in file.imports
            where !allowed.contains(module) && !Arrows.openToAll.contains(module) {
                Issue.record("\(file.path):\(line): \(file.target) may not import \(module)")
            }
        }
    }

    @Test("each door to C is opened by its owners only, in the tests too")
    func doors() {
        for file in SourceFile.all {
            for (module, line) in file.imports {
                guard let owners = Arrows.doors[module] else { continue }
                if owners.contains(where: { file.target == $0 || file.target == "\($0)Tests" }) {
                    continue
                }
                let names = owners.sorted().joined(separator: " and ")
                Issue.record("\(file.path):\(line): \(module) is imported by \(names) only")
            }
        }
    }

    @Test(
        "nothing steps around the compiler's checks",
        arguments: [
            "@unchecked", "try!", "as!", "unsafeBitCast", "unsafeDowncast", "@preconcurrency",
        ]
    )
    func forbidden(_ word: String) {
        for file in SourceFile.all where !Exceptions.allows(word, in: file.path) {
            for line in file.lines(with: word) {
                Issue.record("\(file.path):\(line): \(word)")
            }
        }
    }

    @Test("`nonisolated(unsafe)` has its reason, a `Safe:` comment, right above it")
    func unisolated() {
        for file in SourceFile.all {
            for line in file.lines(with: "nonisolated(unsafe)") {
                let above = file.lines[max(0, line - 5)..<line]
                if !above.contains(where: { $0.contains("Safe:") }) {
                    Issue.record("\(file.path):\(line): nonisolated(unsafe) without a reason")
                }
            }
        }
    }

    @Test("every exception is still needed")
    func exceptions() {
        for entry in Exceptions.entries {
            let file = SourceFile.all.first { $0.path == entry.path }
            #expect(file?.lines(with: entry.word).isEmpty == false, "\(entry.path): \(entry.word)")
            #expect(!entry.reason.isEmpty)
        }
    }

    @Test("who writes `unsafe` says why it is safe")
    func safetyComments() {
        for file in SourceFile.all where file.isSource {
            guard let line = file.lines(with: "unsafe").first else { continue }
            let isExplained = file.lines.contains { $0.contains("Safe:") || $0.contains("@unsafe") }
            if !isExplained {
                Issue.record("\(file.path):\(line): `unsafe` without a `Safe:` comment in the file")
            }
        }
    }

    @Test("a function has at most 70 lines of code")
    func functionLength() {
        for file in SourceFile.all {
            for function in FunctionScanner.functions(in: file.codeLines)
            where function.codeLines > 70 {
                Issue.record("\(file.path):\(function.line): \(function.codeLines) lines of code")
            }
        }
    }

    @Test("a file has at most 500 lines")
    func fileLength() {
        for file in SourceFile.all where file.lines.count > 501 {
            Issue.record("\(file.path): \(file.lines.count - 1) lines")
        }
    }

    @Test("every test has a name: the rule it proves")
    func testNames() {
        for file in SourceFile.all where !file.isSource {
            for line in file.lines(with: "@Test") {
                let rest = file.lines[(line - 1)...].prefix(2).joined(separator: " ")
                let argument = rest.firstRange(of: "@Test").map { rest[$0.upperBound...] } ?? ""
                let isNamed =
                    argument.first == "("
                    && argument.dropFirst().first { $0 != " " && $0 != "#" } == "\""
                if !isNamed { Issue.record("\(file.path):\(line): a test without a name") }
            }
        }
    }

    @Test("nothing is left for later, and no path of somebody's machine is in the repository")
    func leftovers() {
        let words = [
            "TO" + "DO", "FIX" + "ME", "XX" + "X:", "/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/",
        ]
        for (path, text) in SourceFile.texts(under: ["Sources", "Tests", "config", ".ci"]) {
            for word in words where text.contains(word) {
                Issue.record("\(path): contains \(word)")
            }
        }
    }
}
