public import Bytes
public import Encoding

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Refusal: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case unknownAccount = 1
        case unknownPackage = 2
        case unknownProduct = 3
        case unknownDevice = 4
        case unknownKey = 5
        case alreadyExists = 6
        case parentIsSubAccount = 7
        case productOfAnotherAccount = 8
        case nameTooLong = 9
        case packageMismatch = 10
        case productHasNoPackage = 11
        case allowanceLowered = 12
        case quantityOutOfRange = 13
        case notEnoughUnassigned = 14
        case noCodeLeft = 15
        case renewalOff = 16
        case deviceDisabled = 17
        case entitlementRuns = 18
        case productRenewalOff = 19
        case registrationNotAllowed = 20
        case secretInUse = 21
        case importRow = 22
        case importTooLarge = 23
        case idempotencyKeyReused = 24
        case idempotencyKeyInvalid = 25
        case tooManySubAccounts = 40
        case enterpriseAlready = 41
        case certifiedWithParent = 42
        case tooManyContacts = 43
        case unknownContact = 44
        case noTopUpLeft = 50
        case expiryPassed = 51
        case unknownLease = 52
        case leaseExceeded = 53
        case deviceNotActive = 54
        case otaExhausted = 55
        case unknownUpgrade = 56
        case upgradeReported = 57
        case importLine = 70
        case unknownImport = 71
        case importNotReceiving = 72
        case importOutOfStep = 73
        case importsUnderWay = 74
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknownAccount(let account):
            buffer.append(case: Tag.unknownAccount)
            buffer.append(account)
        case .unknownPackage(let package):
            buffer.append(case: Tag.unknownPackage)
            buffer.append(package)
        case .unknownProduct(let product):
            buffer.append(case: Tag.unknownProduct)
            buffer.append(product)
        case .unknownDevice(let identity):
            buffer.append(case: Tag.unknownDevice)
            buffer.append(identity)
        case .unknownKey(let key):
            buffer.append(case: Tag.unknownKey)
            buffer.append(key)
        case .alreadyExists(let what):
            buffer.append(case: Tag.alreadyExists)
            buffer.append(text: what)
        case .parentIsSubAccount(let account):
            buffer.append(case: Tag.parentIsSubAccount)
            buffer.append(account)
        case .productOfAnotherAccount(let product, let account):
            buffer.append(case: Tag.productOfAnotherAccount)
            buffer.append(product)
            buffer.append(account)
        case .nameTooLong(let maximumBytes):
            buffer.append(case: Tag.nameTooLong)
            buffer.appendVarint(UInt64(maximumBytes))
        case .packageMismatch(let product, let given):
            buffer.append(case: Tag.packageMismatch)
            buffer.append(product)
            buffer.append(given)
        case .productHasNoPackage(let product):
            buffer.append(case: Tag.productHasNoPackage)
            buffer.append(product)
        case .allowanceLowered(let allowance):
            buffer.append(case: Tag.allowanceLowered)
            buffer.append(text: allowance)
        case .quantityOutOfRange(let maximum):
            buffer.append(case: Tag.quantityOutOfRange)
            buffer.appendVarint(maximum)
        case .notEnoughUnassigned(let wanted, let available):
            buffer.append(case: Tag.notEnoughUnassigned)
            buffer.appendVarint(wanted)
            buffer.appendVarint(available)
        case .noCodeLeft(let product):
            buffer.append(case: Tag.noCodeLeft)
            buffer.append(product)
        case .renewalOff(let identity):
            buffer.append(case: Tag.renewalOff)
            buffer.append(identity)
        case .deviceDisabled(let identity):
            buffer.append(case: Tag.deviceDisabled)
            buffer.append(identity)
        case .entitlementRuns(let until):
            buffer.append(case: Tag.entitlementRuns)
            buffer.append(until)
        case .productRenewalOff(let product):
            buffer.append(case: Tag.productRenewalOff)
            buffer.append(product)
        case .registrationNotAllowed(let identity):
            buffer.append(case: Tag.registrationNotAllowed)
            buffer.append(identity)
        case .secretInUse(let identity):
            buffer.append(case: Tag.secretInUse)
            buffer.append(identity)
        case .importRow(let row, let device, let fault):
            buffer.append(case: Tag.importRow)
            buffer.appendVarint(UInt64(row))
            buffer.append(device)
            buffer.append(case: fault)
        case .importTooLarge(let maximumRows):
            buffer.append(case: Tag.importTooLarge)
            buffer.appendVarint(UInt64(maximumRows))
        case .idempotencyKeyReused:
            buffer.append(case: Tag.idempotencyKeyReused)
        case .idempotencyKeyInvalid:
            buffer.append(case: Tag.idempotencyKeyInvalid)
        case .tooManySubAccounts(let maximum):
            buffer.append(case: Tag.tooManySubAccounts)
            buffer.appendVarint(UInt64(maximum))
        case .enterpriseAlready(let account):
            buffer.append(case: Tag.enterpriseAlready)
            buffer.append(account)
        case .certifiedWithParent(let parent):
            buffer.append(case: Tag.certifiedWithParent)
            buffer.append(parent)
        case .tooManyContacts(let maximum):
            buffer.append(case: Tag.tooManyContacts)
            buffer.appendVarint(UInt64(maximum))
        case .unknownContact(let account, let email):
            buffer.append(case: Tag.unknownContact)
            buffer.append(account)
            buffer.append(email)
        case .noTopUpLeft(let account):
            buffer.append(case: Tag.noTopUpLeft)
            buffer.append(account)
        case .expiryPassed(let time):
            buffer.append(case: Tag.expiryPassed)
            buffer.append(time)
        case .unknownLease(let id):
            buffer.append(case: Tag.unknownLease)
            buffer.appendVarint(id)
        case .leaseExceeded(let lease, let units):
            buffer.append(case: Tag.leaseExceeded)
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
        case .deviceNotActive(let identity):
            buffer.append(case: Tag.deviceNotActive)
            buffer.append(identity)
        case .otaExhausted(let needed, let allowance, let packs):
            buffer.append(case: Tag.otaExhausted)
            buffer.appendVarint(needed)
            buffer.appendVarint(allowance)
            buffer.appendVarint(packs)
        case .unknownUpgrade(let identity, let id):
            buffer.append(case: Tag.unknownUpgrade)
            buffer.append(identity)
            buffer.append(id)
        case .upgradeReported(let identity, let id, let state):
            buffer.append(case: Tag.upgradeReported)
            buffer.append(identity)
            buffer.append(id)
            buffer.append(case: state)
        case .importLine(let line, let device, let fault):
            buffer.append(case: Tag.importLine)
            buffer.appendVarint(line)
            buffer.append(device)
            buffer.append(case: fault)
        case .unknownImport(let product, let number):
            buffer.append(case: Tag.unknownImport)
            buffer.append(product)
            buffer.appendVarint(number)
        case .importNotReceiving(let number):
            buffer.append(case: Tag.importNotReceiving)
            buffer.appendVarint(number)
        case .importOutOfStep(let number, let staged):
            buffer.append(case: Tag.importOutOfStep)
            buffer.appendVarint(number)
            buffer.appendVarint(staged)
        case .importsUnderWay(let maximum):
            buffer.append(case: Tag.importsUnderWay)
            buffer.appendVarint(UInt64(maximum))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "refusal") {
            case .unknownAccount:
                .unknownAccount(try reader.take(AccountID.self))
            case .unknownPackage:
                .unknownPackage(try reader.take(PackageID.self))
            case .unknownProduct:
                .unknownProduct(try reader.take(ProductKey.self))
            case .unknownDevice:
                .unknownDevice(try reader.takeIdentity())
            case .unknownKey:
                .unknownKey(try reader.take(KeyID.self))
            case .alreadyExists:
                .alreadyExists(what: try reader.takeText())
            case .parentIsSubAccount:
                .parentIsSubAccount(try reader.take(AccountID.self))
            case .productOfAnotherAccount:
                .productOfAnotherAccount(
                    try reader.take(ProductKey.self),
                    try reader.take(AccountID.self)
                )
            case .nameTooLong:
                .nameTooLong(maximumBytes: try reader.takeVarint32())
            case .packageMismatch:
                .packageMismatch(
                    product: try reader.take(PackageID.self),
                    given: try reader.take(PackageID.self)
                )
            case .productHasNoPackage:
                .productHasNoPackage(try reader.take(ProductKey.self))
            case .allowanceLowered:
                .allowanceLowered(allowance: try reader.takeText())
            case .quantityOutOfRange:
                .quantityOutOfRange(maximum: try reader.takeVarint())
            case .notEnoughUnassigned:
                .notEnoughUnassigned(
                    wanted: try reader.takeVarint(),
                    available: try reader.takeVarint()
                )
            case .noCodeLeft:
                .noCodeLeft(try reader.take(ProductKey.self))
            case .renewalOff:
                .renewalOff(try reader.takeIdentity())
            case .deviceDisabled:
                .deviceDisabled(try reader.takeIdentity())
            case .entitlementRuns:
                .entitlementRuns(until: try reader.takeTimestamp())
            case .productRenewalOff:
                .productRenewalOff(try reader.take(ProductKey.self))
            case .registrationNotAllowed:
                .registrationNotAllowed(try reader.takeIdentity())
            case .secretInUse:
                .secretInUse(try reader.takeIdentity())
            case .importRow:
                .importRow(
                    row: try reader.takeVarint32(),
                    device: try reader.take(DeviceKey.self),
                    fault: try reader.take(case: ImportFault.self)
                )
            case .importTooLarge:
                .importTooLarge(maximumRows: try reader.takeVarint32())
            case .idempotencyKeyReused:
                .idempotencyKeyReused
            case .idempotencyKeyInvalid:
                .idempotencyKeyInvalid
            case .tooManySubAccounts:
                .tooManySubAccounts(maximum: try reader.takeVarint32())
            case .enterpriseAlready:
                .enterpriseAlready(try reader.take(AccountID.self))
            case .certifiedWithParent:
                .certifiedWithParent(try reader.take(AccountID.self))
            case .tooManyContacts:
                .tooManyContacts(maximum: try reader.takeVarint32())
            case .unknownContact:
                .unknownContact(
                    try reader.take(AccountID.self),
                    try reader.take(EmailAddress.self)
                )
            case .noTopUpLeft:
                .noTopUpLeft(try reader.take(AccountID.self))
            case .expiryPassed:
                .expiryPassed(try reader.takeTimestamp())
            case .unknownLease:
                .unknownLease(try reader.takeVarint())
            case .leaseExceeded:
                .leaseExceeded(lease: try reader.takeVarint(), units: try reader.takeVarint())
            case .deviceNotActive:
                .deviceNotActive(try reader.takeIdentity())
            case .otaExhausted:
                .otaExhausted(
                    needed: try reader.takeVarint(),
                    allowance: try reader.takeVarint(),
                    packs: try reader.takeVarint()
                )
            case .unknownUpgrade:
                .unknownUpgrade(try reader.takeIdentity(), try reader.take(UpgradeID.self))
            case .upgradeReported:
                .upgradeReported(
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self),
                    try reader.take(case: UpgradeState.self)
                )
            case .importLine:
                .importLine(
                    line: try reader.takeVarint(),
                    device: try reader.take(DeviceKey.self),
                    fault: try reader.take(case: ImportFault.self)
                )
            case .unknownImport:
                .unknownImport(try reader.take(ProductKey.self), try reader.takeVarint())
            case .importNotReceiving:
                .importNotReceiving(try reader.takeVarint())
            case .importOutOfStep:
                .importOutOfStep(try reader.takeVarint(), staged: try reader.takeVarint())
            case .importsUnderWay:
                .importsUnderWay(maximum: try reader.takeVarint32())
            }
    }
}
