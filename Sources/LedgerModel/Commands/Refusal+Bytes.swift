public import Bytes
public import Encoding

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Refusal: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknownAccount(let account):
            buffer.append(UInt8(1))
            buffer.append(account)
        case .unknownPackage(let package):
            buffer.append(UInt8(2))
            buffer.append(package)
        case .unknownProduct(let product):
            buffer.append(UInt8(3))
            buffer.append(product)
        case .unknownDevice(let identity):
            buffer.append(UInt8(4))
            buffer.append(identity)
        case .unknownKey(let key):
            buffer.append(UInt8(5))
            buffer.append(key)
        case .alreadyExists(let what):
            buffer.append(UInt8(6))
            buffer.append(text: what)
        case .parentIsSubAccount(let account):
            buffer.append(UInt8(7))
            buffer.append(account)
        case .productOfAnotherAccount(let product, let account):
            buffer.append(UInt8(8))
            buffer.append(product)
            buffer.append(account)
        case .nameTooLong(let maximumBytes):
            buffer.append(UInt8(9))
            buffer.appendVarint(UInt64(maximumBytes))
        case .packageMismatch(let product, let given):
            buffer.append(UInt8(10))
            buffer.append(product)
            buffer.append(given)
        case .productHasNoPackage(let product):
            buffer.append(UInt8(11))
            buffer.append(product)
        case .allowanceLowered(let allowance):
            buffer.append(UInt8(12))
            buffer.append(text: allowance)
        default: encodeSecondPart(into: &buffer)
        }
    }

    private func encodeSecondPart(into buffer: inout ByteBuffer) {
        switch self {
        case .quantityOutOfRange(let maximum):
            buffer.append(UInt8(13))
            buffer.appendVarint(maximum)
        case .notEnoughUnassigned(let wanted, let available):
            buffer.append(UInt8(14))
            buffer.appendVarint(wanted)
            buffer.appendVarint(available)
        case .noCodeLeft(let product):
            buffer.append(UInt8(15))
            buffer.append(product)
        case .renewalOff(let identity):
            buffer.append(UInt8(16))
            buffer.append(identity)
        case .deviceDisabled(let identity):
            buffer.append(UInt8(17))
            buffer.append(identity)
        case .entitlementRuns(let until):
            buffer.append(UInt8(18))
            buffer.append(until)
        case .productRenewalOff(let product):
            buffer.append(UInt8(19))
            buffer.append(product)
        case .registrationNotAllowed(let identity):
            buffer.append(UInt8(20))
            buffer.append(identity)
        case .secretInUse(let identity):
            buffer.append(UInt8(21))
            buffer.append(identity)
        case .importRow(let row, let device, let fault):
            buffer.append(UInt8(22))
            buffer.appendVarint(UInt64(row))
            buffer.append(device)
            buffer.append(case: fault)
        case .importTooLarge(let maximumRows):
            buffer.append(UInt8(23))
            buffer.appendVarint(UInt64(maximumRows))
        case .idempotencyKeyReused:
            buffer.append(UInt8(24))
        default: encodeThirdPart(into: &buffer)
        }
    }

    private func encodeThirdPart(into buffer: inout ByteBuffer) {
        switch self {
        case .idempotencyKeyInvalid:
            buffer.append(UInt8(25))
        default: encodeAccounts(into: &buffer)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .unknownAccount(try reader.take(AccountID.self))
            case 2:
                .unknownPackage(try reader.take(PackageID.self))
            case 3:
                .unknownProduct(try reader.take(ProductKey.self))
            case 4:
                .unknownDevice(try reader.takeIdentity())
            case 5:
                .unknownKey(try reader.take(KeyID.self))
            case 6:
                .alreadyExists(what: try reader.takeText())
            case 7:
                .parentIsSubAccount(try reader.take(AccountID.self))
            case 8:
                .productOfAnotherAccount(
                    try reader.take(ProductKey.self),
                    try reader.take(AccountID.self)
                )
            case 9:
                .nameTooLong(maximumBytes: try reader.takeVarint32())
            case 10:
                .packageMismatch(
                    product: try reader.take(PackageID.self),
                    given: try reader.take(PackageID.self)
                )
            case 11:
                .productHasNoPackage(try reader.take(ProductKey.self))
            case 12:
                .allowanceLowered(allowance: try reader.takeText())
            default: try Self.decodeSecondPart(tag, from: &reader)
            }
    }

    @_lifetime(reader: copy reader)
    private static func decodeSecondPart(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Refusal {
        switch tag {
        case 13:
            .quantityOutOfRange(maximum: try reader.takeVarint())
        case 14:
            .notEnoughUnassigned(
                wanted: try reader.takeVarint(),
                available: try reader.takeVarint()
            )
        case 15:
            .noCodeLeft(try reader.take(ProductKey.self))
        case 16:
            .renewalOff(try reader.takeIdentity())
        case 17:
            .deviceDisabled(try reader.takeIdentity())
        case 18:
            .entitlementRuns(until: try reader.takeTimestamp())
        case 19:
            .productRenewalOff(try reader.take(ProductKey.self))
        case 20:
            .registrationNotAllowed(try reader.takeIdentity())
        case 21:
            .secretInUse(try reader.takeIdentity())
        case 22:
            .importRow(
                row: try reader.takeVarint32(),
                device: try reader.take(DeviceKey.self),
                fault: try reader.take(case: ImportFault.self)
            )
        case 23:
            .importTooLarge(maximumRows: try reader.takeVarint32())
        case 24:
            .idempotencyKeyReused
        default: try Self.decodeThirdPart(tag, from: &reader)
        }
    }

    @_lifetime(reader: copy reader)
    private static func decodeThirdPart(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Refusal {
        switch tag {
        case 25:
            .idempotencyKeyInvalid
        default: try Self.decodeAccounts(tag, from: &reader)
        }
    }
}
