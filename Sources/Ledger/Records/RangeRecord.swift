import Bytes
import Storage

/// How many codes of a batch are unassigned, from the serial they are filed under on.
struct RangeRecord: StorageRecord, Hashable, Sendable {
    let quantity: UInt64

    init(quantity: UInt64) {
        self.quantity = quantity
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(quantity)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "range")
        quantity = try reader.takeVarint()
    }
}
