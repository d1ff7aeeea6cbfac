import Bytes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

@Suite struct BytesTests {
    func roundTrip<Value: StorageRecord & Equatable>(_ value: Value) throws {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        var reader = ByteReader(buffer.span)
        let back = try Value(decoding: &reader)
        #expect(back == value)
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
        // No prefix of the bytes is mistaken for the whole.
        for count in 0..<buffer.count {
            var short = ByteReader(buffer.span.extracting(0..<count))
            #expect(throws: MalformedRecord.self) { try Self.decode(Value.self, &short) }
        }
    }

    @_lifetime(reader: copy reader)
    private static func decode<Value: StorageRecord>(
        _ type: Value.Type,
        _ reader: inout ByteReader
    ) throws(MalformedRecord) { _ = try Value(decoding: &reader) }

    @Test("Commands encode to bytes and back", arguments: Samples.actions)
    func commands(_ action: Action) throws {
        try roundTrip(
            Command(
                at: Timestamp(milliseconds: 12), actor: "ä", idempotencyKey: nil, action: action)
        )
        try roundTrip(
            Command(at: Timestamp(milliseconds: -1), actor: "", idempotencyKey: "k", action: action)
        )
    }

    @Test("Commands of an unknown version, or with no actor's name, are malformed")
    func malformedCommands() throws {
        let bytes: [UInt8] = [2, 0, 0, 0, 22, 0]
        var reader = ByteReader(bytes.span)
        let newer = "command of version 2, which a newer Tollgate wrote: this one knows 1"
        #expect(throws: MalformedRecord.malformed(what: newer)) {
            try Self.decode(Command.self, &reader)
        }
        let named: [UInt8] = [1, 0, 1, 0, 0, 22, 1, 0x6B]
        var second = ByteReader(named.span)
        #expect(throws: MalformedRecord.malformed(what: "actor")) {
            try Self.decode(Command.self, &second)
        }
    }

    @Test("E3: events encode to bytes and back", arguments: Samples.changes)
    func events(_ change: Change) throws {
        try roundTrip(
            Event(sequence: 300, at: Timestamp(milliseconds: 9), actor: "a", change: change)
        )
    }

    @Test("A8: remembered answers encode to bytes and back")
    func outcomes() throws {
        func roundTrip(_ outcome: Outcome) throws {
            let at = Timestamp(milliseconds: 12)
            try self.roundTrip(
                AnswerRecord(digestHigh: 1, digestLow: 2, at: at, outcome: outcome))
        }
        for refusal in Samples.refusals {
            try roundTrip(.refused(refusal))
            #expect(refusal.description != refusal.name, "\(refusal.name) has no words")
        }
        #expect(Set(Samples.refusals.map(\.name)).count == Samples.refusals.count)
        for effect in Samples.effects {
            try roundTrip(.done(effect))
            try roundTrip(.repeated(effect))
        }
    }

    @Test("A device's record, and the view that reads it in place, hold the same")
    func deviceRecord() throws {
        var record = DeviceRecord(
            secret: SealedSecret("abcdef"),
            name: "Ünit",
            registeredAt: Timestamp(milliseconds: 99)
        )
        try roundTrip(record)
        record.isOpen = true
        record.isExceptedFromRenewal = true
        record.isSecretConfirmed = true
        record.entitlement = Samples.entitlement
        try roundTrip(record)
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        let view = try DeviceView(decoding: buffer.span)
        #expect(view.standing == record.standing)
        let isSecretConfirmed = view.isSecretConfirmed
        #expect(isSecretConfirmed)
        #expect(try view.entitlement == Samples.entitlement)
        #expect(String(ascii: view.sealedSecret) == "abcdef")
        try roundTrip(DeviceRecord(secret: nil, registeredAt: Timestamp(milliseconds: 0)))
    }

    @Test("An import's records encode to bytes and back")
    func importRecords() throws {
        var record = ImportRecord(
            actor: "a", idempotencyKey: nil, run: 7, at: Timestamp(milliseconds: 12))
        try roundTrip(record)
        record = ImportRecord(
            actor: "", idempotencyKey: "k", run: 7, at: Timestamp(milliseconds: 12))
        record.state = .landing
        record.rows = 300
        record.moved = 299
        record.returning = 3
        record.conflict = ImportConflict(line: 300, device: DeviceKey("d")!)
        try roundTrip(record)
        for secret in [SealedSecret("s"), nil] {
            let device = DeviceImport(device: DeviceKey("d")!, secret: secret, name: "n")
            try roundTrip(StagedDeviceRecord(ImportLine(line: 300, device: device)))
        }
    }
}
