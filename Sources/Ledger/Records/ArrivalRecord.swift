import Bytes
import Storage
import Time

/// A row of an import in chunks, until it lands: the device as the file has it.
struct ArrivalRecord: StorageRecord, Hashable, Sendable {
    /// Where it is in the file.
    let line: UInt64
    let secret: SealedSecret?
    let name: String

    init(_ row: ImportLine) {
        line = row.line
        secret = row.device.secret
        name = row.device.name
    }

    /// The device's record once the import was committed at `time`; `old` is what a deleted device
    /// has left behind (rule B8).
    func record(registeredAt time: Timestamp, after old: DeviceRecord?) -> DeviceRecord {
        DeviceRecord(secret: secret, name: name, registeredAt: time).keepingEntitlement(of: old)
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(line)
        buffer.append(optional: secret)
        buffer.append(text: name)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "arrival")
        line = try reader.takeVarint()
        secret = try reader.takeOptionalSealedSecret()
        name = try reader.takeText()
    }
}
