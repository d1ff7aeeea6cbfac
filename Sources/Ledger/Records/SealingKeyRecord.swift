import Bytes
import Storage
import Time

/// A key that secrets are sealed with, under its number, and since when.
struct SealingKeyRecord: StorageRecord, Hashable, Sendable {
    let fingerprint: [UInt8]
    let adoptedAt: Timestamp

    init(fingerprint: [UInt8], adoptedAt: Timestamp) {
        self.fingerprint = fingerprint
        self.adoptedAt = adoptedAt
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(fingerprint.span)
        buffer.append(adoptedAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "sealing key")
        fingerprint = try reader.takeFingerprint()
        adoptedAt = try reader.takeTimestamp()
    }
}
