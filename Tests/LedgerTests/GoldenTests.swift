import Bytes
import Encoding
import Linux
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// The bytes of the ledger's words, as every program so far has written them: `Tests/Golden/ledger`.
///
/// They are on somebody's disk, so a line is never changed: what gets another layout gets new lines,
/// and the old ones are still read.
@Suite struct GoldenTests {
    private static let moment = Timestamp(milliseconds: 1_700_000_000_123)

    @Test("Actions have the bytes that they always had")
    func actions() throws { try check("actions", Self.named(Samples.actions)) }

    @Test("Changes have the bytes that they always had")
    func changes() throws { try check("changes", Self.named(Samples.changes)) }

    @Test("Refusals have the bytes that they always had")
    func refusals() throws {
        // Its description is for people, so the name is the tag's.
        let names = Samples.refusals.map { refusal in
            var buffer = ByteBuffer()
            refusal.encode(into: &buffer)
            return Refusal.Tag(rawValue: buffer.span[0]).map { "\($0) 1" } ?? "?"
        }
        try check("refusals", Array(zip(names, Samples.refusals)))
    }

    @Test("Effects have the bytes that they always had")
    func effects() throws { try check("effects", Self.named(Samples.effects)) }

    @Test("Outcomes have the bytes that they always had")
    func outcomes() throws {
        try check(
            "outcomes",
            [
                ("done", Outcome.done(.unchanged)), ("repeated", .repeated(.staged(rows: 300))),
                ("refused", .refused(.unknownLease(7))),
            ]
        )
    }

    @Test("Commands have the bytes that they always had")
    func commands() throws {
        let action = Action.revokeKey(KeyID("k")!)
        try check(
            "commands",
            [
                ("plain", Command(at: Self.moment, actor: "gateway", action: action)),
                (
                    "with a key",
                    Command(at: Self.moment, actor: "ä", idempotencyKey: "k-1", action: action)
                ),
            ]
        )
    }

    @Test("E3: events have the bytes that they always had")
    func events() throws {
        let change = Change.keyRevoked(KeyID("k")!)
        try check(
            "events",
            [("event", Event(sequence: 300, at: Self.moment, actor: "gateway", change: change))]
        )
    }

    /// Enumerations that are one byte inside of others.
    @Test("Enumerations of one byte have the bytes that they always had")
    func values() throws {
        var lines: [String] = []
        func add<Value: CaseIterable & RawRepresentable<UInt8>>(_ type: Value.Type) {
            for value in type.allCases {
                lines.append("\(type).\(value): \(Self.hex([value.rawValue]))")
            }
        }
        add(AccountKind.self)
        add(ActivationCause.self)
        add(CodeSource.self)
        add(FreeCodePolicy.self)
        add(ImportFault.self)
        add(ImportState.self)
        add(KeyRole.self)
        add(RegistrationPolicy.self)
        add(TopUpKind.self)
        add(TopUpSource.self)
        add(UpgradeState.self)
        try expectSame("values", lines)
    }

    @Test("Every case has golden bytes")
    func coverage() throws {
        func expectAll<Tag: CaseIterable>(
            _ file: String, _ prefix: String, _ tags: Tag.Type
        ) throws {
            let names = try Self.golden(file).keys
            for tag in tags.allCases {
                let isThere = names.contains {
                    $0.hasPrefix("\(prefix)\(tag) ") || $0.hasPrefix("\(prefix)\(tag).")
                        || $0 == "\(tag)"
                }
                #expect(isThere, "\(file).txt: \(prefix)\(tag)")
            }
        }
        try expectAll("actions", "", Action.Tag.self)
        try expectAll("actions", "account.", AccountAction.Tag.self)
        try expectAll("actions", "importing.", ImportAction.Tag.self)
        try expectAll("actions", "topUp.", TopUpAction.Tag.self)
        try expectAll("actions", "upgrade.", UpgradeAction.Tag.self)
        try expectAll("changes", "", Change.Tag.self)
        try expectAll("changes", "account.", AccountChange.Tag.self)
        try expectAll("changes", "topUp.", TopUpChange.Tag.self)
        try expectAll("changes", "upgrade.", UpgradeChange.Tag.self)
        try expectAll("refusals", "", Refusal.Tag.self)
        try expectAll("effects", "", Effect.Tag.self)
        try expectAll("outcomes", "", Outcome.Tag.self)
    }

    /// Every value is written as its line says, and its line is read as the value.
    private func check<Value: StorageRecord & Equatable>(
        _ file: String,
        _ values: [(name: String, value: Value)]
    ) throws {
        var lines: [String] = []
        for (name, value) in values {
            var buffer = ByteBuffer()
            value.encode(into: &buffer)
            lines.append("\(name): \(Self.hex(buffer.span.bytesArray))")
        }
        try expectSame(file, lines)
        let golden = try Self.golden(file)
        for (name, value) in values {
            let bytes = try #require(golden[name], "\(file): no line \(name)")
            var reader = ByteReader(bytes.span)
            let read = try Value(decoding: &reader)
            #expect(read == value, "\(file): \(name)")
            let isAtEnd = reader.isAtEnd
            #expect(isAtEnd, "\(file): \(name)")
        }
    }

    private func expectSame(_ file: String, _ lines: [String]) throws {
        let golden = try Self.lines(of: file)
        for line in lines where !golden.contains(line) {
            Issue.record("Tests/Golden/ledger/\(file).txt has no such line:\n\(line)")
        }
        for line in golden where !lines.contains(line) {
            Issue.record("Tests/Golden/ledger/\(file).txt: nothing is written like that:\n\(line)")
        }
    }

    /// Each value with the name of its case, and of the case inside, numbered if there are several.
    private static func named<Value>(_ values: [Value]) -> [(name: String, value: Value)] {
        var counts: [String: Int] = [:]
        return values.map { value in
            let kind = kind(of: value)
            counts[kind, default: 0] += 1
            return ("\(kind) \(counts[kind]!)", value)
        }
    }

    private static func kind(of value: Any) -> String {
        let mirror = Mirror(reflecting: value)
        guard let (label, inside) = mirror.children.first, let label else { return "\(value)" }
        let inner = Mirror(reflecting: inside)
        if inner.displayStyle == .enum { return "\(label).\(kind(of: inside))" }
        if let entry = inner.children.first(where: { $0.label == "entry" }) {
            return "\(label).\(kind(of: entry.value))"
        }
        return label
    }

    private static func lines(of file: String) throws -> [String] {
        let here = #filePath
        let end = try #require(here.firstRange(of: "LedgerTests/")).lowerBound
        let bytes = try FileSystem.read(
            "\(here[..<end])Golden/ledger/\(file).txt", maximumBytes: 1 << 20)
        let text = try #require(String(validating: bytes, as: UTF8.self))
        return text.split(separator: "\n").filter { $0.first != "#" }.map(String.init)
    }

    private static func golden(_ file: String) throws -> [String: [UInt8]] {
        var golden: [String: [UInt8]] = [:]
        for line in try lines(of: file) {
            let parts = line.split(separator: ": ", maxSplits: 1)
            try #require(parts.count == 2, "\(file): \(line)")
            let bytes = try #require(Self.bytes(parts[1]), "\(file): \(line)")
            try #require(golden.updateValue(bytes, forKey: String(parts[0])) == nil, "\(line)")
        }
        return golden
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ hex: Substring) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
