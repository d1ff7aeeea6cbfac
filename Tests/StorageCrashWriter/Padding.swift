import Bytes
import Storage

/// A kibibyte of nothing, so that a store grows quickly.
struct Padding: StorageRecord {
    init() {}
    init(decoding reader: inout ByteReader) throws(MalformedRecord) {}

    func encode(into buffer: inout ByteBuffer) {
        for _ in 0..<128 { buffer.append(UInt64(0)) }
    }
}

/// One number.
struct Number: StorageRecord {
    var value: Int64

    init(value: Int64) { self.value = value }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        value = try reader.takeSignedVarint()
    }

    func encode(into buffer: inout ByteBuffer) { buffer.appendSignedVarint(value) }
}
