import Foundation
import Ledger
import Processes
import Testing

@testable import Admin

/// What mail about alerts is made of.
@Suite("Texts of mail about alerts", .serves)
struct AlertTextTests {
    @Test("E1: each text is there in each language, and no two are the same")
    func texts() {
        for language in AlertLanguage.allCases {
            let texts = AlertText.allCases.map { $0.text(in: language) }
            #expect(Set(texts).count == texts.count && !texts.contains(""))
        }
        for text in AlertText.allCases {
            let names = AlertLanguage.allCases.map { language in
                Set(text.text(in: language).matches(of: /\{[a-z]+\}/).map { String($0.output) })
            }
            #expect(names[0] == names[1], "\(text)")
            let isASCII = AlertLanguage.allCases.map { text.text(in: $0).allSatisfy(\.isASCII) }
            #expect(isASCII == [true, false], "\(text)")
        }
    }

    @Test(
        "RFC 2047: a long or foreign subject is encoded words of 75 letters at most, whole characters",
        arguments: [String(repeating: "灯", count: 100), "ä", String(repeating: "a", count: 200)])
    func subjects(_ text: String) throws {
        let encoded = AlertMail.encoded(text)
        var decoded = ""
        for word in encoded.split(separator: "\r\n ") {
            #expect(word.utf8.count <= 75 && word.hasPrefix("=?utf-8?B?") && word.hasSuffix("?="))
            let letters = String(word.dropFirst("=?utf-8?B?".count).dropLast(2))
            let data = try #require(Data(base64Encoded: letters))
            decoded += try #require(String(data: data, encoding: .utf8))
        }
        #expect(decoded == text)
        #expect(AlertMail.encoded("Codes: 3 left") == "Codes: 3 left")
    }
}
