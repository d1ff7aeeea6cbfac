import Gateway
import Ledger
import Time

/// The JSON shapes of the books' records, as interfaces for tools: names and order do not change.
enum Documents {
    static func account(
        _ id: AccountID,
        _ record: AccountRecord,
        _ figures: AccountFigures,
        holdings: [(package: PackageID, record: HoldingRecord)]
    ) -> JSON {
        [
            "id": JSON(id),
            "name": .text(record.name),
            "kind": .text(record.kind.name),
            "parent": JSON(record.parent),
            "email": JSON(record.email),
            "dataCentre": JSON(record.dataCentre),
            "createdAt": JSON(record.createdAt),
            "certifiedAt": JSON(record.certifiedAt),
            "codes": [
                "total": JSON(figures.total),
                "used": JSON(figures.used),
                "remaining": JSON(figures.remaining),
                "unassigned": JSON(figures.unassigned),
            ],
            "packages": .array(
                holdings.map { package, record in
                    [
                        "package": JSON(package),
                        "bought": JSON(record.bought),
                        "granted": JSON(record.granted),
                        "assigned": JSON(record.assigned),
                        "unassigned": JSON(record.unassigned),
                    ]
                }
            ),
        ]
    }

    /// How many devices near expiry an account counts.
    static let nearExpiryMaximum = 10_000

    static func contact(_ email: EmailAddress, _ record: ContactRecord) -> JSON {
        [
            "email": JSON(email),
            "name": .text(record.name),
            "at": JSON(record.at),
            "actor": .text(record.actor),
        ]
    }

    static func package(_ id: PackageID, _ record: PackageRecord) -> JSON {
        [
            "id": JSON(id),
            "name": .text(record.name),
            "validityDays": JSON(record.allowance.validityDays),
            "messagesPerDay": JSON(record.allowance.messagesPerDay),
            "otaPerMonth": JSON(record.allowance.otaPerMonth),
            "storageDays": JSON(record.allowance.storageDays),
        ]
    }

    static func product(
        _ key: ProductKey,
        _ record: ProductRecord,
        _ figures: ProductFigures,
        online: Int
    ) -> JSON {
        [
            "pk": JSON(key),
            "name": .text(record.name),
            "account": JSON(record.account),
            "package": JSON(record.package),
            "autoRenewal": JSON(record.autoRenewal),
            "registration": .text(record.registration.name),
            "dayOffsetMinutes": JSON(record.dayOffset.minutes),
            "dataCentre": JSON(record.dataCentre),
            "createdAt": JSON(record.createdAt),
            "codes": [
                "assigned": JSON(figures.assigned),
                "remaining": JSON(figures.remaining),
                "consumed": JSON(figures.consumed),
            ],
            "devices": [
                "known": JSON(figures.devicesKnown),
                "active": JSON(figures.devicesActive),
                "online": JSON(online),
            ],
        ]
    }

    /// `autoRenewal` is what holds for the device: on for the product, and no exception for it.
    static func device(
        _ identity: DeviceIdentity,
        _ record: DeviceRecord,
        _ product: ProductRecord,
        _ presence: DevicePresence,
        at time: Timestamp
    ) -> JSON {
        [
            "dk": JSON(identity.device),
            "pk": JSON(identity.product),
            "name": .text(record.name),
            "state": .text(record.state(at: time).name),
            "activatedAt": JSON(record.entitlement?.activatedAt),
            "expiresAt": JSON(record.entitlement?.expiresAt),
            "codesConsumed": JSON(record.codesConsumed),
            "autoRenewal": JSON(product.autoRenewal && !record.isExceptedFromRenewal),
            "exceptedFromRenewal": JSON(record.isExceptedFromRenewal),
            "online": JSON(presence.isOnline),
            "lastSeenAt": JSON(presence.lastSeenAt),
            "registeredAt": JSON(record.registeredAt),
        ]
    }

    static func blacklisted(_ identity: DeviceIdentity, _ record: DeviceRecord) -> JSON {
        [
            "dk": JSON(identity.device),
            "pk": JSON(identity.product),
            "name": .text(record.name),
            "registered": JSON(record.isRegistered),
            "expiresAt": JSON(record.entitlement?.expiresAt),
        ]
    }

    static func activation(_ activation: Activation) -> JSON {
        [
            "dk": JSON(activation.identity.device),
            "pk": JSON(activation.identity.product),
            "code": JSON(activation.entitlement.code),
            "number": JSON(activation.entitlement.period),
            "activatedAt": JSON(activation.entitlement.activatedAt),
            "expiresAt": JSON(activation.entitlement.expiresAt),
            "cause": .text(activation.entitlement.cause.name),
            "dataCentre": JSON(activation.dataCentre),
        ]
    }

    static func purchase(_ purchase: Purchase) -> JSON {
        [
            "account": JSON(purchase.record.account),
            "package": JSON(purchase.record.package),
            "quantity": JSON(purchase.record.quantity),
            "product": JSON(purchase.record.product),
            "source": .text(purchase.record.source.name),
            "firstCode": JSON(purchase.first),
            "at": JSON(purchase.record.at),
            "actor": .text(purchase.record.actor),
            "voided": JSON(purchase.record.voided),
        ]
    }

    static func assignment(_ assignment: Assignment) -> JSON {
        [
            "product": JSON(assignment.record.product),
            "quantity": JSON(assignment.record.quantity),
            "package": JSON(assignment.record.package),
            "account": JSON(assignment.account),
            "productName": .text(assignment.productName),
            "at": JSON(assignment.record.at),
            "actor": .text(assignment.record.actor),
            "sequence": JSON(assignment.sequence),
            "voided": JSON(assignment.record.voided),
        ]
    }

    static func nearExpiry(_ entry: NearExpiry) -> JSON {
        [
            "dk": JSON(entry.identity.device),
            "pk": JSON(entry.identity.product),
            "productName": .text(entry.productName),
            "account": JSON(entry.account),
            "activatedAt": JSON(entry.entitlement.activatedAt),
            "expiresAt": JSON(entry.entitlement.expiresAt),
            "autoRenewal": JSON(entry.autoRenewal),
        ]
    }

    static func key(_ id: KeyID, _ record: KeyRecord) -> JSON {
        [
            "id": JSON(id),
            "name": .text(record.name),
            "role": .text(record.role.name),
            "account": JSON(record.account),
            "products": record.products.map { .array($0.map { JSON($0) }) } ?? .null,
            "createdAt": JSON(record.createdAt),
            "revokedAt": JSON(record.revokedAt),
        ]
    }
}

extension JSON {
    /// An object with one member more, right after the one of that name, or at the end.
    func adding(_ name: String, _ value: JSON, after other: String = "") -> JSON {
        guard case .object(var members) = self else { return self }
        let place = members.firstIndex { $0.name == other }.map { $0 + 1 } ?? members.count
        members.insert(Member(name: name, value: value), at: place)
        return .object(members)
    }
}

extension Documents {
    /// An import in chunks. The rows that have landed count only once it is committed.
    static func fleetImport(_ view: ImportView, of product: ProductKey) -> JSON {
        let record = view.record
        let hasLanded = record.state == .landing || record.state == .done
        return [
            "id": JSON(view.number),
            "pk": JSON(product),
            "state": .text(record.state.name),
            "rows": JSON(record.rows),
            "landed": JSON(hasLanded ? record.moved : 0),
            "actor": .text(record.actor),
            "beganAt": JSON(record.beganAt),
            "at": JSON(record.changedAt),
        ]
    }
}
