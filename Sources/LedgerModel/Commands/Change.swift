public import Bytes
public import Encoding

/// A fact about the books, as the event log keeps it (rule E3). It holds no secret.
public enum Change: Hashable, Sendable {
    case accountCreated(AccountID, kind: AccountKind, parent: AccountID?)
    case account(AccountChange)
    case packageCreated(PackageID, Allowance)
    case productCreated(ProductKey, account: AccountID)
    case productUpdated(ProductKey, ProductUpdate)
    case packageUpgraded(ProductKey, from: PackageID, to: PackageID)

    /// `forfeited`: how many unconsumed codes went with it (rule B9).
    case productDeleted(ProductKey, forfeited: UInt64)

    /// `first` and the `quantity - 1` serials after it are the batch (rule A9).
    case codesBought(
        AccountID,
        package: PackageID,
        quantity: UInt64,
        product: ProductKey?,
        first: ActivationCode
    )

    /// Free codes (rule A7); `first` as above.
    case codesGranted(
        AccountID,
        package: PackageID,
        quantity: UInt64,
        product: ProductKey?,
        first: ActivationCode
    )
    case codesAssigned(AccountID, product: ProductKey, package: PackageID, quantity: UInt64)

    /// All at once; `import` names an import in chunks, and is `nil` when it was one command.
    case devicesImported(ProductKey, count: UInt32, import: UInt64?)

    /// Its number is the event's.
    case importBegun(ProductKey)
    case importAbandoned(ProductKey, import: UInt64)
    case deviceRegistered(DeviceIdentity)

    /// `at` is where the device connected (rule B13), the product's home if an operator's hand did it.
    case deviceActivated(DeviceIdentity, Entitlement, at: DataCentreID)

    /// It was counted as ended, and runs: the device came back with a clock that stepped back.
    case entitlementReopened(DeviceIdentity, code: ActivationCode)
    case entitlementEnded(DeviceIdentity, code: ActivationCode)
    case deviceDisabled(DeviceIdentity, Bool)
    case deviceDeleted(DeviceIdentity)
    case deviceRenewalSet(DeviceIdentity, Bool)
    case secretReset(DeviceIdentity)
    case secretConfirmed(DeviceIdentity)
    case topUp(TopUpChange)
    case upgrade(UpgradeChange)
    case keyCreated(KeyID, role: KeyRole)
    case keyRevoked(KeyID)

    /// The numbers of keys that secrets are sealed with from here on.
    case sealingKeysAdopted([UInt8])

    /// Its name in the API.
    public var name: String {
        switch self {
        case .accountCreated: "account-created"
        case .account(let change): change.name
        case .packageCreated: "package-created"
        case .productCreated: "product-created"
        case .productUpdated: "product-updated"
        case .packageUpgraded: "package-upgraded"
        case .productDeleted: "product-deleted"
        case .codesBought: "codes-bought"
        case .codesGranted: "codes-granted"
        case .codesAssigned: "codes-assigned"
        case .devicesImported: "devices-imported"
        case .importBegun: "import-begun"
        case .importAbandoned: "import-abandoned"
        case .deviceRegistered: "device-registered"
        case .deviceActivated: "device-activated"
        case .entitlementReopened: "entitlement-reopened"
        case .entitlementEnded: "entitlement-ended"
        case .deviceDisabled: "device-disabled"
        case .deviceDeleted: "device-deleted"
        case .deviceRenewalSet: "device-renewal-set"
        case .secretReset: "secret-reset"
        case .secretConfirmed: "secret-confirmed"
        case .topUp(let change): change.name
        case .upgrade(let change): change.name
        case .keyCreated: "key-created"
        case .keyRevoked: "key-revoked"
        case .sealingKeysAdopted: "sealing-keys-adopted"
        }
    }
}

