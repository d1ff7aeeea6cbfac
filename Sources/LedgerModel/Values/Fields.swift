package import Bytes
package import Encoding
package import Time

/// A value inside of commands, changes and records, without a version of its own.
///
/// A number is a varint; a text or a list has its length before it; an optional value is 0, or 1 and
/// the value; an enumeration is one byte.
package protocol RecordField {
    func encode(into buffer: inout ByteBuffer)

    /// Reads what `encode` wrote; throws when the bytes are not that.
    init(from reader: inout ByteReader) throws(MalformedRecord)
}

extension ByteBuffer {
    /// The fields in order, one behind the other.
    package mutating func append<each Field: RecordField>(fields field: repeat each Field) {
        repeat (each field).encode(into: &self)
    }

    /// A record: its version, then its fields in order.
    package mutating func append<First: RecordField, each Field: RecordField>(
        _ version: some RecordVersion,
        _ first: First,
        _ field: repeat each Field
    ) {
        append(version)
        first.encode(into: &self)
        repeat (each field).encode(into: &self)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func take<Field: RecordField>(
        _ type: Field.Type = Field.self
    ) throws(MalformedRecord) -> Field {
        try Field(from: &self)
    }

    /// What `initializer` makes of the fields that it takes, in order.
    @_lifetime(self: copy self)
    package mutating func make<each Field: RecordField, Value>(
        _ initializer: (repeat each Field) -> Value
    ) throws(MalformedRecord) -> Value {
        initializer(repeat try (each Field)(from: &self))
    }

    @_lifetime(self: copy self)
    package mutating func takeFingerprint() throws(MalformedRecord) -> [UInt8] {
        guard let bytes = readBytes(SealingKey.fingerprintLength) else {
            throw .malformed(what: "fingerprint")
        }
        return bytes.bytesArray
    }
}

// MARK: - Numbers, texts, lists

extension Bool: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(self) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeBool()
    }
}

/// As it is.
extension UInt8: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(self) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeUInt8()
    }
}

extension UInt32: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.appendVarint(UInt64(self)) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let value = UInt32(exactly: try reader.takeVarint()) else {
            throw .malformed(what: "32-bit varint")
        }
        self = value
    }
}

extension UInt64: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.appendVarint(self) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeVarint()
    }
}

extension Int64: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.appendSignedVarint(self) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeSignedVarint()
    }
}

extension String: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: self) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeText()
    }
}

extension Optional: RecordField where Wrapped: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: self) { $1.encode(into: &$0) }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeBool() ? try Wrapped(from: &reader) : nil
    }
}

extension Array: RecordField where Element: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(list: self) { $1.encode(into: &$0) }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.takeList { (reader) throws(MalformedRecord) in try Element(from: &reader)
        }
    }
}

extension RecordField where Self: RawRepresentable<UInt8> {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(rawValue) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let value = Self(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "\(Self.self)")
        }
        self = value
    }
}

/// A record inside of another one has its version with it.
extension RecordField where Self: StorageRecord {
    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        try self.init(decoding: &reader)
    }
}

// MARK: - Names

extension RecordField where Self: Identifier {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: text) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let name = Self(utf8: try reader.takeCounted()) else {
            throw .malformed(what: "\(Self.self)")
        }
        self = name
    }
}

extension AccountID: RecordField {}
extension DataCentreID: RecordField {}
extension DeviceKey: RecordField {}
extension EmailAddress: RecordField {}
extension EventKind: RecordField {}
extension KeyID: RecordField {}
extension LeaseHolder: RecordField {}
extension NodeName: RecordField {}
extension PackageID: RecordField {}
extension ProductKey: RecordField {}
extension UpgradeID: RecordField {}
extension UplinkStream: RecordField {}
extension TokenKeyID: RecordField {}
extension WebhookID: RecordField {}
extension AuthorityID: RecordField {}
extension CertificateFingerprint: RecordField {}

/// Its bytes, with their number before them.
extension AuthorityNumber: RecordField {
    package func encode(into buffer: inout ByteBuffer) { bytes.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let number = AuthorityNumber(try reader.takeCounted().bytesArray) else {
            throw .malformed(what: "authority's number")
        }
        self = number
    }
}

extension RevocationList: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: number, thisUpdate, nextUpdate, serials)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make {
            (
                number: AuthorityNumber?, thisUpdate: Timestamp, nextUpdate: Timestamp?,
                serials: [AuthorityNumber]
            ) in
            RevocationList(
                number: number, thisUpdate: thisUpdate, nextUpdate: nextUpdate, serials: serials)
        }
    }
}

extension WebhookURL: RecordField {
    package func encode(into buffer: inout ByteBuffer) { text.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let url = WebhookURL(try reader.take(String.self)) else {
            throw .malformed(what: "webhook's URL")
        }
        self = url
    }
}

extension DeviceIdentity: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: product, device) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(product:device:))
    }
}

// MARK: - Time

extension Timestamp: RecordField {
    package func encode(into buffer: inout ByteBuffer) { milliseconds.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self.init(milliseconds: try reader.take())
    }
}

extension UTCOffset: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.appendSignedVarint(Int64(minutes))
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let minutes = Int(exactly: try reader.takeSignedVarint()),
            let offset = UTCOffset(minutes: minutes)
        else { throw .malformed(what: "UTC offset") }
        self = offset
    }
}

extension Month: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.appendSignedVarint(Int64(number)) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let number = Int32(exactly: try reader.takeSignedVarint()) else {
            throw .malformed(what: "month")
        }
        self.init(number: number)
    }
}

// MARK: - Secrets

extension SealedSecret: RecordField {
    package func encode(into buffer: inout ByteBuffer) { bytes.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let secret = SealedSecret(try reader.takeCounted().bytesArray) else {
            throw .malformed(what: "sealed secret")
        }
        self = secret
    }
}

/// Eight bytes.
extension SecretFingerprint: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(value) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self.init(value: try reader.takeUInt64())
    }
}

/// A number, and a fingerprint without a length.
extension SealingKey: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(number)
        buffer.append(fingerprint.span)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let number = try reader.takeUInt8()
        guard let key = SealingKey(number: number, fingerprint: try reader.takeFingerprint()) else {
            throw .malformed(what: "sealing key")
        }
        self = key
    }
}

// MARK: - Codes

extension ActivationCode: RecordField {
    package func encode(into buffer: inout ByteBuffer) { serial.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self.init(serial: try reader.take())
    }
}

extension Allowance: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: validityDays, messagesPerDay, otaPerMonth, storageDays)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let allowance = try reader.make(
            Self.init(validityDays:messagesPerDay:otaPerMonth:storageDays:))
        guard let allowance else { throw .malformed(what: "allowance") }
        self = allowance
    }
}

extension FreeCodeTerms: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: policy, package, allowance)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(policy:package:allowance:))
    }
}

extension Entitlement: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: code, period, activatedAt, expiresAt, cause)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(code:period:activatedAt:expiresAt:cause:))
    }
}
