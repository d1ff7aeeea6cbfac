import Testing

@testable import Ledger
@testable import LedgerModel

@Suite struct EmailAddressTests {
    @Test(
        "E1: an address that mail can be sent to is taken, the domain in small letters",
        arguments: [
            ("ann@example.org", "ann@example.org"),
            ("Ann.Smith+alerts@Example.ORG", "Ann.Smith+alerts@example.org"),
            ("!#$%&'*+-/=?^_`{|}~@a.b-c.museum", "!#$%&'*+-/=?^_`{|}~@a.b-c.museum"),
            ("1@1.com", "1@1.com"),
            ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
            (
                String(repeating: "l", count: 64) + "@a.bc",
                String(repeating: "l", count: 64) + "@a.bc"
            ),
        ]
    )
    func taken(_ text: String, _ kept: String) throws {
        let email = try #require(EmailAddress(text))
        #expect(email.text == kept)
        #expect(EmailAddress(utf8: text.utf8Span.span) == email)
    }

    @Test(
        "E1: what is no address is refused",
        arguments: [
            "", "ann", "@example.org", "ann@", "ann@example", "ann@@example.org", "a@b@c.de",
            ".ann@example.org", "ann.@example.org", "a..b@example.org", "ann smith@example.org",
            "\"ann\"@example.org", "ann@[192.0.2.1]", "ann@192.0.2.1", "ann@-a.org", "ann@a-.org",
            "ann@.org", "ann@example.org.", "ann@exa_mple.org", "änn@example.org",
            "ann@exämple.org",
            "ann@example.org\n", "ann@example.org\u{0}", "Ann <ann@example.org>",
            "ann@example.org,b@c.de",
            String(repeating: "l", count: 65) + "@a.bc",
            "ann@" + String(repeating: "d", count: 64) + ".org",
            "ann@" + String(repeating: "dd.", count: 84) + "org",
        ]
    )
    func refused(_ text: String) {
        #expect(EmailAddress(text) == nil)
        #expect(EmailAddress(utf8: text.utf8Span.span) == nil)
    }
}
