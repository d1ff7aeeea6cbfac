import Bytes
import Storage
import Time

/// A lease that its holder has not settled (rule C6).
struct LeaseRecord: StorageRecord, Hashable, Sendable {
    let pack: TopUpPlace
    let holder: LeaseHolder
    let units: UInt64
    let at: Timestamp

    init(pack: TopUpPlace, holder: LeaseHolder, units: UInt64, at: Timestamp) {
        self.pack = pack
        self.holder = holder
        self.units = units
        self.at = at
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(pack)
        buffer.append(holder)
        buffer.appendVarint(units)
        buffer.append(at)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "lease")
        pack = try reader.takeTopUpPlace()
        holder = try reader.take(LeaseHolder.self)
        units = try reader.takeVarint()
        at = try reader.takeTimestamp()
    }
}
