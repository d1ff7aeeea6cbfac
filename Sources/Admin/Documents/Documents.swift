import Gateway
import Ledger
import Time

/// The documents of the books' records: accounts, packages, codes and keys.
enum Documents {
    typealias ShownAccount = (
        id: AccountID, record: AccountRecord, figures: AccountFigures,
        holdings: [(package: PackageID, record: HoldingRecord)], metadata: Metadata
    )

    /// Rule A1.
    static let account = Shape<ShownAccount>("Account") {
        Member("id", \.id)
        Member("name", \.record.name, as: .name)
        Member("kind", \.record.kind)
        Member("parent", \.record.parent, "Of a sub-account: whose it is.")
        Member("email", \.record.email, "The owner's, where alerts go by default (rule E1).")
        Member(
            "dataCentre", \.record.dataCentre, "Where its unassigned codes are counted (rule B13).")
        Member("createdAt", \.record.createdAt)
        Member("certifiedAt", \.record.certifiedAt, "When it became an enterprise (rule A7).")
        Member("codes") {
            Member("total", \.figures.total)
            Member("used", \.figures.used)
            Member("remaining", \.figures.remaining)
            Member("unassigned", \.figures.unassigned)
        }
        Member("packages", each: \.holdings) {
            Member("package", \.package)
            Member("bought", \.record.bought)
            Member("granted", \.record.granted)
            Member("assigned", \.record.assigned)
            Member("unassigned", \.record.unassigned)
        }
        Member("metadata", \.metadata)
    }

    /// How many devices near expiry an account counts.
    static let nearExpiryMaximum = 10_000

    /// Rule E1.
    static let contact = Shape<(email: EmailAddress, record: ContactRecord)>("Contact") {
        Member("email", \.email)
        Member("name", \.record.name, as: .optionalName)
        Member("at", \.record.at)
        Member("actor", \.record.actor)
    }

    static let package = Shape<(id: PackageID, record: PackageRecord)>("Package") {
        Member("id", \.id)
        Member("name", \.record.name, as: .name)
        Member("validityDays", \.record.allowance.validityDays, as: .validityDays)
        Member("messagesPerDay", \.record.allowance.messagesPerDay, "Null when there is no limit.")
        Member("otaPerMonth", \.record.allowance.otaPerMonth)
        Member("storageDays", \.record.allowance.storageDays)
    }

    /// What free codes of a product give, when that is not what its package gives (rule A4).
    static let allowance = Shape<Allowance>("Allowance") {
        Member("validityDays", \.validityDays, as: .validityDays)
        Member("messagesPerDay", \.messagesPerDay, "Null when there is no limit.")
        Member("otaPerMonth", \.otaPerMonth)
        Member("storageDays", \.storageDays)
    }

    /// Rule B10.
    static let activation = Shape<Activation>("Activation") {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("code", \.entitlement.code)
        Member("number", \.entitlement.period, "The device's first activation is 1.")
        Member("activatedAt", \.entitlement.activatedAt)
        Member("expiresAt", \.entitlement.expiresAt)
        Member("cause", \.entitlement.cause)
        Member("dataCentre", \.dataCentre, "Where the device connected.")
    }

    /// Rules A2 and A7.
    static let purchase = Shape<Purchase>("Purchase") {
        Member("account", \.record.account)
        Member("package", \.record.package)
        Member("quantity", \.record.quantity)
        Member("product", \.record.product)
        Member("source", \.record.source)
        Member("firstCode", \.first)
        Member("at", \.record.at)
        Member("actor", \.record.actor)
        Member("voided", \.record.voided, "How many of its codes are void (rule A11).")
    }

    /// Rule A3.
    static let assignment = Shape<Assignment>("Assignment") {
        Member("product", \.record.product)
        Member("quantity", \.record.quantity)
        Member("package", \.record.package)
        Member("account", \.account)
        Member("productName", \.productName)
        Member("at", \.record.at)
        Member("actor", \.record.actor)
        Member("sequence", \.sequence, "Names it, when it is to be voided.")
        Member("voided", \.record.voided, "How many of its codes were taken back (rule A11).")
    }

    typealias NewAssignment = (
        product: ProductKey, quantity: UInt64, package: PackageID, account: AccountID
    )

    static let newAssignment = Shape<NewAssignment>("NewAssignment") {
        Member("product", \.product)
        Member("quantity", \.quantity)
        Member("package", \.package)
        Member("account", \.account)
    }

    /// Rule A6.
    static let assignable = Shape<(product: ProductKey, packages: [Assignable])>("Assignable") {
        Member("product", \.product)
        Member("quantity", \.packages.mostTogether)
        Member("packages", each: \.packages) {
            Member("package", \.package)
            Member("quantity", \.quantity)
        }
    }

    /// Rule B11.
    static let nearExpiry = Shape<NearExpiry>("NearExpiry") {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("productName", \.productName)
        Member("account", \.account)
        Member("activatedAt", \.entitlement.activatedAt)
        Member("expiresAt", \.entitlement.expiresAt)
        Member("autoRenewal", \.autoRenewal)
    }

    static let key = Shape<(id: KeyID, record: KeyRecord)>("Key") {
        Member("id", \.id)
        Member("name", \.record.name, as: .name)
        Member("role", \.record.role)
        Member("account", \.record.account, "Null: every account's resources.")
        Member("products", \.record.products, "Null: all products of the account.")
        Member("createdAt", \.record.createdAt)
        Member("revokedAt", \.record.revokedAt)
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

    /// The same, in place.
    mutating func add(_ name: String, _ value: JSON) { self = adding(name, value) }
}
