import Bytes
import Storage
import Time

/// The one record about the books as a whole.
struct BooksRecord: StorageRecord, Hashable, Sendable {

    /// Number of the newest event; 0 when there is none.
    var lastSequence: UInt64

    /// Serial of the next code to be bought; the first is 1.
    var nextSerial: UInt64

    init(lastSequence: UInt64, nextSerial: UInt64) {
        self.lastSequence = lastSequence
        self.nextSerial = nextSerial
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(lastSequence)
        buffer.append(nextSerial)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "books") {
        case .v1:
            lastSequence = try reader.takeUInt64()
            nextSerial = try reader.takeUInt64()
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
