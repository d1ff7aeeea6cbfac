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
}
