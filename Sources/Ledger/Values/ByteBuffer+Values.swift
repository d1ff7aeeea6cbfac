import Bytes
import Storage
import Time

/// How the values of the books are written into commands, events and records;
/// `ByteReader.take…` reads them back.
extension ByteBuffer {
    mutating func append(_ identifier: some Identifier) { append(text: identifier.text) }

    mutating func append(optional identifier: (some Identifier)?) {
        append(optional: identifier) { $0.append($1) }
    }

    mutating func append(_ identity: DeviceIdentity) {
        append(identity.product)
        append(identity.device)
    }

    mutating func append(_ secret: SealedSecret) {
        appendVarint(UInt64(secret.bytes.count))
        append(secret.bytes.span)
    }

    mutating func append(optional secret: SealedSecret?) {
        append(optional: secret) { $0.append($1) }
    }

    mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }

    mutating func append(_ offset: UTCOffset) { appendSignedVarint(Int64(offset.minutes)) }

    mutating func append(_ code: ActivationCode) { appendVarint(code.serial) }

    mutating func append<Case: RawRepresentable<UInt8>>(case value: Case) { append(value.rawValue) }

    /// 32 bytes, without a length.
    mutating func append(_ hash: SecretHash) {
        for byte in hash.bytes { append(byte) }
    }

    /// A number, and a fingerprint without a length.
    mutating func append(_ key: SealingKey) {
        append(key.number)
        append(key.fingerprint.span)
    }

    mutating func append(_ allowance: Allowance) {
        appendVarint(UInt64(allowance.validityDays))
        append(optional: allowance.messagesPerDay) { $0.appendVarint($1) }
        appendVarint(UInt64(allowance.otaPerMonth))
        appendVarint(UInt64(allowance.storageDays))
    }

    mutating func append(_ place: TopUpPlace) {
        append(place.account)
        append(case: place.kind)
        append(place.expiresAt)
        appendVarint(place.id)
    }

    mutating func append(_ lease: TopUpLease) {
        appendVarint(lease.id)
        append(lease.account)
        appendVarint(lease.pack)
        appendVarint(lease.units)
        append(lease.expiresAt)
    }

    mutating func append(_ size: UpgradeSize) { appendVarint(size.bytes) }

    mutating func append(_ entitlement: Entitlement) {
        append(entitlement.code)
        appendVarint(UInt64(entitlement.period))
        append(entitlement.activatedAt)
        append(entitlement.expiresAt)
        append(case: entitlement.cause)
    }
}
