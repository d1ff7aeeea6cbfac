import Testing
import Time

@testable import LedgerModel

/// Documents of devices' states: what is read, how a patch is merged, and where the bounds are.
@Suite struct StateDocumentTests {
    private static func document(_ text: String) throws -> StateDocument {
        try StateDocument.empty.merging(StatePatch(json: Array(text.utf8)))
    }

    private static func fault(_ text: String) -> StateFault? { fault(Array(text.utf8)) }

    private static func fault(_ bytes: [UInt8]) -> StateFault? {
        do throws(StateFault) {
            _ = try StatePatch(json: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "the examples of RFC 7396, as far as both are objects and the outcome has no null",
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
            (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
            (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
            ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
            (#"{"a":"foo"}"#, #"{"b":[null,{"c":null}]}"#, #"{"a":"foo","b":[null,{"c":null}]}"#),
            (
                #"{"a":{"x":1},"b":2,"c":3}"#, #"{"c":4,"a":{"y":5},"b":null}"#,
                #"{"a":{"x":1,"y":5},"c":4}"#
            ),
        ])
    func merge(old: String, patch: String, new: String) throws {
        let merged = try Self.document(old).merging(Samples.patch(patch))
        #expect(merged.text == new)
        // Saying it again changes nothing.
        #expect(try merged.merging(Samples.patch(patch)) == merged)
    }

    @Test("spaces go, and numbers keep their digits, texts what they say")
    func form() throws {
        let document = try Self.document(
            " { \"n\" : [ 1.50 , -0 , 2E+3 ] ,\t\"t\":\"\\u00e9\\ud83d\\ude00\\/\\n\\u0000\" }\n")
        #expect(document.text == "{\"n\":[1.50,-0,2E+3],\"t\":\"é😀/\\u000a\\u0000\"}")
    }

    @Test("what is not one JSON object is refused, and why is said")
    func faults() {
        for text in [
            "", "{", "}", "{}{}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
            "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":1e999}",
            "{\"a\":tru}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\u00g0\"}", "{\"a\":\"",
            "{\"a\":[1,]}", "{\"a\":[", "NaN", "{\"a\":nul", "\u{FEFF}{}",
        ] {
            #expect(Self.fault(text) == .notJSON, "\(text)")
        }
        for text in ["[]", "1", "\"a\"", "null", "true"] {
            #expect(Self.fault(text) == .notObject, "\(text)")
        }
        #expect(Self.fault([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]) == .notUTF8)
        #expect(Self.fault(#"{"a":1,"a":2}"#) == .repeatedName)
        #expect(Self.fault(#"{"a":1,"\u0061":2}"#) == .repeatedName)
        #expect(Self.fault(#"{"x":{"a":1,"a":2}}"#) == .repeatedName)
        let long = String(repeating: "n", count: 256)
        #expect(Self.fault("{\"\(long)\":1}") == nil)
        #expect(Self.fault("{\"\(long)n\":1}") == .nameTooLong)
        #expect(Set(StateFault.allCases.map(\.text)).count == StateFault.allCases.count)
    }

    @Test("eight objects and arrays in each other are read, and no more")
    func depth() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            "{\"a\":" + String(repeating: open, count: depth - 1) + "1"
                + String(repeating: close, count: depth - 1) + "}"
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            #expect(Self.fault(nested(8, open, close)) == nil)
            #expect(Self.fault(nested(9, open, close)) == .tooDeep)
            #expect(Self.fault(nested(4_000, open, close)) == .tooDeep)
        }
    }

    @Test(
        "8 KiB are the most, of a patch and of what it makes; what is refused has changed nothing")
    func size() throws {
        let fill = { (count: Int) in String(repeating: "x", count: count) }
        let most = "{\"a\":\"\(fill(8_192 - 8))\"}"
        #expect(most.utf8.count == 8_192)
        let document = try Self.document(most)
        #expect(document.text == most)
        #expect(Self.fault("{\"a\":\"\(fill(8_192 - 7))\"}") == .tooLarge)
        #expect(throws: StateFault.tooLarge) { try document.merging(Samples.patch(#"{"b":1}"#)) }
        #expect(try document.merging(Samples.patch(#"{"a":null,"b":1}"#)).text == #"{"b":1}"#)
    }

    @Test("a report has its members and no others")
    func report() throws {
        func report(_ text: String) throws(StateFault) -> StateReport {
            try StateReport(json: Array(text.utf8))
        }
        let full = try report(#"{"version":7,"reported":{"a":null},"desiredVersion":0}"#)
        #expect(full.expected == 7 && full.desired == 0)
        #expect(full.patch == Samples.patch(#"{"a":null}"#))
        let empty = try report("{}")
        #expect(empty.expected == nil && empty.desired == nil && empty.patch == nil)
        for text in [
            #"{"a":1}"#, #"{"reported":{},"a":1}"#, #"{"version":-1}"#, #"{"version":1.0}"#,
            #"{"version":"1"}"#, #"{"desiredVersion":null}"#, #"{"version":12345678901234567}"#,
        ] {
            #expect(throws: StateFault.notJSON, "\(text)") { try report(text) }
        }
        for text in ["[]", #"{"reported":[]}"#, #"{"reported":null}"#] {
            #expect(throws: StateFault.notObject, "\(text)") { try report(text) }
        }
        #expect(throws: StateFault.tooLarge) {
            try report(String(repeating: " ", count: 16_385))
        }
        // The envelope takes nothing off the document's depth.
        let deep = "{\"a\":" + String(repeating: "[", count: 7) + String(repeating: "]", count: 7)
        #expect(try report("{\"reported\":\(deep)}}").patch != nil)
        #expect(throws: StateFault.tooDeep) { try report("{\"reported\":{\"b\":\(deep)}}}") }
    }

    @Test("a report makes a version of each change, and none of what is the same")
    func carryingOut() throws {
        let time = Timestamp(milliseconds: 5)
        func report(_ text: String) throws -> StateReport {
            try StateReport(json: Array(text.utf8))
        }
        let none = ReportedState.none(registeredAt: Timestamp(milliseconds: 1))
        let first = try #require(
            try none.carryingOut(report(#"{"reported":{"a":1}}"#), at: time))
        #expect(first.version == 1 && first.changedAt == time && first.desired == 0)
        #expect(try first.carryingOut(report(#"{"reported":{"a":1}}"#), at: time) == nil)
        #expect(try first.carryingOut(report("{}"), at: time) == nil)
        let later = Timestamp(milliseconds: 9)
        let confirmed = try #require(
            try first.carryingOut(report(#"{"desiredVersion":4}"#), at: later))
        #expect(confirmed.version == 1 && confirmed.changedAt == time && confirmed.desired == 4)
        #expect(ReportedState(bytes: confirmed.bytes) == confirmed)
        #expect(ReportedState(bytes: Array(confirmed.bytes.dropLast())) == nil)
    }

    @Test("the pace gives thirty at once, then one a minute, and never more after a longer pause")
    func pace() {
        var pace = StatePace()
        var now = Timestamp(milliseconds: 1_700_000_000_000)
        func taken() -> Int {
            var count = 0
            while pace.take(at: now) { count += 1 }
            return count
        }
        #expect(taken() == 30)
        now = now.adding(seconds: 59)
        #expect(taken() == 0)
        now = now.adding(seconds: 1)
        #expect(taken() == 1)
        now = now.adding(seconds: 600)
        #expect(taken() == 10)
        now = now.adding(days: 30)
        #expect(taken() == 30)
        // A clock that is set back gives nothing.
        now = now.adding(days: -1)
        #expect(taken() == 0)
    }
}
