public import Bytes
import Ledger
public import Storage
import Time

/// A product's day in the usage store.
struct ProductDayKey: StorageKey, Hashable {
    let product: ProductKey
    let day: Day

    init(_ product: ProductKey, _ day: Day) {
        self.product = product
        self.day = day
    }

    func encode(into writer: inout KeyWriter) {
        writer.append(text: product.text)
        writer.append(Int64(day.number))
    }

    init?(decoding reader: inout ByteReader) {
        guard let product = reader.readKeyText().flatMap({ ProductKey($0) }),
            let number = Int64(decoding: &reader)
        else { return nil }
        self.init(product, Day(number: Int32(truncatingIfNeeded: number)))
    }
}

/// Units of all devices of a product on one day.
struct ProductDayTotal: StorageRecord {
    var units: UInt64

    func encode(into buffer: inout ByteBuffer) { buffer.append(units) }

    init(units: UInt64) { self.units = units }

    init(decoding reader: inout ByteReader) throws(StoreError) {
        units = try reader.takeUInt64()
    }
}

extension UsageRecord: StorageRecord {
    private static var version: UInt8 { 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.version)
        buffer.append(UInt64(bitPattern: seenAt.milliseconds))
        buffer.append(optional: noticedDay) { $0.appendSignedVarint(Int64($1.number)) }
        buffer.append(list: days) { buffer, usage in
            buffer.appendSignedVarint(Int64(usage.day.number))
            buffer.appendVarint(UInt64(usage.used))
        }
    }

    public init(decoding reader: inout ByteReader) throws(StoreError) {
        guard try reader.takeUInt8() == Self.version else {
            throw .malformed(what: "device usage")
        }
        let seenAt = Timestamp(milliseconds: Int64(bitPattern: try reader.takeUInt64()))
        let noticedDay = try reader.takeOptional { reader throws(StoreError) in
            Day(number: Int32(truncatingIfNeeded: try reader.takeSignedVarint()))
        }
        let days = try reader.takeList { reader throws(StoreError) in
            DayUsage(
                day: Day(number: Int32(truncatingIfNeeded: try reader.takeSignedVarint())),
                used: UInt32(truncatingIfNeeded: try reader.takeVarint())
            )
        }
        self.init(days: days, noticedDay: noticedDay, seenAt: seenAt)
    }
}
