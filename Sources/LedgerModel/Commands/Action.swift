public import Bytes
public import Encoding

/// What a command does. Names are at most 256 bytes of UTF-8; longer ones are refused.
public enum Action: Hashable, Sendable {
    case createAccount(NewAccount)
    case account(AccountAction)
    case createPackage(PackageID, name: String, Allowance)
    case createProduct(NewProduct)
    case updateProduct(ProductKey, ProductUpdate)

    /// Another package for all devices and codes of the product at once (rule A5).
    case upgradePackage(ProductKey, to: PackageID)

    /// Neither consumed nor unconsumed codes come back; the devices are refused (rule B9).
    case deleteProduct(ProductKey)

    /// Codes for the account, or for one of its products straight away (rules A2, A4, A8).
    case purchase(AccountID, package: PackageID, quantity: UInt64, product: ProductKey?)

    /// Unassigned codes of the product's account to the product (rules A3, A4, A8).
    case assign(ProductKey, package: PackageID, quantity: UInt64)

    /// All rows or none; row numbers in the refusal count from 1. At most 50,000 rows.
    case importDevices(ProductKey, [DeviceImport])

    /// A step of an import of any size.
    case importing(ImportAction)

    /// Dynamic registration: `secret` is given to the device, unless it has one that no login has
    /// confirmed yet, which is issued again (Wire.md, "Registration"). Consumes no code.
    case registerDevice(DeviceIdentity, secret: SealedSecret)

    /// The device connects, its credentials proven: admits it, and consumes a code when it needs one
    /// (rules B1 to B3, B7, B8). `confirmsSecret` is the secret that it proved, if it proved one, and
    /// confirms nothing when the device has another by now; `at` is where it
    /// connects, `nil` being the product's home (rule B13).
    case activate(DeviceIdentity, confirmsSecret: SecretFingerprint?, at: DataCentreID? = nil)

    /// An operator activates a device whose entitlement does not run (rule B7).
    case activateByHand(DeviceIdentity)

    /// The device is online and its entitlement ends: the next period starts where it ended
    /// (rule B4). When the refusal comes back, the device goes (rule B5). `at` is where it is
    /// connected, `nil` being the product's home (rule B13).
    case renew(DeviceIdentity, at: DataCentreID? = nil)

    /// The device has gone, or went, without renewal: closes its entitlement if it has ended.
    case endEntitlement(DeviceIdentity)

    /// Closes entitlements that ended `graceMilliseconds` or longer before the command's time, the
    /// earliest first, at most `limit` of them. The grace leaves online devices time to be renewed.
    case endExpired(limit: UInt32, graceMilliseconds: Int64)

    /// Rule B12. The entitlement runs on.
    case setDisabled(DeviceIdentity, Bool)

    /// Returns no code; the entitlement and the secret are kept (rule B8).
    case deleteDevice(DeviceIdentity)

    /// Off puts the device on the product's list of exceptions (rule B6).
    case setDeviceRenewal(DeviceIdentity, Bool)

    /// A new secret that has not been used, so that registering issues it again.
    case resetSecret(DeviceIdentity, secret: SealedSecret)

    /// The device logged in with that secret: if it has it still, registering no longer issues it.
    case confirmSecretUse(DeviceIdentity, SecretFingerprint)

    /// Top-up packs (rule C6).
    case topUp(TopUpAction)

    /// OTA upgrades (rules D1 and D2).
    case upgrade(UpgradeAction)
    case createKey(NewKey)
    case revokeKey(KeyID)

    /// The keys that secrets are sealed with from now on; those that are known already are left as
    /// they are.
    case adoptSealingKeys([SealingKey])
}

