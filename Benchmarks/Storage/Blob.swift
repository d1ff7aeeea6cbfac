import Bytes
import Storage

/// A record of 96 bytes.
struct Blob: StorageRecord {
    static let count = 96

    init() {}
    init(decoding reader: inout ByteReader) throws(MalformedRecord) {}

    func encode(into buffer: inout ByteBuffer) {
        for _ in 0..<Self.count / 8 { buffer.append(UInt64(0x5555_5555_5555_5555)) }
    }
}
