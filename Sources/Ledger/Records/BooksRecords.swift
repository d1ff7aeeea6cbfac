import Bytes
import Storage
import Time

/// The one record about the books as a whole.
struct BooksRecord: StorageRecord, Hashable, Sendable {

    /// Number of the newest event; 0 when there is none.
    var lastSequence: UInt64

    /// Serial of the next code to be bought; the first is 1.
    var nextSerial: UInt64

    /// How far time has come, as far as the books are sure (rule B16); `nil` until a gateway says that
    /// clocks are looked at.
    var knownTime: Timestamp?

    /// How far ahead of that a clock may be; means nothing without it.
    var clockAheadMilliseconds: UInt64 = 0

    init(lastSequence: UInt64, nextSerial: UInt64) {
        self.lastSequence = lastSequence
        self.nextSerial = nextSerial
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    /// Of one size, whatever it says: each event writes it.
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2)
        buffer.append(lastSequence)
        buffer.append(nextSerial)
        buffer.append(knownTime != nil)
        buffer.append(UInt64(bitPattern: knownTime?.milliseconds ?? 0))
        buffer.append(clockAheadMilliseconds)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "books")
        lastSequence = try reader.takeUInt64()
        nextSerial = try reader.takeUInt64()
        switch version {
        case .v1: break
        case .v2:
            let isKnown = try reader.takeBool()
            let milliseconds = Int64(bitPattern: try reader.takeUInt64())
            knownTime = isKnown ? Timestamp(milliseconds: milliseconds) : nil
            clockAheadMilliseconds = try reader.takeUInt64()
        }
    }
}

/// A key that secrets are sealed with, under its number, and since when.
struct SealingKeyRecord: StorageRecord, Hashable, Sendable {
    let fingerprint: [UInt8]
    let adoptedAt: Timestamp

    init(fingerprint: [UInt8], adoptedAt: Timestamp) {
        self.fingerprint = fingerprint
        self.adoptedAt = adoptedAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(fingerprint.span)
        buffer.append(fields: adoptedAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "sealing key") {
        case .v1:
            fingerprint = try reader.takeFingerprint()
            adoptedAt = try reader.take()
        }
    }
}

/// What an idempotency key stands for (rule A8): the action, digested, and what it was answered.
struct AnswerRecord: StorageRecord, Hashable, Sendable {
    let digestHigh: UInt64
    let digestLow: UInt64
    let at: Timestamp
    let outcome: Outcome

    init(digestHigh: UInt64, digestLow: UInt64, at: Timestamp, outcome: Outcome) {
        self.digestHigh = digestHigh
        self.digestLow = digestLow
        self.at = at
        self.outcome = outcome
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(digestHigh)
        buffer.append(digestLow)
        buffer.append(fields: at, outcome)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "answer") {
        case .v1:
            digestHigh = try reader.takeUInt64()
            digestLow = try reader.takeUInt64()
            at = try reader.take()
            outcome = try reader.take()
        }
    }
}

/// What accounts and products may have (rule A12), as the gateway has said last.
struct LimitsRecord: StorageRecord, Hashable, Sendable {
    let limits: BooksLimits

    init(limits: BooksLimits) { self.limits = limits }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, limits)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "limits") {
        case .v1: limits = try reader.take()
        }
    }
}

/// How many devices of a product have registered themselves on its latest day with any (rule A12).
struct RegistrationsRecord: StorageRecord, Hashable, Sendable {
    let day: Day
    var count: UInt64

    init(day: Day, count: UInt64) {
        self.day = day
        self.count = count
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, Int64(day.number), count)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "registrations") {
        case .v1:
            guard let number = Int32(exactly: try reader.take(Int64.self)) else {
                throw .malformed(what: "day")
            }
            day = Day(number: number)
            count = try reader.take()
        }
    }
}

/// What a client was answered (rule A8), as it was written to it, but for secrets.
struct DocumentRecord: StorageRecord, Hashable, Sendable {
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, bytes)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "answer's document") {
        case .v1: bytes = try reader.take()
        }
    }
}
