import Testing

@testable import LedgerModel

/// Where certificates name devices.
@Suite struct CertificatePatternTests {
    private func named(_ pattern: String, _ name: String) throws -> String? {
        let found = try CertificatePattern(pattern).reading(name)
        return found.map { "\($0.product?.text ?? "-")/\($0.device)" }
    }

    @Test(
        "E7: a name is read when the whole of it has the pattern's form",
        arguments: [
            ("cn:${pk}.${dk}", "lamp.d1", "lamp/d1"),
            ("cn:${pk}.${dk}", "lamp.d.1", "lamp/d.1"),
            ("cn:${dk}", "d1", "-/d1"),
            ("cn:${dk}", "lamp.d1", "-/lamp.d1"),
            ("cn:device-${dk}", "device-d1", "-/d1"),
            ("san-dns:${dk}.${pk}.example.com", "d1.lamp.example.com", "lamp/d1"),
            ("san-dns:${dk}.${pk}.example.com", "a.b.lamp.example.com", "lamp/a.b"),
            ("san-uri:urn:dev:${pk}:${dk}", "urn:dev:lamp:d1", "lamp/d1"),
            ("san-uri:urn:dev:${pk}:${dk}", "urn:dev:lamp:d:1", "lamp/d:1"),
            ("san-uri:${pk}:x:${dk}", "lamp:x:x:d1", "lamp/x:d1"),
            ("san-uri:https://${dk}@acme.example/${pk}", "https://d1@acme.example/lamp", "lamp/d1"),
        ])
    func reading(_ pattern: String, _ name: String, _ device: String) throws {
        #expect(try named(pattern, name) == device)
    }

    @Test(
        "E7: no part of a name is enough",
        arguments: [
            (
                "cn:${pk}.${dk}",
                ["lamp", "lamp.", ".d1", "", "lamp d1", "la-mp.d1", "lamp.d 1", "lamp/d1"]
            ),
            ("cn:device-${dk}", ["device-", "d1", "xdevice-d1", "Device-d1", "device-d1\u{0}"]),
            (
                "san-dns:${dk}.${pk}.example.com",
                [
                    "d1.lamp.example.com.", "d1.lamp.example.org", "d1.example.com",
                    ".lamp.example.com",
                    "*.lamp.example.com", "d1.lamp.Example.com", "d1..example.com",
                    "d1.lamp.example.com.evil.org",
                ]
            ),
            ("cn:a${dk}a", ["a", "aa", "ab"]),
            ("cn:${dk}", ["d1\u{0}", "d\u{E9}", String(repeating: "d", count: 65)]),
            (
                "cn:${pk}.${dk}",
                [String(repeating: "x", count: 300), "lamp." + String(repeating: "d", count: 300)]
            ),
        ])
    func refused(_ pattern: String, _ names: [String]) throws {
        for name in names { #expect(try named(pattern, name) == nil, "\(pattern) \(name)") }
    }

    @Test(
        "E7: a pattern that could be read in two ways, or in none, is none",
        arguments: [
            ("", .length), ("cn:${dk}" + String(repeating: "a", count: 256), .length),
            ("cn:${dk} ", .character), ("cn:${dk}\u{0}", .character), ("cn:é${dk}", .character),
            ("${dk}", .place), ("dns:${dk}", .place), ("CN:${dk}", .place), ("cn", .place),
            ("cn:${clientId}", .variable), ("cn:$dk", .variable), ("cn:${dk", .variable),
            ("cn:", .device), ("cn:${pk}", .device), ("cn:${dk}.${dk}", .device),
            ("cn:${pk}.${dk}.${pk}", .product), ("cn:${pk}${dk}", .boundary),
            ("cn:${dk}${pk}", .boundary), ("cn:${pk}x.${dk}", .boundary),
            ("cn:${dk}.x${pk}", .boundary),
        ] as [(String, CertificatePattern.Fault)])
    func faults(_ text: String, _ fault: CertificatePattern.Fault) {
        #expect(throws: fault) { try CertificatePattern(text) }
    }

    @Test("E7: rules name a product only where the pattern leaves it out")
    func rules() throws {
        let product = ProductKey("lamp")
        let whole = try CertificatePattern("cn:${pk}.${dk}")
        #expect(AuthorityRules(pattern: whole, product: product, registersDevices: true) == nil)
        #expect(AuthorityRules(pattern: nil, product: product, registersDevices: true) == nil)
        let part = try CertificatePattern("cn:${dk}")
        #expect(AuthorityRules(pattern: part, product: product, registersDevices: true) != nil)
        let none = AuthorityRules(pattern: nil, product: nil, registersDevices: false)
        #expect(none == .standard)
    }
}
