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
    /// confirmed yet, which is issued again (wire.md, "Registration"). Consumes no code.
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
