import Bytes
import Storage

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

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(lastSequence)
        buffer.append(nextSerial)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "books")
        lastSequence = try reader.takeUInt64()
        nextSerial = try reader.takeUInt64()
    }
}
