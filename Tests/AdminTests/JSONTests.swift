import Gateway
import Ledger
import Processes
import Testing

@testable import Admin

@Suite("JSON and CSV", .serves)
struct JSONTests {
    private func read(_ text: String) -> JSON? { JSON(parsing: Array(text.utf8)) }

    @Test("RFC 8259: what is written is read again, members in their order")
    func roundTrip() {
        let json: JSON = [
            "z": .null, "a": [true, false, -12, .number("1.5")],
            "text": "quote \" backslash \\ newline \n bell \u{7} é 🙂", "o": [:], "e": [],
        ]
        #expect(JSON(parsing: json.bytes) == json)
        #expect(
            read(#" { "b" : [ 1 , 2 ] , "a" : "\u00e9\ud83d\ude42\/" } "#)
                == ["b": [1, 2], "a": "é🙂/"])
        #expect(read("9223372036854775807") == .integer(.max))
        #expect(read("-0") == 0)
        #expect(read("1.0e3") == 1_000)
    }

    @Test(
        "RFC 8259, 6: a number that is not exactly one of 64 bits is passed on as it was written",
        arguments: [
            "9223372036854775808", "-9223372036854775809", "1.5", "-0.10", "9007199254740993.0",
            "3.141592653589793238462643383279", "1e-7", "2.50E+300",
            "123456789012345678901234567890",
        ])
    func numbers(_ text: String) {
        #expect(read(text) == .number(text))
        #expect(read("[\(text)]")?.bytes == Array("[\(text)]".utf8))
    }

    @Test("RFC 8259, 8.3: names are the same when their bytes are, not when Unicode calls them so")
    func equivalentNames() {
        let text = "{\"e\u{301}\":1,\"\u{E9}\":2}"
        #expect(read(text)?.bytes == Array(text.utf8))
        #expect(read("{\"\u{E9}\":1,\"\\u00e9\":2}") == nil)
    }