/// A tag byte, then the parts in order.
extension Action: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case createAccount = 1
        case createPackage = 2
        case createProduct = 3
        case updateProduct = 4
        case upgradePackage = 5
        case deleteProduct = 6
        case purchase = 7
        case assign = 8
        case importDevices = 9
        case registerDevice = 10
        case activate = 11
        case activateByHand = 12
        case renew = 13
        case endEntitlement = 14
        case endExpired = 15
        case setDisabled = 16
        case deleteDevice = 17
        case setDeviceRenewal = 18
        case resetSecret = 19
        case confirmSecretUse = 20
        case createKey = 21
        case revokeKey = 22
        case account = 23
        case topUp = 30
        case upgrade = 31
        case importing = 45
        case adoptSealingKeys = 55
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .createAccount(let newAccount):
            buffer.append(case: Tag.createAccount)
            newAccount.encode(into: &buffer)
        case .createPackage(let package, let name, let allowance):
            buffer.append(case: Tag.createPackage)
            buffer.append(package)
            buffer.append(text: name)
            buffer.append(allowance)
        case .createProduct(let newProduct):
            buffer.append(case: Tag.createProduct)
            newProduct.encode(into: &buffer)
        case .updateProduct(let product, let update):
            buffer.append(case: Tag.updateProduct)
            buffer.append(product)
            update.encode(into: &buffer)
        case .upgradePackage(let product, let to):
            buffer.append(case: Tag.upgradePackage)
            buffer.append(product)
            buffer.append(to)
        case .deleteProduct(let product):
            buffer.append(case: Tag.deleteProduct)
            buffer.append(product)
        case .purchase(let account, let package, let quantity, let product):
            buffer.append(case: Tag.purchase)
            buffer.append(account)
            buffer.append(package)
            buffer.appendVarint(quantity)
            buffer.append(optional: product)
        case .assign(let product, let package, let quantity):
            buffer.append(case: Tag.assign)
            buffer.append(product)
            buffer.append(package)
            buffer.appendVarint(quantity)
        case .importDevices(let product, let imports):
            buffer.append(case: Tag.importDevices)
            buffer.append(product)
            buffer.append(list: imports) { $1.encode(into: &$0) }
        case .registerDevice(let identity, let secret):
            buffer.append(case: Tag.registerDevice)
            buffer.append(identity)
            buffer.append(secret)
        case .activate(let identity, let confirmsSecret, let place):
            buffer.append(case: Tag.activate)
            buffer.append(identity)
            buffer.append(optional: confirmsSecret) { $0.append($1.value) }
            buffer.append(optional: place)
        case .activateByHand(let identity):
            buffer.append(case: Tag.activateByHand)
            buffer.append(identity)
        case .renew(let identity, let place):
            buffer.append(case: Tag.renew)
            buffer.append(identity)
            buffer.append(optional: place)
        case .endEntitlement(let identity):
            buffer.append(case: Tag.endEntitlement)
            buffer.append(identity)
        case .endExpired(let limit, let graceMilliseconds):
            buffer.append(case: Tag.endExpired)
            buffer.appendVarint(UInt64(limit))
            buffer.appendSignedVarint(graceMilliseconds)
        case .setDisabled(let identity, let bool):
            buffer.append(case: Tag.setDisabled)
            buffer.append(identity)
            buffer.append(bool)
        case .deleteDevice(let identity):
            buffer.append(case: Tag.deleteDevice)
            buffer.append(identity)
        case .setDeviceRenewal(let identity, let bool):
            buffer.append(case: Tag.setDeviceRenewal)
            buffer.append(identity)
            buffer.append(bool)
        case .resetSecret(let identity, let secret):
            buffer.append(case: Tag.resetSecret)
            buffer.append(identity)
            buffer.append(secret)
        case .confirmSecretUse(let identity, let proven):
            buffer.append(case: Tag.confirmSecretUse)
            buffer.append(identity)
            buffer.append(proven.value)
        case .createKey(let newKey):
            buffer.append(case: Tag.createKey)
            newKey.encode(into: &buffer)
        case .revokeKey(let key):
            buffer.append(case: Tag.revokeKey)
            buffer.append(key)
        case .account(let action):
            buffer.append(case: Tag.account)
            action.encode(into: &buffer)
        case .topUp(let action):
            buffer.append(case: Tag.topUp)
            action.encode(into: &buffer)
        case .upgrade(let action):
            buffer.append(case: Tag.upgrade)
            action.encode(into: &buffer)
        case .importing(let action):
            buffer.append(case: Tag.importing)
            action.encode(into: &buffer)
        case .adoptSealingKeys(let keys):
            buffer.append(case: Tag.adoptSealingKeys)
            buffer.append(list: keys) { $0.append($1) }
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "action") {
            case .createAccount:
                .createAccount(try NewAccount(decoding: &reader))
            case .createPackage:
                .createPackage(
                    try reader.take(PackageID.self),
                    name: try reader.takeText(),
                    try reader.takeAllowance()
                )
            case .createProduct:
                .createProduct(try NewProduct(decoding: &reader))
            case .updateProduct:
                .updateProduct(
                    try reader.take(ProductKey.self),
                    try ProductUpdate(decoding: &reader)
                )
            case .upgradePackage:
                .upgradePackage(
                    try reader.take(ProductKey.self),
                    to: try reader.take(PackageID.self)
                )
            case .deleteProduct:
                .deleteProduct(try reader.take(ProductKey.self))
            case .purchase:
                .purchase(
                    try reader.take(AccountID.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint(),
                    product: try reader.takeOptional(ProductKey.self)
                )
            case .assign:
                .assign(
                    try reader.take(ProductKey.self),
                    package: try reader.take(PackageID.self),
                    quantity: try reader.takeVarint()
                )
            case .importDevices:
                .importDevices(
                    try reader.take(ProductKey.self),
                    try reader.takeList { (reader) throws(MalformedRecord) in
                        try DeviceImport(decoding: &reader)
                    }
                )
            case .registerDevice:
                .registerDevice(
                    try reader.takeIdentity(),
                    secret: try reader.takeSealedSecret()
                )
            case .activate:
                .activate(
                    try reader.takeIdentity(),
                    confirmsSecret: try reader.takeBool()
                        ? SecretFingerprint(value: try reader.takeUInt64()) : nil,
                    at: try reader.takeOptional(DataCentreID.self)
                )
            case .activateByHand:
                .activateByHand(try reader.takeIdentity())
            case .renew:
                .renew(try reader.takeIdentity(), at: try reader.takeOptional(DataCentreID.self))
            case .endEntitlement:
                .endEntitlement(try reader.takeIdentity())
            case .endExpired:
                .endExpired(
                    limit: try reader.takeVarint32(),
                    graceMilliseconds: try reader.takeSignedVarint()
                )
            case .setDisabled:
                .setDisabled(
                    try reader.takeIdentity(),
                    try reader.takeBool()
                )
            case .deleteDevice:
                .deleteDevice(try reader.takeIdentity())
            case .setDeviceRenewal:
                .setDeviceRenewal(
                    try reader.takeIdentity(),
                    try reader.takeBool()
                )
            case .resetSecret:
                .resetSecret(
                    try reader.takeIdentity(),
                    secret: try reader.takeSealedSecret()
                )
            case .confirmSecretUse:
                .confirmSecretUse(
                    try reader.takeIdentity(),
                    SecretFingerprint(value: try reader.takeUInt64())
                )
            case .createKey:
                .createKey(try NewKey(decoding: &reader))
            case .revokeKey:
                .revokeKey(try reader.take(KeyID.self))
            case .account:
                .account(try AccountAction(decoding: &reader))
            case .topUp:
                .topUp(try TopUpAction(decoding: &reader))
            case .upgrade:
                .upgrade(try UpgradeAction(decoding: &reader))
            case .importing:
                .importing(try ImportAction(decoding: &reader))
            case .adoptSealingKeys:
                .adoptSealingKeys(
                    try reader.takeList { (reader) throws(MalformedRecord) in
                        try reader.takeSealingKey()
                    }
                )
            }
    }
}

