public import Time

/// Why a command or a connection was refused. `name` is stable and serves logs, metrics and the API;
/// `description` is for people.
public enum Refusal: Hashable, Sendable, CustomStringConvertible {
    case unknownAccount(AccountID)
    case unknownPackage(PackageID)

    /// There is no such product, or it was deleted (rule B9).
    case unknownProduct(ProductKey)
    case unknownDevice(DeviceIdentity)
    case unknownKey(KeyID)

    /// The thing that `what` names exists already (or existed: names are not used again).
    case alreadyExists(what: String)

    /// A sub-account can't have sub-accounts.
    case parentIsSubAccount(AccountID)

    /// An account has at most so many sub-accounts.
    case tooManySubAccounts(maximum: UInt32)

    /// Rule A7: an enterprise can't be certified as one.
    case enterpriseAlready(AccountID)

    /// Rule A7: it is a sub-account of the one that is named, which is what can be certified.
    case certifiedWithParent(AccountID)

    /// Rule E1.
    case tooManyContacts(maximum: UInt32)
    case unknownContact(AccountID, EmailAddress)
    case productOfAnotherAccount(ProductKey, AccountID)
    case nameTooLong(maximumBytes: UInt32)

    /// Rule A4.
    case packageMismatch(product: PackageID, given: PackageID)

    /// Rule A5: there is nothing to upgrade.
    case productHasNoPackage(ProductKey)

    /// Rule A5: `allowance` is the name of the first that would fall.
    case allowanceLowered(allowance: String)

    /// A quantity of codes is 1 to `maximum`.
    case quantityOutOfRange(maximum: UInt64)

    /// Rule A3.
    case notEnoughUnassigned(wanted: UInt64, available: UInt64)

    /// Rule B3.
    case noCodeLeft(ProductKey)

    /// Rule B7: the entitlement has ended and is not renewed automatically.
    case renewalOff(DeviceIdentity)

    /// Rule B12.
    case deviceDisabled(DeviceIdentity)

    /// Nothing to activate by hand: the entitlement runs until then.
    case entitlementRuns(until: Timestamp)

    /// Rule B6: device settings wait until the product's is on.
    case productRenewalOff(ProductKey)

    /// The product lets no such device register itself.
    case registrationNotAllowed(DeviceIdentity)

    /// The device's secret was issued and used (wire.md, "Registration").
    case secretInUse(DeviceIdentity)

    /// `row` counts from 1.
    case importRow(row: UInt32, device: DeviceKey, fault: ImportFault)
    case importTooLarge(maximumRows: UInt32)

    /// The same of an import in chunks, which knows the line of its file.
    case importLine(line: UInt64, device: DeviceKey, fault: ImportFault)
    case unknownImport(ProductKey, UInt64)

    /// It was abandoned, or is committed already.
    case importNotReceiving(UInt64)

    /// The chunk is not the one that comes next: `staged` rows are there.
    case importOutOfStep(UInt64, staged: UInt64)

    /// As many as may be; or what abandoned ones left is still being removed.
    case importsUnderWay(maximum: UInt32)

    /// Rule C6: no unit is left in the account's message packs.
    case noTopUpLeft(AccountID)

    /// A pack would have expired before it is there.
    case expiryPassed(Timestamp)

    /// There is no such lease, or it was settled or abandoned.
    case unknownLease(UInt64)

    /// More was used than the lease's `units`.
    case leaseExceeded(lease: UInt64, units: UInt64)

    /// Rule D1: the device's entitlement does not run, so that it has no allowance.
    case deviceNotActive(DeviceIdentity)

    /// Rule D1: what is left of the month's allowance and in the OTA packs is less than the cost.
    case otaExhausted(needed: UInt64, allowance: UInt64, packs: UInt64)
    case unknownUpgrade(DeviceIdentity, UpgradeID)

    /// Rule D2: the upgrade ended like this before.
    case upgradeReported(DeviceIdentity, UpgradeID, UpgradeState)

    /// Rule A8: the key came before with another command.
    case idempotencyKeyReused
    case idempotencyKeyInvalid

    /// Its name in logs, metrics and the API; it never changes.
    public var name: String {
        switch self {
        case .unknownAccount: "unknown-account"
        case .unknownPackage: "unknown-package"
        case .unknownProduct: "unknown-product"
        case .unknownDevice: "unknown-device"
        case .unknownKey: "unknown-key"
        case .alreadyExists: "already-exists"
        case .parentIsSubAccount: "parent-is-sub-account"
        case .tooManySubAccounts: "too-many-sub-accounts"
        case .enterpriseAlready: "enterprise-already"
        case .certifiedWithParent: "certified-with-parent"
        case .tooManyContacts: "too-many-contacts"
        case .unknownContact: "unknown-contact"
        case .productOfAnotherAccount: "product-of-another-account"
        case .nameTooLong: "name-too-long"
        case .packageMismatch: "package-mismatch"
        case .productHasNoPackage: "product-has-no-package"
        case .allowanceLowered: "allowance-lowered"
        case .quantityOutOfRange: "quantity-out-of-range"
        case .notEnoughUnassigned: "not-enough-unassigned"
        case .noCodeLeft: "no-code-left"
        case .renewalOff: "renewal-off"
        case .deviceDisabled: "device-disabled"
        case .entitlementRuns: "entitlement-runs"
        case .productRenewalOff: "product-renewal-off"
        case .registrationNotAllowed: "registration-not-allowed"
        case .secretInUse: "secret-in-use"
        case .importRow: "import-row"
        case .importTooLarge: "import-too-large"
        case .importLine: "import-line"
        case .unknownImport: "unknown-import"
        case .importNotReceiving: "import-not-receiving"
        case .importOutOfStep: "import-out-of-step"
        case .importsUnderWay: "imports-under-way"
        case .noTopUpLeft: "no-top-up-left"
        case .expiryPassed: "expiry-passed"
        case .unknownLease: "unknown-lease"
        case .leaseExceeded: "lease-exceeded"
        case .deviceNotActive: "device-not-active"
        case .otaExhausted: "ota-exhausted"
        case .unknownUpgrade: "unknown-upgrade"
        case .upgradeReported: "upgrade-reported"
        case .idempotencyKeyReused: "idempotency-key-reused"
        case .idempotencyKeyInvalid: "idempotency-key-invalid"
        }
    }

    public var description: String {
        switch self {
        case .unknownAccount, .unknownPackage, .unknownProduct, .unknownDevice, .unknownKey:
            unknownDescription
        case .importRow(let row, let device, let fault):
            Self.description(of: fault, of: device, in: "row \(row)")
        case .importLine(let line, let device, let fault):
            Self.description(of: fault, of: device, in: "line \(line)")
        case .unknownImport, .importNotReceiving, .importOutOfStep, .importsUnderWay:
            importDescription
        case .deviceDisabled, .renewalOff, .noCodeLeft, .entitlementRuns, .productRenewalOff,
            .registrationNotAllowed, .secretInUse:
            deviceDescription
        case .parentIsSubAccount, .tooManySubAccounts, .enterpriseAlready, .certifiedWithParent,
            .tooManyContacts, .unknownContact:
            accountDescription
        case .noTopUpLeft, .expiryPassed, .unknownLease, .leaseExceeded, .deviceNotActive,
            .otaExhausted, .unknownUpgrade, .upgradeReported:
            packDescription
        default: booksDescription
        }
    }
}
