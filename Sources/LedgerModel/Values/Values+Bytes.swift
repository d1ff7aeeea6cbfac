package import Bytes
package import Encoding
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

/// What `ByteBuffer.append…` wrote; each throws `.malformed` when it is not there.
extension ByteReader {
    @_lifetime(self: copy self)
    package mutating func take<Value: Identifier>(_ type: Value.Type) throws(MalformedRecord)
        -> Value
    {
        guard let value = Value(utf8: try takeCounted()) else {
            throw .malformed(what: "\(Value.self)")
        }
        return value
    }

    @_lifetime(self: copy self)
    package mutating func takeOptional<Value: Identifier>(
        _ type: Value.Type
    ) throws(MalformedRecord) -> Value? {
        try takeBool() ? try take(type) : nil
    }

    @_lifetime(self: copy self)
    package mutating func takeIdentity() throws(MalformedRecord) -> DeviceIdentity {
        DeviceIdentity(product: try take(ProductKey.self), device: try take(DeviceKey.self))
    }

    @_lifetime(self: copy self)
    package mutating func takeSealedSecret() throws(MalformedRecord) -> SealedSecret {
        guard let secret = SealedSecret(try takeCounted().bytesArray) else {
            throw .malformed(what: "sealed secret")
        }
        return secret
    }

    @_lifetime(self: copy self)
    package mutating func takeOptionalSealedSecret() throws(MalformedRecord) -> SealedSecret? {
        try takeBool() ? try takeSealedSecret() : nil
    }

    @_lifetime(self: copy self)
    package mutating func takeTimestamp() throws(MalformedRecord) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    @_lifetime(self: copy self)
    package mutating func takeOffset() throws(MalformedRecord) -> UTCOffset {
        guard let minutes = Int(exactly: try takeSignedVarint()),
            let offset = UTCOffset(minutes: minutes)
        else { throw .malformed(what: "UTC offset") }
        return offset
    }

    @_lifetime(self: copy self)
    package mutating func takeCode() throws(MalformedRecord) -> ActivationCode {
        ActivationCode(serial: try takeVarint())
    }

    @_lifetime(self: copy self)
    package mutating func take<Case: RawRepresentable<UInt8>>(case type: Case.Type)
        throws(MalformedRecord)
        -> Case
    {
        guard let value = Case(rawValue: try takeUInt8()) else {
            throw .malformed(what: "\(Case.self)")
        }
        return value
    }

    /// The byte that says which case of `what` follows.
    @_lifetime(self: copy self)
    mutating func take<Tag: RawRepresentable<UInt8>>(
        tag type: Tag.Type,
        of what: StaticString
    ) throws(MalformedRecord) -> Tag {
        guard let tag = Tag(rawValue: try takeUInt8()) else {
            throw .malformed(what: "\(what)")
        }
        return tag
    }

    /// A varint of at most 32 bits.
    @_lifetime(self: copy self)
    package mutating func takeVarint32() throws(MalformedRecord) -> UInt32 {
        guard let value = UInt32(exactly: try takeVarint()) else {
            throw .malformed(what: "32-bit varint")
        }
        return value
    }

    @_lifetime(self: copy self)
    package mutating func takeSecretHash() throws(MalformedRecord) -> SecretHash {
        guard let bytes = readBytes(SecretHash.length),
            let hash = SecretHash(bytes.bytesArray)
        else { throw .malformed(what: "hash") }
        return hash
    }

    @_lifetime(self: copy self)
    package mutating func takeFingerprint() throws(MalformedRecord) -> [UInt8] {
        guard let bytes = readBytes(SealingKey.fingerprintLength) else {
            throw .malformed(what: "fingerprint")
        }
        return bytes.bytesArray
    }

    @_lifetime(self: copy self)
    package mutating func takeSealingKey() throws(MalformedRecord) -> SealingKey {
        let number = try takeUInt8()
        guard let key = SealingKey(number: number, fingerprint: try takeFingerprint()) else {
            throw .malformed(what: "sealing key")
        }
        return key
    }

    @_lifetime(self: copy self)
    package mutating func takeOptionalProducts() throws(MalformedRecord) -> [ProductKey]? {
        guard try takeBool() else { return nil }
        return try takeList { (reader) throws(MalformedRecord) in try reader.take(ProductKey.self) }
    }

    @_lifetime(self: copy self)
    package mutating func takeAllowance() throws(MalformedRecord) -> Allowance {
        let validityDays = try takeVarint32()
        let messagesPerDay: UInt64? = try takeBool() ? try takeVarint() : nil
        guard
            let allowance = Allowance(
                validityDays: validityDays,
                messagesPerDay: messagesPerDay,
                otaPerMonth: try takeVarint32(),
                storageDays: try takeVarint32()
            )
        else { throw .malformed(what: "allowance") }
        return allowance
    }

    @_lifetime(self: copy self)
    package mutating func takeTopUpPlace() throws(MalformedRecord) -> TopUpPlace {
        TopUpPlace(
            account: try take(AccountID.self),
            kind: try take(case: TopUpKind.self),
            expiresAt: try takeTimestamp(),
            id: try takeVarint()
        )
    }

    @_lifetime(self: copy self)
    package mutating func takeTopUpLease() throws(MalformedRecord) -> TopUpLease {
        TopUpLease(
            id: try takeVarint(),
            account: try take(AccountID.self),
            pack: try takeVarint(),
            units: try takeVarint(),
            expiresAt: try takeTimestamp()
        )
    }

    @_lifetime(self: copy self)
    package mutating func takeUpgradeSize() throws(MalformedRecord) -> UpgradeSize {
        guard let size = UpgradeSize(bytes: try takeVarint()) else {
            throw .malformed(what: "upgrade size")
        }
        return size
    }

    @_lifetime(self: copy self)
    package mutating func takeMonth() throws(MalformedRecord) -> Month {
        guard let number = Int32(exactly: try takeSignedVarint()) else {
            throw .malformed(what: "month")
        }
        return Month(number: number)
    }

    @_lifetime(self: copy self)
    package mutating func takeEntitlement() throws(MalformedRecord) -> Entitlement {
        Entitlement(
            code: try takeCode(),
            period: try takeVarint32(),
            activatedAt: try takeTimestamp(),
            expiresAt: try takeTimestamp(),
            cause: try take(case: ActivationCause.self)
        )
    }
}