    @Test(
        "RFC 8259: what is no JSON is not read",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}", "01", "+1", "1.", ".5",
            "1e",
            "NaN", "tru", "\"\u{1}\"", "\"\\x\"", "\"\\ud83d\"", "\"\\u12g4\"", "[1] 2", "\"a",
            "'a'",
            "{\"a\":1,\"a\":2}", "-", "--1", "1e999", "-01", "1.e5",
            "1e+", "0x1", "1_0", "-.5",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ]
    )
    func malformed(_ text: String) { #expect(read(text) == nil) }

    @Test("what is written has no control character, not even those behind ASCII")
    func controls() {
        for value in 0...0x9F as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let json = JSON.text("Â\(scalar)é\u{C2}")
            let text = String(decoding: json.bytes, as: UTF8.self)
            #expect(text.unicodeScalars.allSatisfy(DisplayName.allows), "\(value)")
            #expect(JSON(parsing: json.bytes) == json, "\(value)")
            #expect(text.printableJSON == text)
        }
        #expect("a\u{1B}\u{9B}\n".printable() == "a\\u{1b}\\u{9b}\\u{a}")
        #expect("a\u{202E}b\u{2028}c\u{FEFF}".printable() == "a\\u{202e}b\\u{2028}c\\u{feff}")
        #expect("\"\u{2066}\"\n".printableJSON == "\"\\u2066\"\n")
        #expect("क्‍ष א 👩‍🚀".printable() == "क्‍ष א 👩‍🚀")
        #expect("a\u{1B}\n".printable(keeping: true) == "a\\u{1b}\n")
        #expect("\"\u{7F}\"\n".printableJSON == "\"\\u007f\"\n")
    }

    @Test("a member's name has at most 256 bytes, so that no combining marks of it cost time")
    func longNames() throws {
        func object(_ count: Int) -> [UInt8] {
            Array("{\"\(String(repeating: "\u{0315}\u{0300}", count: count))\":1}".utf8)
        }
        #expect(throws: Never.self) { try JSON(object(64), upTo: 9) }
        for count in [65, 1 << 19] {
            #expect(throws: JSON.Fault.nameTooLong) { try JSON(object(count), upTo: 9) }
        }
        // Values may be long: they are not hashed.
        let value = "[\"\(String(repeating: "\u{0315}\u{0300}", count: 1 << 19))\"]"
        #expect(JSON(parsing: Array(value.utf8)) != nil)
    }

    @Test("JSON text is UTF-8")
    func encoding() { #expect(JSON(parsing: [0x22, 0xFF, 0x22]) == nil) }

    /// All rows of a text that comes in pieces of `size` bytes.
    private func rows(of text: String, size: Int = .max) throws -> [CSV.Row] {
        var parser = CSVParser()
        var rows: [CSV.Row] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            parser.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let row = try parser.next() { rows.append(row) }
        }
        parser.finish()
        while let row = try parser.next() { rows.append(row) }
        return rows
    }

    @Test("RFC 4180: a text that comes in pieces is read as if it came whole", arguments: 1...9)
    func csvInPieces(size: Int) throws {
        let texts = [
            "\u{FEFF}a,b\r\n\"x\"\"y\",\"1\r\n2\"\r\n\n\r\nlast,\r", "é,\"ü\"", "\"\"", "",
            "\u{FEFF}", "a\r\n",
            "\r\n\r\na", ",,\n\n", "a\rb\r\nc\r",
        ]
        for text in texts {
            #expect(try rows(of: text, size: size) == rows(of: text), "\(text.debugDescription)")
        }
        for text in ["a,b\n\"x\"y\n", "a,b\nx\"y\n", "a\n\nb,\"c"] {
            #expect { try rows(of: text) } throws: { error in
                let whole = error as? Problem
                let inPieces = #expect(throws: Problem.self) { try rows(of: text, size: size) }
                return whole == inPieces && whole?.line == (text.hasPrefix("a,b") ? 2 : 3)
            }
        }
    }

    @Test("A row that does not end is not kept")
    func longRow() throws {
        let problem = #expect(throws: Problem.self) {
            try rows(of: "a\n\"" + String(repeating: "x", count: 100_000), size: 1_000)
        }
        #expect(problem?.line == 2 && problem?.reason.name == "invalid-csv")
    }

    @Test(
        "too many blank lines are refused at the first one too many: before the header, between rows, behind them",
        arguments: ["", "dk,secret\n", "dk,secret\nd1,\n"], ["\n", "\r\n", "\"\"\n"])
    func blankLines(before: String, blank: String) throws {
        let rowCount = before.count { $0 == "\n" }
        let most = CSVParser.blankLinesMaximum + rowCount
        let passed = before + String(repeating: blank, count: most)
        #expect(try rows(of: passed + "d2,\n").count == rowCount + 1)
        for rest in ["", "d2,\n", String(repeating: blank, count: 100_000)] {
            let problem = #expect(throws: Problem.self) { try rows(of: passed + blank + rest) }
            #expect(problem?.line == rowCount + most + 1)
            #expect(problem?.reason.name == "invalid-csv")
        }
    }

    @Test("a blank line behind each row is passed over, however many rows there are")
    func doubleSpaced() throws {
        let text = (1...5_000).map { "d\($0),\r\n\r\n" }.joined()
        #expect(try rows(of: text).count == 5_000)
    }

    @Test("a row that comes byte by byte is read once, however many line ends are in quotes")
    func bytesOfLongRow() throws {
        let commas = String(repeating: ",", count: 30_000)
        let lines = "\"" + String(repeating: "\n", count: 30_000) + "\""
        let start = ContinuousClock.now
        let found = try rows(of: "\(lines)\(commas)\n", size: 1)
        #expect(found.count == 1 && found.first?.fields.count == 30_001)
        // Read anew for each byte it would take minutes.
        #expect(start.duration(to: .now) < .seconds(20))
    }

    @Test("a row is too long however large its pieces are", arguments: [1, 1_000, .max])
    func longWholeRow(size: Int) throws {
        func row(_ length: Int) -> String { String(repeating: "x", count: length - 1) + "\n" }
        let most = CSVParser.rowMaximum
        #expect(try rows(of: "a\n" + row(most), size: size).count == 2)
        let problem = #expect(throws: Problem.self) {
            try rows(of: "a\n" + row(most + 1), size: size)
        }
        #expect(problem?.line == 2)
    }

    @Test("RFC 4180: quotes, line ends and a byte order mark are read, lines are counted")
    func csv() throws {
        let text = "\u{FEFF}a,b\r\n\"x\"\"y\",\"1\n2\"\n\nlast,"
        let found = try rows(of: text)
        #expect(found.map(\.fields) == [["a", "b"], ["x\"y", "1\n2"], ["last", ""]])
        #expect(found.map(\.line) == [1, 2, 5])
        let fields = ["plain", "comma,", "quote\"", "line\n", ""]
        var bytes: [UInt8] = []
        CSV.append(fields, to: &bytes)
        let again = try rows(of: String(decoding: bytes, as: UTF8.self))
        #expect(again.map(\.fields) == [fields])
    }
}
