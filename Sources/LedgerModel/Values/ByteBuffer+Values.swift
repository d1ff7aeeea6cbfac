package import Bytes
import Encoding
package import Time

/// How the values of the books are written into commands, events and records;
/// `ByteReader.take…` reads them back.
extension ByteBuffer {
    package mutating func append(_ identifier: some Identifier) { append(text: identifier.text) }

    package mutating func append(optional identifier: (some Identifier)?) {
        append(optional: identifier) { $0.append($1) }
    }

    package mutating func append(_ identity: DeviceIdentity) {
        append(identity.product)
        append(identity.device)
    }

    package mutating func append(_ secret: SealedSecret) {
        appendVarint(UInt64(secret.bytes.count))
        append(secret.bytes.span)
    }

    package mutating func append(optional secret: SealedSecret?) {
        append(optional: secret) { $0.append($1) }
    }

    package mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }

    package mutating func append(_ offset: UTCOffset) { appendSignedVarint(Int64(offset.minutes)) }

    package mutating func append(_ code: ActivationCode) { appendVarint(code.serial) }

    package mutating func append<Case: RawRepresentable<UInt8>>(case value: Case) {
        append(value.rawValue)
    }

    /// 32 bytes, without a length.
    package mutating func append(_ hash: SecretHash) {
        for byte in hash.bytes { append(byte) }
    }

    /// A number, and a fingerprint without a length.
    package mutating func append(_ key: SealingKey) {
        append(key.number)
        append(key.fingerprint.span)
    }

    package mutating func append(_ allowance: Allowance) {
        appendVarint(UInt64(allowance.validityDays))
        append(optional: allowance.messagesPerDay) { $0.appendVarint($1) }
        appendVarint(UInt64(allowance.otaPerMonth))
        appendVarint(UInt64(allowance.storageDays))
    }

    package mutating func append(_ place: TopUpPlace) {
        append(place.account)
        append(case: place.kind)
        append(place.expiresAt)
        appendVarint(place.id)
    }

    package mutating func append(_ lease: TopUpLease) {
        appendVarint(lease.id)
        append(lease.account)
        appendVarint(lease.pack)
        appendVarint(lease.units)
        append(lease.expiresAt)
    }

    package mutating func append(_ size: UpgradeSize) { appendVarint(size.bytes) }

    package mutating func append(_ entitlement: Entitlement) {
        append(entitlement.code)
        appendVarint(UInt64(entitlement.period))
        append(entitlement.activatedAt)
        append(entitlement.expiresAt)
        append(case: entitlement.cause)
    }
}
