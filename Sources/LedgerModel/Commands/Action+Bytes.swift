public import Bytes
public import Encoding

/// A tag byte, then the parts in order. Tags are never used again for something else.
extension Action: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .createAccount(let newAccount):
            buffer.append(UInt8(1))
            newAccount.encode(into: &buffer)
        case .createPackage(let package, let name, let allowance):
            buffer.append(UInt8(2))
            buffer.append(package)
            buffer.append(text: name)
            buffer.append(allowance)
        case .createProduct(let newProduct):
            buffer.append(UInt8(3))
            newProduct.encode(into: &buffer)
        case .updateProduct(let product, let update):
            buffer.append(UInt8(4))
            buffer.append(product)
            update.encode(into: &buffer)
        case .upgradePackage(let product, let to):
            buffer.append(UInt8(5))
            buffer.append(product)
            buffer.append(to)
        case .deleteProduct(let product):
            buffer.append(UInt8(6))
            buffer.append(product)
        case .purchase(let account, let package, let quantity, let product):
            buffer.append(UInt8(7))
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
        case .assign(let product, let package, let quantity):
            buffer.append(UInt8(8))
            buffer.append(product)
            buffer.append(package)
            buffer.appendVarint(quantity)
        case .importDevices(let product, let imports):
            buffer.append(UInt8(9))
            buffer.append(product)
            buffer.append(list: imports) { $1.encode(into: &$0) }
        case .importing(let action):
            buffer.append(UInt8(45))
            action.encode(into: &buffer)
        case .registerDevice(let identity, let secret):
            buffer.append(UInt8(10))
            buffer.append(identity)
            buffer.append(secret)
        case .activate(let identity, let confirmsSecret, let place):
            buffer.append(UInt8(11))
            buffer.append(identity)
            buffer.append(optional: confirmsSecret) { $0.append($1.value) }
            buffer.append(optional: place)
        case .activateByHand(let identity):
            buffer.append(UInt8(12))
            buffer.append(identity)
        default: encodeSecondPart(into: &buffer)
        }
    }

    private func encodeSecondPart(into buffer: inout ByteBuffer) {
        switch self {
        case .renew(let identity, let place):
            buffer.append(UInt8(13))
            buffer.append(identity)
            buffer.append(optional: place)
        case .endEntitlement(let identity):
            buffer.append(UInt8(14))
            buffer.append(identity)
        case .endExpired(let limit, let graceMilliseconds):
            buffer.append(UInt8(15))
            buffer.appendVarint(UInt64(limit))
            buffer.appendSignedVarint(graceMilliseconds)
        case .setDisabled(let identity, let bool):
            buffer.append(UInt8(16))
            buffer.append(identity)
            buffer.append(bool)
        case .deleteDevice(let identity):
            buffer.append(UInt8(17))
            buffer.append(identity)
        case .setDeviceRenewal(let identity, let bool):
            buffer.append(UInt8(18))
            buffer.append(identity)
            buffer.append(bool)
        case .resetSecret(let identity, let secret):
            buffer.append(UInt8(19))
            buffer.append(identity)
            buffer.append(secret)
        case .confirmSecretUse(let identity, let proven):
            buffer.append(UInt8(20))
            buffer.append(identity)
            buffer.append(proven.value)
        case .createKey(let newKey):
            buffer.append(UInt8(21))
            newKey.encode(into: &buffer)
        case .revokeKey(let key):
            buffer.append(UInt8(22))
            buffer.append(key)
        case .account(let action):
            buffer.append(UInt8(23))
            action.encode(into: &buffer)
        case .topUp(let action):
            buffer.append(UInt8(30))
            action.encode(into: &buffer)
        case .upgrade(let action):
            buffer.append(UInt8(31))
            action.encode(into: &buffer)
        case .adoptSealingKeys(let keys):
            buffer.append(UInt8(55))
            buffer.append(list: keys) { $0.append($1) }
        default: break
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .createAccount(try NewAccount(decoding: &reader))
            case 2:
                .createPackage(
                    try reader.take(PackageID.self),
                    name: try reader.takeText(),
                    try reader.takeAllowance()
                )
            case 3:
                .createProduct(try NewProduct(decoding: &reader))
            case 4:
                .updateProduct(
                    try reader.take(ProductKey.self),
                    try ProductUpdate(decoding: &reader)
                )
            case 5:
                .upgradePackage(
                    try reader.take(ProductKey.self),
                    to: try reader.take(PackageID.self)
                )
            case 6:
                .deleteProduct(try reader.take(ProductKey.self))
            case 7:
                .purchase(
                    try reader.take(AccountID.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint(),
                    product: try reader.takeOptional(ProductKey.self)
                )
            case 8:
                .assign(
                    try reader.take(ProductKey.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint()
                )
            case 9:
                .importDevices(
                    try reader.take(ProductKey.self),
                    try reader.takeList { (reader) throws(MalformedRecord) in
                        try DeviceImport(decoding: &reader)
                    }
                )
            case 10:
                .registerDevice(
                    try reader.takeIdentity(),
                    secret: try reader.takeSealedSecret()
                )
            case 11:
                .activate(
                    try reader.takeIdentity(),
                    confirmsSecret: try reader.takeBool()
                        ? SecretFingerprint(value: try reader.takeUInt64()) : nil,
                    at: try reader.takeOptional(DataCentreID.self)
                )
            case 12:
                .activateByHand(try reader.takeIdentity())
            default: try Self.decodeSecondPart(tag, from: &reader)
            }
    }

    @_lifetime(reader: copy reader)
    private static func decodeSecondPart(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Action {
        switch tag {
        case 45:
            .importing(try ImportAction(decoding: &reader))
        case 13:
            .renew(try reader.takeIdentity(), at: try reader.takeOptional(DataCentreID.self))
        case 14:
            .endEntitlement(try reader.takeIdentity())
        case 15:
            .endExpired(
                limit: try reader.takeVarint32(),
                graceMilliseconds: try reader.takeSignedVarint()
            )
        case 16:
            .setDisabled(
                try reader.takeIdentity(),
                try reader.takeBool()
            )
        case 17:
            .deleteDevice(try reader.takeIdentity())
        case 18:
            .setDeviceRenewal(
                try reader.takeIdentity(),
                try reader.takeBool()
            )
        case 19:
            .resetSecret(
                try reader.takeIdentity(),
                secret: try reader.takeSealedSecret()
            )
        case 20:
            .confirmSecretUse(
                try reader.takeIdentity(),
                SecretFingerprint(value: try reader.takeUInt64())
            )
        case 21:
            .createKey(try NewKey(decoding: &reader))
        case 22:
            .revokeKey(try reader.take(KeyID.self))
        case 23:
            .account(try AccountAction(decoding: &reader))
        case 30:
            .topUp(try TopUpAction(decoding: &reader))
        case 31:
            .upgrade(try UpgradeAction(decoding: &reader))
        case 55:
            .adoptSealingKeys(
                try reader.takeList { (reader) throws(MalformedRecord) in
                    try reader.takeSealingKey()
                }
            )
        default: throw .malformed(what: "action")
        }
    }
}
