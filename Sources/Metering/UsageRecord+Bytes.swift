public import Bytes
public import Storage
import Time

extension UsageRecord: StorageRecord {
    private static var version: UInt8 { 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.version)
        buffer.append(UInt64(bitPattern: seenAt.milliseconds))
        buffer.append(list: days) { buffer, usage in
            buffer.appendSignedVarint(Int64(usage.day.number))
            // The notice is the lowest bit.
            buffer.appendVarint(UInt64(usage.used) << 1 | (usage.isNoticed ? 1 : 0))
            buffer.appendVarint(UInt64(usage.topUp))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        guard try reader.takeUInt8() == Self.version else {
            throw .malformed(what: "device usage")
        }
        let seenAt = Timestamp(milliseconds: Int64(bitPattern: try reader.takeUInt64()))
        let days = try reader.takeList { reader throws(MalformedRecord) in
            guard let day = Int32(exactly: try reader.takeSignedVarint()) else {
                throw .malformed(what: "day of device usage")
            }
            let bits = try reader.takeVarint()
            guard let used = UInt32(exactly: bits >> 1) else {
                throw .malformed(what: "count of device usage")
            }
            guard let topUp = UInt32(exactly: try reader.takeVarint()) else {
                throw .malformed(what: "top-up of device usage")
            }
            return DayUsage(
                day: Day(number: day),
                used: used,
                topUp: topUp,
                isNoticed: bits & 1 == 1
            )
        }
        self.init(days: days, seenAt: seenAt)
    }
}
