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

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, device, period, expiresAt, cause, dataCentre)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "consumption") {
        case .v1:
            device = try reader.take()
            period = try reader.take()
            expiresAt = try reader.take()
            cause = try reader.take()
            dataCentre = try reader.take()
        }
    }
}

/// Where the history entry is that ends when this index entry's key says.
struct ExpiryRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp

    init(activatedAt: Timestamp) {
        self.activatedAt = activatedAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, activatedAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "expiry") {
        case .v1: activatedAt = try reader.take()
        }
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

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, activatedAt, code)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "period") {
        case .v1: self = try reader.make(Self.init(activatedAt:code:))
        }
    }
}

/// Whose open entitlement it is that ends when this index entry's key says.
struct ExpiringRecord: StorageRecord, Hashable, Sendable {
    let device: DeviceKey

    init(device: DeviceKey) {
        self.device = device
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, device)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "expiring entitlement") {
        case .v1: device = try reader.take()
        }
    }
}
