import Bytes
import Storage

/// Units of all devices of a product on one day.
struct ProductDayTotal: StorageRecord {
    var units: UInt64

    init(units: UInt64) { self.units = units }

    func encode(into buffer: inout ByteBuffer) { buffer.append(units) }

    init(decoding reader: inout ByteReader) throws(StoreError) {
        units = try reader.takeUInt64()
    }
}
