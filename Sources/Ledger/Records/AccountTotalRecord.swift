import Bytes
import Storage

/// The codes of an account's products that are at home in one data centre, counted (rules A1 and
/// B13), so that an account is shown without a look at each of its products.
struct AccountTotalRecord: StorageRecord, Hashable {
    /// Consumed, by products that were deleted since, too.
    var used: UInt64 = 0

    /// Left in the pools of products that are there.
    var remaining: UInt64 = 0

    init() {}

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(used)
        buffer.append(remaining)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "account's total")
        used = try reader.takeUInt64()
        remaining = try reader.takeUInt64()
    }
}
