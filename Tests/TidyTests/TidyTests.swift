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

    @Test(
        "nothing writes to a standard stream but what can fail in an orderly way",
        arguments: ["FileHandle", "print(", "fputs", "putchar", "dump("])
    func standardStreams(_ word: String) {
        for file in SourceFile.all where file.isSource {
            for line in file.lines(with: word) {
                // Not `append(`, not a function of that name.
                let text = file.lines[line - 1].replacing("clinux_address_print(", with: "")
                guard text.contains(word), !text.contains("func \(word)") else { continue }
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
        for entry in Exceptions.words {
            let file = SourceFile.all.first { $0.path == entry.path }
            #expect(file?.lines(with: entry.word).isEmpty == false, "\(entry.path): \(entry.word)")
            #expect(!entry.reason.isEmpty)
        }
        for entry in Exceptions.partialSwitches {
            let switches = Self.partialSwitches[entry.path, default: []]
            #expect(switches.contains { $0.head == entry.head }, "\(entry.path): \(entry.head)")
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

    /// Those over an enumeration which name some of its cases and take the rest together, by file.
    private static let partialSwitches: [String: [SwitchScanner.Switch]] = {
        var found: [String: [SwitchScanner.Switch]] = [:]
        for file in SourceFile.all where file.isSource {
            let partial = SwitchScanner.switches(in: file.codeLines)
                .filter { $0.takesTheRest && $0.isOverCases }
            if !partial.isEmpty { found[file.path] = partial }
        }
        return found
    }()

    @Test(
        "a switch over an enumeration of ours names every case, so that a new one does not compile")
    func exhaustiveSwitches() {
        var left: [String: Int] = [:]
        for (path, switches) in Self.partialSwitches {
            let others = switches.filter { found in
                !Exceptions.partialSwitches.contains { $0.path == path && $0.head == found.head }
            }
            if others.isEmpty { continue }
            left[path] = others.count
            if others.count > Exceptions.partialSwitchesLeft[path] ?? 0 {
                let lines = others.map { String($0.line) }.joined(separator: ", ")
                Issue.record("\(path):\(lines): `default:` or a pattern that takes all the rest")
            }
        }
        for (path, count) in Exceptions.partialSwitchesLeft where left[path] ?? 0 < count {
            Issue.record("\(path): \(left[path] ?? 0) of \(count) are left: shorten the list")
        }
    }

    @Test("a function branches at most 16 times, 5 deep, and has 100 lines unless it is one switch")
    func functionShape() {
        for file in SourceFile.all {
            for function in FunctionScanner.functions(in: file.codeLines) {
                let place = "\(file.path):\(function.line)"
                if function.branches > 16 {
                    Issue.record("\(place): branches \(function.branches) times")
                }
                if function.depth > 5 { Issue.record("\(place): \(function.depth) deep") }
                if function.codeLines > 100, !function.isTable {
                    Issue.record("\(place): \(function.codeLines) lines of code")
                }
            }
        }
    }

    @Test("a file has at most 500 lines; functions that are one exhaustive switch don't count")
    func fileLength() {
        for file in SourceFile.all where file.lines.count > 501 {
            let tables = FunctionScanner.functions(in: file.codeLines).filter(\.isTable)
            let lines = file.lines.count - 1 - tables.reduce(0) { $0 + $1.codeLines }
            if lines > 500 { Issue.record("\(file.path): \(lines) lines") }
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

    private static let directories = ["Sources", "Tests", "Benchmarks", "config", ".ci", ".github"]

    /// See `ExternalProcess`.
    @Test(
        "tests start programs by ExternalProcess or ChildProcess, not by Foundation's Process; none has descriptors of others"
    )
    func processes() {
        let call = "Pro" + "cess()"
        for (path, text) in SourceFile.texts(under: ["Tests"]) {
            let lines = text.split(separator: "\n")
            #expect(
                !lines.contains { $0.hasSuffix(" \(call)") || $0.contains("(\(call)") }, "\(path)")
            #expect(!text.contains("unsafe posix_" + "spawn"), "\(path)")
        }
    }

    /// The thread with which swift-testing waits for them asks without a pause for as long as any other child of the
    /// process has ended and has not been waited for: a core less for all other tests. A trap is one of a program that a
    /// test starts (`Child.signalAtEnd`).
    @Test("no test is an exit test")
    func exitTests() {
        let call = "process" + "ExitsWith"
        for (path, text) in SourceFile.texts(under: ["Tests"]) {
            #expect(!text.contains(call), "\(path)")
        }
    }

    @Test("each suite of AdminTests says how many of its tests run at a time")
    func adminSuites() {
        for (path, text) in SourceFile.texts(under: ["Tests/AdminTests"]) {
            for line in text.split(separator: "\n") where line.hasPrefix("@Suite") {
                let isSaid = [".serves", ".waits", ".computes"].contains { line.contains($0) }
                #expect(isSaid, "\(path): \(line)")
            }
        }
    }

    @Test("nothing is left for later, and no path of somebody's machine is in the repository")
    func leftovers() {
        let words = [
            "TO" + "DO", "FIX" + "ME", "XX" + "X:", "/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/",
        ]
        for (path, text) in SourceFile.texts(under: Self.directories) {
            for word in words where text.contains(word) {
                Issue.record("\(path): contains \(word)")
            }
        }
    }
}
