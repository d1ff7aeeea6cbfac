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
    func actions() throws { try check("actions", Samples.actions) }

    @Test("Changes have the bytes that they always had")
    func changes() throws { try check("changes", Samples.changes) }

    @Test("Refusals have the bytes that they always had")
    func refusals() throws { try check("refusals", Samples.refusals) }

    @Test("Effects have the bytes that they always had")
    func effects() throws { try check("effects", Samples.effects) }

    @Test("Outcomes have the bytes that they always had")
    func outcomes() throws {
        try check(
            "outcomes",
            [
                Outcome.done(.unchanged), .repeated(.staged(rows: 300)),
                .refused(.topUps(.unknownLease(7))),
            ]
        )
    }

    @Test("Commands have the bytes that they always had")
    func commands() throws {
        let action = Action.keys(.revoke(KeyID("k")!))
        try check(
            "commands",
            [
                Command(at: Self.moment, actor: "gateway", action: action),
                Command(at: Self.moment, actor: "ä", idempotencyKey: "k-1", action: action),
            ]
        )
    }

    @Test("E3: events have the bytes that they always had")
    func events() throws {
        let change = Change.keys(.revoked(KeyID("k")!))
        try check(
            "events", [Event(sequence: 300, at: Self.moment, actor: "gateway", change: change)])
    }

    @Test("Entries of the replicated log have the bytes that they always had")
    func envelopes() throws {
        let chain = ChainHash(Array(UInt8(0)..<32).span)!
        func envelope(_ content: Envelope.Content) -> Envelope {
            Envelope(
                cluster: ClusterID(1 << 127 | 7), sender: NodeName("gate-1")!, epoch: .max,
                mark: LogMark(position: 300, chain: chain), content: content)
        }
        let action = Action.keys(.revoke(KeyID("k")!))
        let command = Command(at: Self.moment, actor: "gateway", action: action)
        try check(
            "envelopes",
            [
                envelope(.hello(after: 0)), envelope(.hello(after: .max)),
                envelope(.commands(number: 300, [command, command])),
                envelope(.commands(number: 1, [])),
            ]
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
        add(BooksLimit.self)
        add(WebhookAttempt.Cause.self)
        add(AlertKind.self)
        add(AlertLanguage.self)
        add(NotificationState.self)
        add(TokenAlgorithm.self)
        add(CertificatePinning.self)
        #expect(try Self.lines(of: "values") == lines)
    }

    @Test("Every case has golden bytes")
    func coverage() throws {
        let actions = try Array(Self.golden("actions").values)
        for area in Action.Area.allCases { expectAll(area.record, in: actions) }
        let changes = try Array(Self.golden("changes").values)
        for area in Change.Area.allCases { expectAll(area.record, in: changes) }
        let refusals = try Array(Self.golden("refusals").values)
        for area in Refusal.Area.allCases { expectAll(area.record, in: refusals) }
        expectAll(Effect.self, in: try Array(Self.golden("effects").values))
        expectAll(Outcome.self, in: try Array(Self.golden("outcomes").values))
        // What comes behind the pack, or the upgrade, that a change is of.
        var topUps: [[UInt8]] = []
        var upgrades: [[UInt8]] = []
        var corrections: [[UInt8]] = []
        for bytes in changes {
            var reader = ByteReader(bytes.span)
            switch try Change(from: &reader) {
            case .topUps(let change): topUps.append(Self.bytes(of: change.entry))
            case .upgrades(let change): upgrades.append(Self.bytes(of: change.entry))
            case .corrections(let change): corrections.append(Self.bytes(of: change.entry))
            default: break
            }
        }
        expectAll(TopUpChange.Entry.self, in: topUps)
        expectAll(UpgradeChange.Entry.self, in: upgrades)
        expectAll(Correction.Entry.self, in: corrections)
    }

    /// Each tag is what some of the bytes begin with.
    private func expectAll<Record: TaggedRecord>(_ type: Record.Type, in golden: [[UInt8]]) {
        for tag in Record.Tag.allCases {
            #expect(golden.contains { $0.starts(with: tag.bytes) }, "\(type): \(tag)")
        }
    }

    /// Each value is written as one of the lines says, that line is read as the value, and there is no
    /// other line. What a line is called is for people.
    private func check<Value: RecordField & Equatable>(_ file: String, _ values: [Value]) throws {
        var golden = Set(try Self.golden(file).values)
        for value in values {
            let bytes = Self.bytes(of: value)
            let isThere = golden.remove(bytes) != nil
            #expect(isThere, "\(file).txt has no line \(Self.hex(bytes)): \(value)")
            var reader = ByteReader(bytes.span)
            #expect(try Self.read(Value.self, &reader) == value, "\(file).txt: \(value)")
            let isAtEnd = reader.isAtEnd
            #expect(isAtEnd, "\(file).txt: \(value)")
        }
        for bytes in golden {
            Issue.record("\(file).txt: nothing is written like \(Self.hex(bytes))")
        }
    }

    @_lifetime(reader: copy reader)
    private static func read<Value: RecordField>(
        _ type: Value.Type,
        _ reader: inout ByteReader
    ) throws(MalformedRecord) -> Value {
        try Value(from: &reader)
    }

    private static func bytes(of value: some RecordField) -> [UInt8] {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        return buffer.span.bytesArray
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

extension Envelope: RecordField {}
extension Event: RecordField {}
