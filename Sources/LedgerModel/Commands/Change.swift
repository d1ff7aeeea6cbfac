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
