import Gateway
import Ledger
import Time

/// The documents of products, their devices, and what happened to them.
extension Documents {
    /// Rule B14.
    static let product = Shape<
        (
            key: ProductKey, record: ProductRecord, figures: ProductFigures, online: Int,
            metadata: Metadata
        )
    >("Product") {
        Member("pk", \.key)
        Member("name", \.record.name, as: .name)
        Member("account", \.record.account)
        Member("package", \.record.package)
        Member("freeAllowance", Documents.allowance, orNull: \.record.ownFreeAllowance)
        Member("autoRenewal", \.record.autoRenewal)
        Member("registration", \.record.registration)
        Member("dayOffsetMinutes", \.record.dayOffset.minutes, as: .dayOffset)
        Member("dataCentre", \.record.dataCentre, "Where its codes are counted (rule B13).")
        Member(
            "uplinkStream", \.record.uplink,
            "The JetStream stream that its devices' messages go into.")
        Member("messageLog", \.record.messageLog, "Its devices' messages are stored (rule D3).")
        Member("dialect", Documents.dialect, orNull: \.record.dialect)
        Member("limits", Documents.limits, orNull: \.record.limits)
        Member(
            "stateCounted", \.record.countsState,
            "What its devices say of their states is counted as messages are.")
        Member(
            "uncountedTopics", \.record.uncounted,
            "What its devices publish without being counted (rule C13).")
        Member("createdAt", \.record.createdAt)
        Member("codes") {
            Member("assigned", \.figures.assigned)
            Member("remaining", \.figures.remaining)
            Member("consumed", \.figures.consumed)
        }
        Member("devices") {
            Member("known", \.figures.devicesKnown)
            Member("active", \.figures.devicesActive)
            Member("online", \.online)
        }
        Member("metadata", \.metadata)
    }

    typealias ShownDevice = (
        identity: DeviceIdentity, record: DeviceRecord, product: ProductRecord,
        presence: DevicePresence, metadata: Metadata, time: Timestamp
    )

    static let device = Shape<ShownDevice>("Device") {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("name", \.record.name, as: .optionalName)
        Member("state") { $0.record.state(at: $0.time) }
        Member("activatedAt", \.record.entitlement?.activatedAt)
        Member("expiresAt", \.record.entitlement?.expiresAt)
        Member("codesConsumed", \.record.codesConsumed)
        Member(
            "autoRenewal", { $0.product.autoRenewal && !$0.record.isExceptedFromRenewal },
            "On for the product, and no exception for the device.")
        Member("exceptedFromRenewal", \.record.isExceptedFromRenewal)
        Member("limits", Documents.limits, orNull: \.record.limits)
        Member("online", \.presence.isOnline)
        Member("lastSeenAt", \.presence.lastSeenAt)
        Member("registeredAt", \.record.registeredAt)
        Member("metadata", \.metadata)
    }

    /// Rule B6.
    static let blacklisted = Shape<(identity: DeviceIdentity, record: DeviceRecord)>(
        "Blacklisted"
    ) {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("name", \.record.name, as: .optionalName)
        Member(
            "registered", \.record.isRegistered,
            "False once it was deleted; it is on the list when it returns.")
        Member("expiresAt", \.record.entitlement?.expiresAt)
    }

    static let deviceSecret = Shape<(identity: DeviceIdentity, secret: Secret)>("DeviceSecret") {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("secret", \.secret)
    }

    static let productSecret = Shape<
        (key: ProductKey, secret: Secret?, previousUntil: Timestamp?)
    >("ProductSecret") {
        Member("pk", \.key)
        Member("secret", \.secret, "Null: it was revoked.")
        Member(
            "previousUntil", \.previousUntil,
            "How long the one before is taken; null: it is not.")
    }

    static let deletedProduct = Shape<(key: ProductKey, forfeited: UInt64)>("DeletedProduct") {
        Member("pk", \.key)
        Member("forfeited", \.forfeited, "Codes that were not consumed (rule B9).")
    }

    /// An import in chunks, of more rows than one command takes. The rows that have landed count only
    /// once it is committed.
    static let fleetImport = Shape<(view: ImportView, product: ProductKey)>("Import") {
        Member("id", \.view.number)
        Member("pk", \.product)
        Member("state", \.view.record.state)
        Member("rows", \.view.record.rows, "Rows that were taken.")
        Member(
            "landed",
            { ($0.view.record.state.hasLanded ? $0.view.record.moved : 0) },
            "How many of them are where they stay.")
        Member("actor", \.view.record.actor)
        Member("beganAt", \.view.record.beganAt)
        Member("at", \.view.record.changedAt, "Of the latest rows, of the commit, or of the end.")
    }

    /// The devices of an import, with the secrets that were made.
    static let imported = Shape<[ImportRow]>("Imported") {
        Member("imported", \.count)
        Member("devices", each: \.self) {
            Member("dk", \.device)
            Member("secret", \.secret, as: .nullable(.secret))
            Member("name", \.name, as: .optionalName)
        }
    }
}

extension ProductRecord {
    /// What its free codes give, when that is not what its package gives (rule A4).
    fileprivate var ownFreeAllowance: Allowance? {
        freeAllowance == allowance ? nil : freeAllowance
    }
}

extension ImportState {
    fileprivate var hasLanded: Bool { self == .landing || self == .done }
}
