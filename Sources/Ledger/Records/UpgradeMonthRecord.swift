import Bytes
import Storage

/// How many attempts of a device's monthly allowance are used (rule D2).
struct UpgradeMonthRecord: StorageRecord, Hashable, Sendable {
    let used: UInt64

    init(used: UInt64) { self.used = used }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(used)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "upgrade month")
        used = try reader.takeVarint()
    }
}
