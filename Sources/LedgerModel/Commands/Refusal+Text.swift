extension Refusal {
    var unknownDescription: String {
        switch self {
        case .unknownAccount(let id): "there is no account \(id)"
        case .unknownPackage(let id): "there is no package \(id)"
        case .unknownProduct(let key): "there is no product \(key)"
        case .unknownDevice(let identity):
            "product \(identity.product) has no device \(identity.device)"
        case .unknownKey(let id): "there is no key \(id)"
        default: name
        }
    }

    var deviceDescription: String {
        switch self {
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
        default: name
        }
    }

    var booksDescription: String {
        switch self {
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
        default: name
        }
    }
}
