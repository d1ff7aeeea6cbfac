import Testing

@testable import LedgerModel

/// The grammar that devices' documents, the API's bodies and the log's answers have in common.
@Suite("Numbers of JSON") struct JSONNumberTests {
    @Test(
        "RFC 8259, 6: a number ends where no more of it follows",
        arguments: [
            "0", "-0", "7", "-12", "1.5", "-0.10", "0.0", "1e5", "1E+5", "2.50e-3", "0e0",
            "9223372036854775808", "3.141592653589793238462643383279", "1e308",
        ])
    func number(_ text: String) {
        #expect(JSONNumber.end(in: Array(text.utf8), from: 0) == text.utf8.count)
        for rest in [" ", ",1", "]", "}", "x", "-"] {
            let bytes = Array("[\(text)\(rest)".utf8)
            #expect(JSONNumber.end(in: bytes, from: 1) == 1 + text.utf8.count, "\(rest)")
        }
    }

    @Test(
        "RFC 8259, 6: what is no number, or would be infinite",
        arguments: [
            "", "-", "+1", "--1", "01", "-01", "00", "1.", "1.e5", ".5", "-.5", "1e", "1e+", "1E-",
            "NaN", "Infinity", "-Infinity", "e5", "1e999", "-1e999", "x",
        ])
    func noNumber(_ text: String) {
        #expect(JSONNumber.end(in: Array(text.utf8), from: 0) == nil)
        #expect(JSONNumber.end(in: Array("[\(text)]".utf8), from: 1) == nil)
    }

    @Test("what only begins like a number ends behind that")
    func beginning() {
        for (text, end) in [("0x1", 1), ("1_0", 1), ("1.5.5", 3), ("1e5e5", 3)] {
            #expect(JSONNumber.end(in: Array(text.utf8), from: 0) == end, "\(text)")
        }
        #expect(JSONNumber.end(in: [0x31], from: 1) == nil)
    }
}
