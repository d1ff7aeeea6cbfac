import Bytes
import Storage

/// Units of all devices of a product on one day.
struct ProductDayTotal: StorageRecord {
    /// Those from top-up packs among them.
    var units: UInt64

    /// Units past the devices' allowances, from top-up packs (rule C6).
    var topUp: UInt64

    init(units: UInt64 = 0, topUp: UInt64 = 0) {
        self.units = units
        self.topUp = topUp
    }

    /// Counts what a device's day grew by.
    mutating func add(_ growth: DayUsage) {
        units += UInt64(growth.used) + UInt64(growth.topUp)
        topUp += UInt64(growth.topUp)
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(units)
        buffer.append(topUp)
    }

    init(decoding reader: inout ByteReader) throws(StoreError) {
        units = try reader.takeUInt64()
        topUp = try reader.takeUInt64()
    }
}
