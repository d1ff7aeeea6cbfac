import Testing

@testable import Admin

@Suite("JSON and CSV")
struct JSONTests {
    private func read(_ text: String) -> JSON? { JSON(parsing: Array(text.utf8)) }

    @Test("RFC 8259: what is written is read again, members in their order")
    func roundTrip() {
        let json: JSON = [
            "z": .null, "a": [true, false, -12, .number(1.5)],
            "text": "quote \" backslash \\ newline \n bell \u{7} é 🙂", "o": [:], "e": [],
        ]
        #expect(JSON(parsing: json.bytes) == json)
        #expect(
            read(#" { "b" : [ 1 , 2 ] , "a" : "\u00e9\ud83d\ude42\/" } "#)
                == ["b": [1, 2], "a": "é🙂/"])
        #expect(read("9223372036854775807") == .integer(.max))
        #expect(read("9223372036854775808") == .number(9223372036854775808))
        #expect(read("-0") == 0)
    }

    @Test(
        "RFC 8259: what is no JSON is not read",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}", "01", "+1", "1.", ".5",
            "1e",
            "NaN", "tru", "\"\u{1}\"", "\"\\x\"", "\"\\ud83d\"", "\"\\u12g4\"", "[1] 2", "\"a",
            "'a'",
            "{\"a\":1,\"a\":2}", "-", "--1", "1e999",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ]
    )
    func malformed(_ text: String) { #expect(read(text) == nil) }

    @Test("JSON text is UTF-8")
    func encoding() { #expect(JSON(parsing: [0x22, 0xFF, 0x22]) == nil) }

    @Test("RFC 4180: quotes, line ends and a byte order mark are read, lines are counted")
    func csv() throws {
        let text = "\u{FEFF}a,b\r\n\"x\"\"y\",\"1\n2\"\n\nlast,"
        let rows = try CSV(parsing: Array(text.utf8)).rows
        #expect(rows.map(\.fields) == [["a", "b"], ["x\"y", "1\n2"], ["last", ""]])
        #expect(rows.map(\.line) == [1, 2, 5])
        let fields = ["plain", "comma,", "quote\"", "line\n", ""]
        let again = try CSV(parsing: Array(CSV.text(of: fields).utf8)).rows
        #expect(again.map(\.fields) == [fields])
    }
}