extension Action {
    /// A digest of what the client asked for, by which a repeated idempotency key is recognised as
    /// the same command (rule A8): 128-bit FNV-1a over the action's bytes.
    ///
    /// Secrets, the id and hash of a new key, and the number of an import are left out: the gateway
    /// may have made them afresh for the repetition. So are the terms of free codes: they are the gateway's, and may be
    /// other ones by then.
    package var digest: (high: UInt64, low: UInt64) {
        var bytes = ByteBuffer()
        asked.encode(into: &bytes)
        // The offset basis and prime of the FNV reference (draft-eastlake-fnv, 128 bits).
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        let span = bytes.span
        for index in span.indices {
            hash = (hash ^ UInt128(span[index])) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        return (UInt64(truncatingIfNeeded: hash >> 64), UInt64(truncatingIfNeeded: hash))
    }

    /// The action without what the gateway may have made.
    private var asked: Action {
        guard let blank = SealedSecret([0]),
            let blankKey = KeyID("-"),
            let blankHash = SecretHash([UInt8](repeating: 0, count: SecretHash.length))
        else { preconditionFailure("these are well-formed") }
        switch self {
        case .createAccount(let account):
            return .createAccount(
                NewAccount(
                    id: account.id,
                    name: account.name,
                    kind: account.kind,
                    parent: account.parent,
                    email: account.email,
                    dataCentre: account.dataCentre
                )
            )
        case .account(.certify(let account, _)):
            return .account(.certify(account, freeCodes: nil))
        case .createProduct(let product):
            return .createProduct(
                NewProduct(
                    key: product.key,
                    name: product.name,
                    account: product.account,
                    package: product.package,
                    secret: blank,
                    registration: product.registration,
                    dayOffset: product.dayOffset,
                    dataCentre: product.dataCentre
                )
            )
        case .importDevices(let product, let rows):
            return .importDevices(
                product,
                rows.map { DeviceImport(device: $0.device, secret: nil, name: $0.name) }
            )
        case .importing(.commit(let product, _, let rows, let digest)):
            return .importing(.commit(product, import: 0, rows: rows, digest: digest))
        case .registerDevice(let identity, _): return .registerDevice(identity, secret: blank)
        case .resetSecret(let identity, _): return .resetSecret(identity, secret: blank)
        case .createKey(let key):
            return .createKey(
                NewKey(
                    id: blankKey,
                    name: key.name,
                    role: key.role,
                    account: key.account,
                    products: key.products,
                    secretHash: blankHash
                )
            )
        case .account(.update), .account(.putContact), .account(.removeContact), .createPackage,
            .updateProduct, .upgradePackage, .deleteProduct, .purchase, .assign, .activate,
            .activateByHand, .renew, .endEntitlement, .endExpired, .setDisabled, .deleteDevice,
            .setDeviceRenewal, .confirmSecretUse, .revokeKey, .adoptSealingKeys,
            .importing(.begin), .importing(.stage), .importing(.abandon),
            .importing(.abandonOthers), .importing(.move),
            .topUp(.enter), .topUp(.lease), .topUp(.settle), .topUp(.abandon), .topUp(.expire),
            .upgrade(.request), .upgrade(.report):
            return self
        }
    }
}
