import Bytes
import Storage

/// Whose open entitlement it is that ends when this index entry's key says.
struct ExpiringRecord: StorageRecord, Hashable, Sendable {
    let device: DeviceKey

    init(device: DeviceKey) {
        self.device = device
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(device)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "expiring entitlement")
        device = try reader.take(DeviceKey.self)
    }
}