/// A tag byte, then the parts in order.
extension Change: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case accountCreated = 1
        case packageCreated = 2
        case productCreated = 3
        case productUpdated = 4
        case packageUpgraded = 5
        case productDeleted = 6
        case codesBought = 7
        case codesAssigned = 8
        case devicesImported = 9
        case deviceRegistered = 10
        case deviceActivated = 11
        case entitlementReopened = 12
        case entitlementEnded = 13
        case deviceDisabled = 14
        case deviceDeleted = 15
        case deviceRenewalSet = 16
        case secretReset = 17
        case secretConfirmed = 18
        case keyCreated = 19
        case keyRevoked = 20
        case account = 30
        case codesGranted = 31
        case topUp = 40
        case upgrade = 41
        case importBegun = 60
        case importAbandoned = 61
        case sealingKeysAdopted = 70
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .accountCreated(let account, let kind, let parent):
            buffer.append(case: Tag.accountCreated)
            buffer.append(account)
            buffer.append(case: kind)
            buffer.append(optional: parent)
        case .packageCreated(let package, let allowance):
            buffer.append(case: Tag.packageCreated)
            buffer.append(package)
            buffer.append(allowance)
        case .productCreated(let product, let account):
            buffer.append(case: Tag.productCreated)
            buffer.append(product)
            buffer.append(account)
        case .productUpdated(let product, let update):
            buffer.append(case: Tag.productUpdated)
            buffer.append(product)
            update.encode(into: &buffer)
        case .packageUpgraded(let product, let from, let to):
            buffer.append(case: Tag.packageUpgraded)
            buffer.append(product)
            buffer.append(from)
            buffer.append(to)
        case .productDeleted(let product, let forfeited):
            buffer.append(case: Tag.productDeleted)
            buffer.append(product)
            buffer.appendVarint(forfeited)
        case .codesBought(let account, let package, let quantity, let product, let first):
            buffer.append(case: Tag.codesBought)
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
            buffer.append(first)
        case .codesAssigned(let account, let product, let package, let quantity):
            buffer.append(case: Tag.codesAssigned)
            buffer.append(account)
            buffer.append(product)
            buffer.append(package)
            buffer.appendVarint(quantity)
        case .devicesImported(let product, let count, let number):
            buffer.append(case: Tag.devicesImported)
            buffer.append(product)
            buffer.appendVarint(UInt64(count))
            buffer.append(optional: number) { $0.appendVarint($1) }
        case .deviceRegistered(let identity):
            buffer.append(case: Tag.deviceRegistered)
            buffer.append(identity)
        case .deviceActivated(let identity, let entitlement, let place):
            buffer.append(case: Tag.deviceActivated)
            buffer.append(identity)
            buffer.append(entitlement)
            buffer.append(place)
        case .entitlementReopened(let identity, let code):
            buffer.append(case: Tag.entitlementReopened)
            buffer.append(identity)
            buffer.append(code)
        case .entitlementEnded(let identity, let code):
            buffer.append(case: Tag.entitlementEnded)
            buffer.append(identity)
            buffer.append(code)
        case .deviceDisabled(let identity, let bool):
            buffer.append(case: Tag.deviceDisabled)
            buffer.append(identity)
            buffer.append(bool)
        case .deviceDeleted(let identity):
            buffer.append(case: Tag.deviceDeleted)
            buffer.append(identity)
        case .deviceRenewalSet(let identity, let bool):
            buffer.append(case: Tag.deviceRenewalSet)
            buffer.append(identity)
            buffer.append(bool)
        case .secretReset(let identity):
            buffer.append(case: Tag.secretReset)
            buffer.append(identity)
        case .secretConfirmed(let identity):
            buffer.append(case: Tag.secretConfirmed)
            buffer.append(identity)
        case .keyCreated(let key, let role):
            buffer.append(case: Tag.keyCreated)
            buffer.append(key)
            buffer.append(case: role)
        case .keyRevoked(let key):
            buffer.append(case: Tag.keyRevoked)
            buffer.append(key)
        case .account(let change):
            buffer.append(case: Tag.account)
            change.encode(into: &buffer)
        case .codesGranted(let account, let package, let quantity, let product, let first):
            buffer.append(case: Tag.codesGranted)
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
            buffer.append(first)
        case .topUp(let change):
            buffer.append(case: Tag.topUp)
            change.encode(into: &buffer)
        case .upgrade(let change):
            buffer.append(case: Tag.upgrade)
            change.encode(into: &buffer)
        case .importBegun(let product):
            buffer.append(case: Tag.importBegun)
            buffer.append(product)
        case .importAbandoned(let product, let number):
            buffer.append(case: Tag.importAbandoned)
            buffer.append(product)
            buffer.appendVarint(number)
        case .sealingKeysAdopted(let numbers):
            buffer.append(case: Tag.sealingKeysAdopted)
            buffer.append(list: numbers) { $0.append($1) }
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "change") {
            case .accountCreated:
                .accountCreated(
                    try reader.take(AccountID.self),
                    kind: try reader.take(case: AccountKind.self),
                    parent: try reader.takeOptional(AccountID.self)
                )
            case .packageCreated:
                .packageCreated(
                    try reader.take(PackageID.self),
                    try reader.takeAllowance()
                )
            case .productCreated:
                .productCreated(
                    try reader.take(ProductKey.self),
                    account: try reader.take(AccountID.self)
                )
            case .productUpdated:
                .productUpdated(
                    try reader.take(ProductKey.self),
                    try ProductUpdate(decoding: &reader)
                )
            case .packageUpgraded:
                .packageUpgraded(
                    try reader.take(ProductKey.self),
                    from: try reader.take(PackageID.self),
                    to: try reader.take(PackageID.self)
                )
            case .productDeleted:
                .productDeleted(
                    try reader.take(ProductKey.self),
                    forfeited: try reader.takeVarint()
                )
            case .codesBought:
                .codesBought(
                    try reader.take(AccountID.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint(),
                    product: try reader.takeOptional(ProductKey.self),
                    first: try reader.takeCode()
                )
            case .codesAssigned:
                .codesAssigned(
                    try reader.take(AccountID.self),
                    product: try reader.take(ProductKey.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint()
                )
            case .devicesImported:
                .devicesImported(
                    try reader.take(ProductKey.self),
                    count: try reader.takeVarint32(),
                    import: try reader.takeBool() ? try reader.takeVarint() : nil
                )
            case .deviceRegistered:
                .deviceRegistered(try reader.takeIdentity())
            case .deviceActivated:
                .deviceActivated(
                    try reader.takeIdentity(),
                    try reader.takeEntitlement(),
                    at: try reader.take(DataCentreID.self)
                )
            case .entitlementReopened:
                .entitlementReopened(
                    try reader.takeIdentity(),
                    code: try reader.takeCode()
                )
            case .entitlementEnded:
                .entitlementEnded(
                    try reader.takeIdentity(),
                    code: try reader.takeCode()
                )
            case .deviceDisabled:
                .deviceDisabled(
                    try reader.takeIdentity(),
                    try reader.takeBool()
                )
            case .deviceDeleted:
                .deviceDeleted(try reader.takeIdentity())
            case .deviceRenewalSet:
                .deviceRenewalSet(
                    try reader.takeIdentity(),
                    try reader.takeBool()
                )
            case .secretReset:
                .secretReset(try reader.takeIdentity())
            case .secretConfirmed:
                .secretConfirmed(try reader.takeIdentity())
            case .keyCreated:
                .keyCreated(
                    try reader.take(KeyID.self),
                    role: try reader.take(case: KeyRole.self)
                )
            case .keyRevoked:
                .keyRevoked(try reader.take(KeyID.self))
            case .account:
                .account(try AccountChange(decoding: &reader))
            case .codesGranted:
                .codesGranted(
                    try reader.take(AccountID.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint(),
                    product: try reader.takeOptional(ProductKey.self),
                    first: try reader.takeCode()
                )
            case .topUp:
                .topUp(try TopUpChange(decoding: &reader))
            case .upgrade:
                .upgrade(try UpgradeChange(decoding: &reader))
            case .importBegun:
                .importBegun(try reader.take(ProductKey.self))
            case .importAbandoned:
                .importAbandoned(
                    try reader.take(ProductKey.self),
                    import: try reader.takeVarint()
                )
            case .sealingKeysAdopted:
                .sealingKeysAdopted(
                    try reader.takeList { (reader) throws(MalformedRecord) in try reader.takeUInt8()
                    }
                )
            }
    }
}
