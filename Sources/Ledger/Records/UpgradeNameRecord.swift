import Bytes
import Storage

/// Which upgrade was requested with the event that this index entry's key says.
struct UpgradeNameRecord: StorageRecord, Hashable, Sendable {
    let id: UpgradeID

    init(id: UpgradeID) { self.id = id }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(id)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "upgrade name")
        id = try reader.take(UpgradeID.self)
    }
}
