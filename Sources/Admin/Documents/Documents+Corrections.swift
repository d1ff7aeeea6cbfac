import Ledger
import Time

extension Documents {
    /// What a correction did: its name, and what the history has of it.
    static func correction(_ correction: Correction) -> JSON {
        guard case .object(let rest) = subject(of: correction) else { return .null }
        return .object([.init(name: "change", value: .text(correction.name))] + rest)
    }

    static func subject(of correction: Correction) -> JSON {
        let subject: JSON =
            switch correction.entry {
            case .purchaseVoided(let account, let package, let quantity, let first):
                [
                    "account": JSON(account), "package": JSON(package),
                    "quantity": JSON(quantity), "firstCode": JSON(first),
                ]
            case .assignmentVoided(
                let account, let product, let package, let quantity, let sequence):
                [
                    "account": JSON(account), "product": JSON(product),
                    "package": JSON(package), "quantity": JSON(quantity),
                    "assignment": JSON(sequence),
                ]
            case .consumptionVoided(let identity, let entitlement):
                [
                    "pk": JSON(identity.product), "dk": JSON(identity.device),
                    "code": JSON(entitlement.code),
                    "activatedAt": JSON(entitlement.activatedAt),
                    "expiresAt": JSON(entitlement.expiresAt),
                ]
            case .entitlementMoved(let identity, let to, let entitlement):
                [
                    "pk": JSON(identity.product), "dk": JSON(identity.device),
                    "to": JSON(to), "code": JSON(entitlement.code),
                    "activatedAt": JSON(entitlement.activatedAt),
                    "expiresAt": JSON(entitlement.expiresAt),
                ]
            case .topUpVoided(let pack, let units):
                [
                    "account": JSON(pack.account), "kind": .text(pack.kind.name),
                    "pack": JSON(pack.id), "units": JSON(units),
                ]
            }
        return subject.adding("cause", .text(correction.cause))
    }
}
