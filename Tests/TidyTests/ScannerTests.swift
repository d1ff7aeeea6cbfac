import Testing

@Suite("The scanners that the tidy tests rest on")
struct ScannerTests {
    @Test("comments and the contents of strings are no code")
    func blanks() {
        let text = #"""
            let a = "try! \(x("y")) z" // as!
            /* as! /* nested */ try! */ let b = #"a "b" c"#
            """#
        let code = CodeScanner.code(of: text)
        #expect(!code.contains("try!") && !code.contains("as!"))
        #expect(code.contains("let a = \"") && code.contains("let b = #\""))
        #expect(
            code.split(separator: "\n").map(\.count) == text.split(separator: "\n").map(\.count))
    }

    @Test("imports are found with their access level and kind")
    func imports() {
        let text =
            "public import Bytes\n@testable import MQTT\nimport struct Time.Day\n// import X\n"
        let file = SourceFile(path: "Sources/A/B.swift", text: text)
        #expect(file.imports.map(\.module) == ["Bytes", "MQTT", "Time"])
        #expect(file.imports.map(\.line) == [1, 2, 3])
    }

    @Test("words are found by themselves only")
    func words() {
        let file = SourceFile(
            path: "Sources/A/B.swift", text: "unsafeX\nx = unsafe y\n\"unsafe\"\n")
        #expect(file.lines(with: "unsafe") == [2])
    }

    @Test("functions are counted from their first line to their closing brace, without comments")
    func functions() {
        let text = """
            struct A {
                public init(
                    b: Int
                ) {
                    // why
                    self.b = b
                }

                func c() -> Int { 1 }
                func required()
            }
            """
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        let functions = FunctionScanner.functions(in: file.codeLines)
        #expect(functions.map(\.codeLines) == [5, 1])
        #expect(functions.map(\.line) == [2, 9])
    }

    @Test("a switch is read with its patterns, and whether it takes the rest together")
    func switches() {
        let text = """
            let a = switch (b, c) {
            case (.one, _) where d: 1
            case .two(let x, y: 3),
                .three:
                switch x { case _: 2 }
            case _ where e: 3
            default: 4
            }
            switch byte {
            case 1...2, UInt8(ascii: "a"): break
            case let other: break
            }
            switch f(
                g: .h
            ) {
            case .i: if case .j = k { l() }
            case (_, first: .m): break
            }
            """
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        let switches = SwitchScanner.switches(in: file.codeLines)
        #expect(switches.map(\.line) == [1, 5, 9, 13])
        #expect(switches[0].patterns == ["(.one, _)", ".two(let x, y: 3)", ".three", "_"])
        #expect(switches[0].takesTheRest && switches[0].isOverCases)
        #expect(switches[0].lineCount == 8)
        #expect(switches[2].takesTheRest && !switches[2].isOverCases)
        #expect(!switches[3].takesTheRest && switches[3].isOverCases)
        #expect(switches[3].patterns == [".i", "(_, first: .m)"])
    }

    @Test("a function's branches are counted, how deep they lie, and whether it is one switch")
    func branches() {
        let text = """
            func a() -> Int {
                guard b, c else { return 1 }
                for d in e where f {
                    if g {
                        h()
                    } else if i {
                        while j { k() }
                    }
                }
                return 2
            }
            func l() {
                switch self {
                case .m: if n { o() }
                case .p: break
                }
            }
            """
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        let functions = FunctionScanner.functions(in: file.codeLines)
        #expect(functions.map(\.branches) == [5, 2])
        #expect(functions.map(\.depth) == [2, 1])
        #expect(functions.map(\.isTable) == [false, true])
    }
}
