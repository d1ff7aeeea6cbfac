import Bytes
import Ledger
import TestFiles
import Testing
import Time

@testable import Gateway
@testable import LedgerModel

/// Links to firmware images, and what devices say of upgrades.
@Suite struct FirmwareLinksTests {
    private static let now = Timestamp("2026-11-21T08:00:00Z")!

    private static func secret() throws -> TicketSecret {
        let directory = TemporaryDirectory()
        var configuration = GatewayConfiguration()
        configuration.data = directory.file("data")
        configuration.secrets = directory.file("secrets")
        let secrets = SecretsDirectory(of: configuration)
        try secrets.create()
        return try TicketSecret.opened(in: secrets)
    }

    private static func grant(_ device: String = "d:1@x") -> FirmwareGrant {
        FirmwareGrant(
            identity: DeviceIdentity(
                product: ProductKey("lamp")!, device: DeviceKey(device)!),
            upgrade: UpgradeID("u1")!, file: .max - 7, expiresAt: now.adding(milliseconds: 1))
    }

    @Test("a link is good for what it was made for, until it expires")
    func roundTrip() throws {
        let links = FirmwareLinks(url: "https://example.org", secret: try Self.secret())
        for device in ["d", "d:1@x", String(repeating: "d", count: DeviceKey.maximumLength)] {
            let token = links.token(for: Self.grant(device))
            #expect(token.utf8.count <= FirmwareLinks.tokenMaximumLength)
            #expect(token.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
            #expect(links.grant(of: token, at: Self.now) == Self.grant(device))
            #expect(links.grant(of: token, at: Self.now.adding(milliseconds: 1)) == nil)
        }
    }

    @Test("no link is good that was changed, cut, or made with another key")
    func forged() throws {
        let links = FirmwareLinks(url: "https://example.org", secret: try Self.secret())
        let other = FirmwareLinks(url: "https://example.org", secret: try Self.secret())
        let token = links.token(for: Self.grant())
        #expect(other.grant(of: token, at: Self.now) == nil)
        let letters = Array(token)
        for index in letters.indices {
            var changed = letters
            changed[index] = letters[index] == "A" ? "B" : "A"
            let found = links.grant(of: String(changed), at: Self.now)
            // The last letter may carry bits that are not part of any byte.
            #expect(found == nil || index == letters.count - 1, "\(index)")
            #expect(links.grant(of: String(letters[..<index]), at: Self.now) == nil, "\(index)")
        }
        for text in ["", "A", "AAAA", "*", String(repeating: "A", count: 600)] {
            #expect(links.grant(of: text, at: Self.now) == nil)
        }
    }

    private static func report(_ text: String) -> DeviceReport? {
        DeviceReport(Array(text.utf8).span)
    }

    @Test("what a device says is read: texts, numbers, with what is not known passed over")
    func reports() {
        let report = Self.report(
            #" { "id" : "u1", "percent":40,"more":null,"x":-1.5e3,"ok":true,"detail":"a\"\u00e4\ud83d\ude00\n" } "#
        )
        #expect(report?.id == "u1" && report?.percent == 40 && report?.outcome == nil)
        #expect(report?.detail == "a\"ä😀\n")
        #expect(Self.report("{}") != nil)
        #expect(Self.report(#"{"outcome":"failed","outcome":"succeeded"}"#) == nil)
        #expect(Self.report(#"{"percent":"40"}"#)?.percent == nil)
    }

    @Test(
        "what is no such object is none",
        arguments: [
            "", "{", "}", "[]", "\"\"", "{\"id\"}", "{\"id\":}", "{\"id\":\"u1\"",
            "{\"id\":\"u1\",}",
            "{\"id\":\"u1\"}x", "{\"id\":[1]}", "{\"id\":{}}", "{\"id\":\"\\x\"}",
            "{\"id\":\"\n\"}",
            "{\"id\":\"\\ud83d\"}", "{\"id\":\"\\ud83d\\u0041\"}", "{\"id\":\"\\u12\"}",
            "{\"id\":tru}",
            "{\"id\":-}", "{id:1}", "{\"id\":\"u1\"} {",
        ])
    func malformed(_ text: String) { #expect(Self.report(text) == nil) }

    @Test("a report has a limit, and need not be UTF-8 to be refused")
    func limits() {
        let long = "{\"detail\":\"\(String(repeating: "x", count: DeviceReport.maximumBytes))\"}"
        #expect(Self.report(long) == nil)
        #expect(DeviceReport(([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D] as [UInt8]).span) == nil)
    }
}
