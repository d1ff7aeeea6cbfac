import Bytes
import Storage
import Time

/// Neighbouring codes that came to a product at once: it consumes its lots first in, first out (A9).
struct LotRecord: StorageRecord, Hashable, Sendable {
    let first: ActivationCode
    let quantity: UInt64
    let package: PackageID
    let at: Timestamp

    init(first: ActivationCode, quantity: UInt64, package: PackageID, at: Timestamp) {
        self.first = first
        self.quantity = quantity
        self.package = package
        self.at = at
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(first)
        buffer.appendVarint(quantity)
        buffer.append(package)
        buffer.append(at)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "lot")
        first = try reader.takeCode()
        quantity = try reader.takeVarint()
        package = try reader.take(PackageID.self)
        at = try reader.takeTimestamp()
    }
}
