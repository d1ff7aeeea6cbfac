import Bytes
import Storage

/// One number.
struct SequenceRecord: StorageRecord, Equatable {
    var value: UInt64

    init(_ value: UInt64) { self.value = value }

    func encode(into buffer: inout ByteBuffer) { buffer.append(value) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        value = try reader.takeUInt64()
        try reader.requireEnd(of: "number")
    }
}
