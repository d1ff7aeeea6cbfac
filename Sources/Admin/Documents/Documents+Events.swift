import Ledger
import Time

extension Documents {
    /// An entry of the log (rule E3): what every entry has, then what this change is about.
    static func event(_ event: Event) -> JSON {
        let head: [JSON.Member] = [
            .init(name: "sequence", value: JSON(event.sequence)),
            .init(name: "at", value: JSON(event.at)),
            .init(name: "actor", value: .text(event.actor)),
            .init(name: "change", value: .text(event.change.name)),
        ]
        guard case .object(let rest) = subject(of: event.change) else { return .object(head) }
        return .object(head + rest)
    }

    private static func subject(of change: Change) -> JSON {
        switch change {
        case .accountCreated(let id, let kind, let parent):
            ["account": JSON(id), "kind": .text(kind.name), "parent": JSON(parent)]
        case .packageCreated(let id, let allowance):
            ["package": JSON(id), "validityDays": JSON(allowance.validityDays)]
        case .account(let change): accountSubject(of: change)
        case .codesBought(let account, let package, let quantity, let product, let first),
            .codesGranted(let account, let package, let quantity, let product, let first):
            [
                "account": JSON(account), "package": JSON(package), "quantity": JSON(quantity),
                "product": JSON(product), "firstCode": JSON(first),
            ]
        case .codesAssigned(let account, let product, let package, let quantity):
            [
                "account": JSON(account), "product": JSON(product), "package": JSON(package),
                "quantity": JSON(quantity),
            ]
        case .keyCreated(let id, let role): ["key": JSON(id), "role": .text(role.name)]
        case .keyRevoked(let id): ["key": JSON(id)]
        case .sealingKeysAdopted(let numbers):
            ["numbers": .array(numbers.map { JSON(Int($0)) })]
        case .topUp(let change): subject(of: change)
        case .upgrade(let change): subject(of: change)
        case .productCreated(let key, let account):
            ["product": JSON(key), "account": JSON(account)]
        case .productUpdated(let key, let update):
            [
                "product": JSON(key), "name": JSON(update.name),
                "autoRenewal": update.autoRenewal.map { JSON($0) } ?? .null,
                "registration": JSON(update.registration?.name),
                "dayOffsetMinutes": JSON(update.dayOffset?.minutes),
            ]
        case .packageUpgraded(let key, let from, let to):
            ["product": JSON(key), "from": JSON(from), "to": JSON(to)]
        case .productDeleted(let key, let forfeited):
            ["product": JSON(key), "forfeited": JSON(forfeited)]
        case .devicesImported(let product, let count, let number):
            ["product": JSON(product), "count": JSON(count), "import": JSON(number)]
        case .importBegun(let product): ["product": JSON(product)]
        case .importAbandoned(let product, let number):
            ["product": JSON(product), "import": JSON(number)]
        case .deviceActivated(let identity, let entitlement, let place):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "code": JSON(entitlement.code), "cause": .text(entitlement.cause.name),
                "activatedAt": JSON(entitlement.activatedAt),
                "expiresAt": JSON(entitlement.expiresAt), "dataCentre": JSON(place),
            ]
        case .entitlementEnded(let identity, let code),
            .entitlementReopened(let identity, let code):
            ["pk": JSON(identity.product), "dk": JSON(identity.device), "code": JSON(code)]
        case .deviceDisabled(let identity, let isDisabled):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "disabled": JSON(isDisabled),
            ]
        case .deviceRenewalSet(let identity, let isOn):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "autoRenewal": JSON(isOn),
            ]
        case .deviceRegistered(let identity), .deviceDeleted(let identity),
            .secretReset(let identity), .secretConfirmed(let identity):
            ["pk": JSON(identity.product), "dk": JSON(identity.device)]
        }
    }

    private static func accountSubject(of change: AccountChange) -> JSON {
        switch change {
        case .updated(let id, let update):
            ["account": JSON(id), "name": JSON(update.name), "email": JSON(update.email)]
        case .certified(let id): ["account": JSON(id)]
        case .contactPut(let id, let contact):
            ["account": JSON(id), "email": JSON(contact.email), "name": .text(contact.name)]
        case .contactRemoved(let id, let email): ["account": JSON(id), "email": JSON(email)]
        }
    }
}
