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
