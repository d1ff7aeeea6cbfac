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

    /// Whose it was when it was consumed, if it was moved since (rule B17).
    let origin: Origin?

    struct Origin: Hashable, Sendable {
        let device: DeviceKey
        let period: UInt32
    }

    init(device: DeviceKey, entitlement: Entitlement, dataCentre: DataCentreID) {
        self.init(
            device: device, period: entitlement.period, expiresAt: entitlement.expiresAt,
            cause: entitlement.cause, dataCentre: dataCentre, origin: nil)
    }

    private init(
        device: DeviceKey, period: UInt32, expiresAt: Timestamp, cause: ActivationCause,
        dataCentre: DataCentreID, origin: Origin?
    ) {
        self.device = device
        self.period = period
        self.expiresAt = expiresAt
        self.cause = cause
        self.dataCentre = dataCentre
        self.origin = origin
    }

    /// The same as another device's period.
    func moved(to device: DeviceKey, period: UInt32) -> ConsumptionRecord {
        ConsumptionRecord(
            device: device, period: period, expiresAt: expiresAt, cause: cause,
            dataCentre: dataCentre,
            origin: origin ?? Origin(device: self.device, period: self.period))
    }

    /// As it was when it was consumed.
    var unmoved: ConsumptionRecord {
        guard let origin else { return self }
        return ConsumptionRecord(
            device: origin.device, period: origin.period, expiresAt: expiresAt, cause: cause,
            dataCentre: dataCentre, origin: nil)
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    /// Few are ever moved: the others are as short as they were.
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            origin == nil ? Version.v1 : Version.v2, device, period, expiresAt, cause, dataCentre)
        if let origin { buffer.append(fields: origin.device, origin.period) }
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "consumption")
        device = try reader.take()
        period = try reader.take()
        expiresAt = try reader.take()
        cause = try reader.take()
        dataCentre = try reader.take()
        switch version {
        case .v1: origin = nil
        case .v2: origin = try reader.make(Origin.init(device:period:))
        }
    }
}

/// A history entry that was taken back (rule A11): the entry as it was; product, code and the number of
/// the correction's event are its key.
struct VoidedConsumptionRecord: StorageRecord, Hashable, Sendable {
    let activatedAt: Timestamp
    let consumption: ConsumptionRecord

    init(activatedAt: Timestamp, consumption: ConsumptionRecord) {
        self.activatedAt = activatedAt
        self.consumption = consumption
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, activatedAt)
        consumption.encode(into: &buffer)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "voided consumption") {
        case .v1:
            activatedAt = try reader.take()
            consumption = try ConsumptionRecord(decoding: &reader)
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
