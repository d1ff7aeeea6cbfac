import Bytes
import Storage
import Time

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

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(digestHigh)
        buffer.append(digestLow)
        buffer.append(at)
        outcome.encode(into: &buffer)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "answer")
        digestHigh = try reader.takeUInt64()
        digestLow = try reader.takeUInt64()
        at = try reader.takeTimestamp()
        outcome = try Outcome(decoding: &reader)
    }
}
