import Bytes
import Storage
import Time

/// Where the history entry is that ends when this index entry's key says.
struct ExpiryRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp

    init(activatedAt: Timestamp) {
        self.activatedAt = activatedAt
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(activatedAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "expiry")
        activatedAt = try reader.takeTimestamp()
    }
}
