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

/// Where the history entry is that ends when this index entry's key says.
struct ExpiryRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp

    init(activatedAt: Timestamp) {
        self.activatedAt = activatedAt
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(activatedAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "expiry")
        activatedAt = try reader.takeTimestamp()
    }
}

/// A device's past period: where its history entry is. The latest one is in the device's own record.
struct PeriodRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp
    let code: ActivationCode

    init(activatedAt: Timestamp, code: ActivationCode) {
        self.activatedAt = activatedAt
        self.code = code
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(activatedAt)
        buffer.append(code)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "period")
        activatedAt = try reader.takeTimestamp()
        code = try reader.takeCode()
    }
}

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
