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

    /// An operator need not activate it: the entitlement runs until then.
    case entitlementRuns(until: Timestamp)

    /// Rule B6: device settings wait until the product's is on.
    case productRenewalOff(ProductKey)

    /// The product lets no such device register itself.
    case registrationNotAllowed(DeviceIdentity)

    /// The device's secret was issued and used (Wire.md, "Registration").
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

    public var description: String {
        switch self {
        case .unknownAccount(let id): "there is no account \(id)"
        case .unknownPackage(let id): "there is no package \(id)"
        case .unknownProduct(let key): "there is no product \(key)"
        case .unknownDevice(let identity):
            "product \(identity.product) has no device \(identity.device)"
        case .unknownKey(let id): "there is no key \(id)"
        case .alreadyExists(let what): "\(what) exists already"
        case .productOfAnotherAccount(let product, let account):
            "product \(product) does not belong to account \(account)"
        case .nameTooLong(let maximumBytes): "a name has at most \(maximumBytes) bytes"
        case .packageMismatch(let product, let given):
            "the product has codes of package \(product); codes of package \(given) can't be added"
        case .productHasNoPackage(let product): "product \(product) has no package yet"
        case .allowanceLowered(let allowance): "an upgrade can't lower \(allowance)"
        case .quantityOutOfRange(let maximum): "a quantity is 1 to \(maximum)"
        case .notEnoughUnassigned(let wanted, let available):
            "\(wanted) codes wanted, \(available) unassigned codes of this package available"
        case .importTooLarge(let maximumRows): "an import has at most \(maximumRows) rows"
        case .idempotencyKeyReused: "the idempotency key was used for another request"
        case .idempotencyKeyInvalid:
            "an idempotency key has 1 to \(Command.idempotencyKeyMaximumLength) bytes"
        case .parentIsSubAccount(let id): "\(id) is a sub-account and can't have sub-accounts"
        case .tooManySubAccounts(let maximum): "an account has at most \(maximum) sub-accounts"
        case .enterpriseAlready(let id): "account \(id) is an enterprise already"
        case .certifiedWithParent(let parent):
            "a sub-account is certified with its parent, \(parent)"
        case .tooManyContacts(let maximum): "an account has at most \(maximum) contacts"
        case .unknownContact(let id, let email): "account \(id) has no contact \(email)"
        case .noCodeLeft(let product): "product \(product) has no activation code left"
        case .renewalOff(let identity):
            "the activation of \(identity) has ended and automatic renewal is off for it"
        case .deviceDisabled(let identity): "device \(identity) is disabled"
        case .entitlementRuns(let until): "the device is active until \(until)"
        case .productRenewalOff(let product):
            "automatic renewal is off for product \(product); switch it on to change its devices"
        case .registrationNotAllowed(let identity):
            "product \(identity.product) does not let \(identity.device) register itself"
        case .secretInUse(let identity):
            "the secret of \(identity) was issued and used; an operator can reset it"
        case .importRow(let row, let device, let fault):
            Self.description(of: fault, of: device, in: "row \(row)")
        case .importLine(let line, let device, let fault):
            Self.description(of: fault, of: device, in: "line \(line)")
        case .unknownImport(let product, let number):
            "product \(product) has no import \(number)"
        case .importNotReceiving(let number):
            "import \(number) takes no more rows: it was abandoned or is committed"
        case .importOutOfStep(let number, let staged):
            "import \(number) has \(staged) rows, and the next are other ones"
        case .importsUnderWay(let maximum):
            "at most \(maximum) imports at a time; try again when one has ended"
        case .noTopUpLeft(let account):
            "account \(account) has nothing left in its message packs"
        case .expiryPassed(let time): "\(time) is not after now; a pack expires later"
        case .unknownLease(let id): "there is no lease \(id), or it has ended"
        case .leaseExceeded(let lease, let units):
            "more was used than the \(units) units of lease \(lease)"
        case .deviceNotActive(let identity):
            "device \(identity) is not active, and only an active one has OTA upgrades"
        case .otaExhausted(let needed, let allowance, let packs):
            "the upgrade needs \(needed) attempts; \(allowance) are left of this month's "
                + "allowance and \(packs) in OTA packs"
        case .unknownUpgrade(let identity, let id): "device \(identity) has no upgrade \(id)"
        case .upgradeReported(_, let id, let state):
            "upgrade \(id) was reported before: it has \(state.name)"
        }
    }

    private static func description(
        of fault: ImportFault,
        of device: DeviceKey,
        in place: String
    ) -> String {
        switch fault {
        case .exists: "\(place): device \(device) exists already"
        case .repeatedRow: "\(place): device \(device) is in an earlier row, too"
        case .nameTooLong: "\(place): the name of device \(device) is too long"
        case .arriving: "\(place): another import that is under way has device \(device), too"
        }
    }
}
