import Bytes
import Storage
import Time

/// A device's past period: where its history entry is. The latest one is in the device's own record.
struct PeriodRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp
    let code: ActivationCode

    init(activatedAt: Timestamp, code: ActivationCode) {
        self.activatedAt = activatedAt
        self.code = code
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(activatedAt)
        buffer.append(code)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "period")
        activatedAt = try reader.takeTimestamp()
        code = try reader.takeCode()
    }
}
