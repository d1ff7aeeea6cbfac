import Bytes
import Storage
import Time

/// What `ByteBuffer.append…` wrote; each throws `.malformed` when it is not there.
extension ByteReader {
    @_lifetime(self: copy self)
    mutating func take<Value: Identifier>(_ type: Value.Type) throws(StoreError) -> Value {
        guard let value = Value(utf8: try takeCounted()) else {
            throw .malformed(what: "\(Value.self)")
        }
        return value
    }

    @_lifetime(self: copy self)
    mutating func takeOptional<Value: Identifier>(
        _ type: Value.Type
    ) throws(StoreError) -> Value? {
        try takeBool() ? try take(type) : nil
    }

    @_lifetime(self: copy self)
    mutating func takeIdentity() throws(StoreError) -> DeviceIdentity {
        DeviceIdentity(product: try take(ProductKey.self), device: try take(DeviceKey.self))
    }

    @_lifetime(self: copy self)
    mutating func takeSealedSecret() throws(StoreError) -> SealedSecret {
        guard let secret = SealedSecret([UInt8](copying: try takeCounted())) else {
            throw .malformed(what: "sealed secret")
        }
        return secret
    }

    @_lifetime(self: copy self)
    mutating func takeOptionalSealedSecret() throws(StoreError) -> SealedSecret? {
        try takeBool() ? try takeSealedSecret() : nil
    }

    @_lifetime(self: copy self)
    mutating func takeTimestamp() throws(StoreError) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    @_lifetime(self: copy self)
    mutating func takeOffset() throws(StoreError) -> UTCOffset {
        guard let minutes = Int(exactly: try takeSignedVarint()),
            let offset = UTCOffset(minutes: minutes)
        else { throw .malformed(what: "UTC offset") }
        return offset
    }

    @_lifetime(self: copy self)
    mutating func takeCode() throws(StoreError) -> ActivationCode {
        ActivationCode(serial: try takeVarint())
    }

    @_lifetime(self: copy self)
    mutating func take<Case: RawRepresentable<UInt8>>(case type: Case.Type) throws(StoreError)
        -> Case
    {
        guard let value = Case(rawValue: try takeUInt8()) else {
            throw .malformed(what: "\(Case.self)")
        }
        return value
    }

    /// A varint of at most 32 bits.
    @_lifetime(self: copy self)
    mutating func takeVarint32() throws(StoreError) -> UInt32 {
        guard let value = UInt32(exactly: try takeVarint()) else {
            throw .malformed(what: "32-bit varint")
        }
        return value
    }

    @_lifetime(self: copy self)
    mutating func takeSecretHash() throws(StoreError) -> SecretHash {
        guard let bytes = readBytes(SecretHash.length),
            let hash = SecretHash([UInt8](copying: bytes))
        else { throw .malformed(what: "hash") }
        return hash
    }

    @_lifetime(self: copy self)
    mutating func takeFingerprint() throws(StoreError) -> [UInt8] {
        guard let bytes = readBytes(SealingKey.fingerprintLength) else {
            throw .malformed(what: "fingerprint")
        }
        return [UInt8](copying: bytes)
    }

    @_lifetime(self: copy self)
    mutating func takeSealingKey() throws(StoreError) -> SealingKey {
        let number = try takeUInt8()
        guard let key = SealingKey(number: number, fingerprint: try takeFingerprint()) else {
            throw .malformed(what: "sealing key")
        }
        return key
    }

    @_lifetime(self: copy self)
    mutating func takeOptionalProducts() throws(StoreError) -> [ProductKey]? {
        guard try takeBool() else { return nil }
        return try takeList { (reader) throws(StoreError) in try reader.take(ProductKey.self) }
    }

    @_lifetime(self: copy self)
    mutating func takeAllowance() throws(StoreError) -> Allowance {
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
    mutating func takeTopUpPlace() throws(StoreError) -> TopUpPlace {
        TopUpPlace(
            account: try take(AccountID.self),
            kind: try take(case: TopUpKind.self),
            expiresAt: try takeTimestamp(),
            id: try takeVarint()
        )
    }

    @_lifetime(self: copy self)
    mutating func takeTopUpLease() throws(StoreError) -> TopUpLease {
        TopUpLease(
            id: try takeVarint(),
            account: try take(AccountID.self),
            pack: try takeVarint(),
            units: try takeVarint(),
            expiresAt: try takeTimestamp()
        )
    }

    @_lifetime(self: copy self)
    mutating func takeUpgradeSize() throws(StoreError) -> UpgradeSize {
        guard let size = UpgradeSize(bytes: try takeVarint()) else {
            throw .malformed(what: "upgrade size")
        }
        return size
    }

    @_lifetime(self: copy self)
    mutating func takeMonth() throws(StoreError) -> Month {
        guard let number = Int32(exactly: try takeSignedVarint()) else {
            throw .malformed(what: "month")
        }
        return Month(number: number)
    }

    @_lifetime(self: copy self)
    mutating func takeEntitlement() throws(StoreError) -> Entitlement {
        Entitlement(
            code: try takeCode(),
            period: try takeVarint32(),
            activatedAt: try takeTimestamp(),
            expiresAt: try takeTimestamp(),
            cause: try take(case: ActivationCause.self)
        )
    }
}

extension [UInt8] {
    init(copying bytes: Span<UInt8>) {
        self.init()
        reserveCapacity(bytes.count)
        for index in bytes.indices { append(bytes[index]) }
    }
}
