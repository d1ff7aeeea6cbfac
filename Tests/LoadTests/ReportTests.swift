import Testing

@testable import Load

@Suite struct ReportTests {
    @Test("Numbers have three digits, and commas between thousands")
    func numbers() {
        let texts = [0, 0.0004, 0.1234, 1.239, 12.34, 123.4, 1_234.5, 9.999, -2.5, 1_234_567]
            .map { Report.number($0) }
        #expect(
            texts == [
                "0", "0.000", "0.123", "1.24", "12.3", "123", "1,235", "10.00", "-2.50",
                "1,234,567",
            ])
        #expect(Report.number(.nan) == "-")
        #expect(
            [0, 999, 1_000, -1_234_567].map(Report.many) == ["0", "999", "1,000", "-1,234,567"])
    }

    @Test("JSON is quoted as RFC 8259 wants it")
    func json() {
        let value = JSONValue.object([
            ("a\"b", .text("x\\y\n\u{1}\u{7F}é")), ("n", JSONValue(Double.nan)),
            ("l", .array([.integer(1), .bool(true), .null, .number(0.5)])),
        ])
        #expect(
            value.text
                == #"{"a\"b":"x\\y\n\u0001\u007fé","n":null,"l":[1,true,null,0.5]}"#)
    }

    @Test("A page's text can't break out of it")
    func page() {
        #expect(Report.escaped("<a href=\"x\">&") == "&lt;a href=&quot;x&quot;&gt;&amp;")
    }

    @Test("A plot needs two points, and its highest mark is above all of them")
    func plot() {
        #expect(!Plot(series: [.init("", [(0, 1)])], axis: .seconds).hasLine)
        let plot = Plot(series: [.init("p50", [(0, 1), (1, 350)])], axis: .seconds)
        #expect(plot.hasLine)
        let svg = plot.svg(named: "x")
        #expect(svg.contains(">400<") && svg.contains(">0<"))
        #expect(svg.contains("<polyline class=\"one\""))
    }

    @Test("A WebSocket frame of a server is taken whole, and one that breaks the rules is not")
    func frames() {
        func next(_ bytes: [UInt8]) -> String { "\(ClientFrame.next(in: bytes.span))" }
        #expect(next([0x82]) == "incomplete")
        #expect(next([0x82, 2, 1]) == "incomplete")
        #expect(next([0x82, 2, 1, 2, 9]).contains("head: 2, total: 4"))
        #expect(next([0x82, 126, 0, 1, 7]).contains("head: 4, total: 5"))
        #expect(next([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 7]).contains("head: 10, total: 11"))
        #expect(next([0x82, 127, 255, 0, 0, 0, 0, 0, 0, 1]).contains("broken"))
        #expect(next([0x82, 0x81, 1, 2, 3, 4, 5]).contains("broken"))
        #expect(next([0x83, 0]).contains("broken"))
    }
}
