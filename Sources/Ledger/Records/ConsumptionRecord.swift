import Bytes
import Storage
import Time

/// The rest of a history entry (rule B10); product, activation date and code are its key.
struct ConsumptionRecord: StorageRecord, Hashable, Sendable {
    let device: DeviceKey
    let period: UInt32
    let expiresAt: Timestamp
    let cause: ActivationCause

    /// Where the device connected (rule B13).
    let dataCentre: DataCentreID

    init(device: DeviceKey, entitlement: Entitlement, dataCentre: DataCentreID) {
        self.device = device
        period = entitlement.period
        expiresAt = entitlement.expiresAt
        cause = entitlement.cause
        self.dataCentre = dataCentre
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(device)
        buffer.appendVarint(UInt64(period))
        buffer.append(expiresAt)
        buffer.append(case: cause)
        buffer.append(dataCentre)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "consumption")
        device = try reader.take(DeviceKey.self)
        period = try reader.takeVarint32()
        expiresAt = try reader.takeTimestamp()
        cause = try reader.take(case: ActivationCause.self)
        dataCentre = try reader.take(DataCentreID.self)
    }
}
