public import Bytes
public import Encoding

/// A tag byte, then the parts in order. Tags are never used again for something else.
extension Change: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .accountCreated(let account, let kind, let parent):
            buffer.append(UInt8(1))
            buffer.append(account)
            buffer.append(case: kind)
            buffer.append(optional: parent)
        case .packageCreated(let package, let allowance):
            buffer.append(UInt8(2))
            buffer.append(package)
            buffer.append(allowance)
        case .productCreated(let product, let account):
            buffer.append(UInt8(3))
            buffer.append(product)
            buffer.append(account)
        case .productUpdated(let product, let update):
            buffer.append(UInt8(4))
            buffer.append(product)
            update.encode(into: &buffer)
        case .packageUpgraded(let product, let from, let to):
            buffer.append(UInt8(5))
            buffer.append(product)
            buffer.append(from)
            buffer.append(to)
        case .productDeleted(let product, let forfeited):
            buffer.append(UInt8(6))
            buffer.append(product)
            buffer.appendVarint(forfeited)
        case .codesBought(let account, let package, let quantity, let product, let first):
            buffer.append(UInt8(7))
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
            buffer.append(first)
        case .codesAssigned(let account, let product, let package, let quantity):
            buffer.append(UInt8(8))
            buffer.append(account)
            buffer.append(product)
            buffer.append(package)
            buffer.appendVarint(quantity)
        default: encodeSecondPart(into: &buffer)
        }
    }

    private func encodeSecondPart(into buffer: inout ByteBuffer) {
        switch self {
        case .devicesImported(let product, let count, let number):
            buffer.append(UInt8(9))
            buffer.append(product)
            buffer.appendVarint(UInt64(count))
            buffer.append(optional: number) { $0.appendVarint($1) }
        case .importBegun(let product):
            buffer.append(UInt8(60))
            buffer.append(product)
        case .importAbandoned(let product, let number):
            buffer.append(UInt8(61))
            buffer.append(product)
            buffer.appendVarint(number)
        case .deviceRegistered(let identity):
            buffer.append(UInt8(10))
            buffer.append(identity)
        case .deviceActivated(let identity, let entitlement, let place):
            buffer.append(UInt8(11))
            buffer.append(identity)
            buffer.append(entitlement)
            buffer.append(place)
        case .entitlementReopened(let identity, let code):
            buffer.append(UInt8(12))
            buffer.append(identity)
            buffer.append(code)
        case .entitlementEnded(let identity, let code):
            buffer.append(UInt8(13))
            buffer.append(identity)
            buffer.append(code)
        case .deviceDisabled(let identity, let bool):
            buffer.append(UInt8(14))
            buffer.append(identity)
            buffer.append(bool)
        case .deviceDeleted(let identity):
            buffer.append(UInt8(15))
            buffer.append(identity)
        case .deviceRenewalSet(let identity, let bool):
            buffer.append(UInt8(16))
            buffer.append(identity)
            buffer.append(bool)
        default: encodeThirdPart(into: &buffer)
        }
    }

    private func encodeThirdPart(into buffer: inout ByteBuffer) {
        switch self {
        case .secretReset(let identity):
            buffer.append(UInt8(17))
            buffer.append(identity)
        case .secretConfirmed(let identity):
            buffer.append(UInt8(18))
            buffer.append(identity)
        case .keyCreated(let key, let role):
            buffer.append(UInt8(19))
            buffer.append(key)
            buffer.append(case: role)
        case .keyRevoked(let key):
            buffer.append(UInt8(20))
            buffer.append(key)
        case .account(let change):
            buffer.append(UInt8(30))
            change.encode(into: &buffer)
        case .codesGranted(let account, let package, let quantity, let product, let first):
            buffer.append(UInt8(31))
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
            buffer.append(first)
        case .topUp(let change):
            buffer.append(UInt8(40))
            change.encode(into: &buffer)
        case .upgrade(let change):
            buffer.append(UInt8(41))
            change.encode(into: &buffer)
        case .sealingKeysAdopted(let numbers):
            buffer.append(UInt8(70))
            buffer.append(list: numbers) { $0.append($1) }
        default: break
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .accountCreated(
                    try reader.take(AccountID.self),
                    kind: try reader.take(case: AccountKind.self),
                    parent: try reader.takeOptional(AccountID.self)
                )
            case 2:
                .packageCreated(
                    try reader.take(PackageID.self),
                    try reader.takeAllowance()
                )
            case 3:
                .productCreated(
                    try reader.take(ProductKey.self),
                    account: try reader.take(AccountID.self)
                )
            case 4:
                .productUpdated(
                    try reader.take(ProductKey.self),
                    try ProductUpdate(decoding: &reader)
                )
            case 5:
                .packageUpgraded(
                    try reader.take(ProductKey.self),
                    from: try reader.take(PackageID.self),
                    to: try reader.take(PackageID.self)
                )
            case 6:
                .productDeleted(
                    try reader.take(ProductKey.self),
                    forfeited: try reader.takeVarint()
                )
            case 7:
                .codesBought(
                    try reader.take(AccountID.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint(),
                    product: try reader.takeOptional(ProductKey.self),
                    first: try reader.takeCode()
                )
            case 8:
                .codesAssigned(
                    try reader.take(AccountID.self),
                    product: try reader.take(ProductKey.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint()
                )
            default: try Self.decodeSecondPart(tag, from: &reader)
            }
    }

    @_lifetime(reader: copy reader)
    private static func decodeSecondPart(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Change {
        switch tag {
        case 9:
            .devicesImported(
                try reader.take(ProductKey.self),
                count: try reader.takeVarint32(),
                import: try reader.takeBool() ? try reader.takeVarint() : nil
            )
        case 10:
            .deviceRegistered(try reader.takeIdentity())
        case 11:
            .deviceActivated(
                try reader.takeIdentity(),
                try reader.takeEntitlement(),
                at: try reader.take(DataCentreID.self)
            )
        case 12:
            .entitlementReopened(
                try reader.takeIdentity(),
                code: try reader.takeCode()
            )
        case 13:
            .entitlementEnded(
                try reader.takeIdentity(),
                code: try reader.takeCode()
            )
        case 14:
            .deviceDisabled(
                try reader.takeIdentity(),
                try reader.takeBool()
            )
        case 15:
            .deviceDeleted(try reader.takeIdentity())
        case 16:
            .deviceRenewalSet(
                try reader.takeIdentity(),
                try reader.takeBool()
            )
        default: try Self.decodeThirdPart(tag, from: &reader)
        }
    }

    @_lifetime(reader: copy reader)
    private static func decodeThirdPart(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Change {
        switch tag {
        case 60:
            .importBegun(try reader.take(ProductKey.self))
        case 61:
            .importAbandoned(
                try reader.take(ProductKey.self),
                import: try reader.takeVarint()
            )
        case 17:
            .secretReset(try reader.takeIdentity())
        case 18:
            .secretConfirmed(try reader.takeIdentity())
        case 19:
            .keyCreated(
                try reader.take(KeyID.self),
                role: try reader.take(case: KeyRole.self)
            )
        case 20:
            .keyRevoked(try reader.take(KeyID.self))
        case 30:
            .account(try AccountChange(decoding: &reader))
        case 31:
            .codesGranted(
                try reader.take(AccountID.self),
                package: try reader.take(PackageID.self),
                quantity: try reader.takeVarint(),
                product: try reader.takeOptional(ProductKey.self),
                first: try reader.takeCode()
            )
        case 40:
            .topUp(try TopUpChange(decoding: &reader))
        case 41:
            .upgrade(try UpgradeChange(decoding: &reader))
        case 70:
            .sealingKeysAdopted(
                try reader.takeList { (reader) throws(MalformedRecord) in try reader.takeUInt8() }
            )
        default: throw .malformed(what: "change")
        }
    }
}
