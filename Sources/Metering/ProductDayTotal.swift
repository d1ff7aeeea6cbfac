import Bytes
import Storage

/// Units of all devices of a product on one day.
struct ProductDayTotal: StorageRecord, Equatable {
    /// Those that their allowances covered.
    var used: UInt64

    /// Those past their allowances, from top-up packs (rule C6).
    var topUp: UInt64

    init(used: UInt64 = 0, topUp: UInt64 = 0) {
        self.used = used
        self.topUp = topUp
    }

    /// Counts what a device's day grew by.
    mutating func add(_ growth: DayUsage) {
        used += UInt64(growth.used)
        topUp += UInt64(growth.topUp)
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(used)
        buffer.append(topUp)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        used = try reader.takeUInt64()
        topUp = try reader.takeUInt64()
    }
}
