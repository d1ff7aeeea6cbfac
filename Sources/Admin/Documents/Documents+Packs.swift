import Ledger
import Time

/// The documents of top-up packs and OTA upgrades.
extension Documents {
    /// Rule C6: quantity = remaining + leased + used + expired + voided. As it is at `time`: what is left of a pack
    /// that has expired is counted as expired, also before the pack is closed.
    static let topUp = Shape<(pack: TopUpPack, time: Timestamp)>("TopUp") {
        Member("id", \.pack.place.id)
        Member("account", \.pack.place.account)
        Member("kind", \.pack.place.kind)
        Member("source", \.pack.record.source)
        Member("quantity", \.pack.record.counters.quantity)
        Member("remaining", { $0.pack.available(at: $0.time) }, "What can be drawn from it now.")
        Member(
            "leased", \.pack.record.counters.leased,
            "With the gateway, which has not settled yet.")
        Member("used", \.pack.record.counters.used)
        Member("expired") {
            let counters = $0.pack.record.counters
            return counters.expired + counters.remaining - $0.pack.available(at: $0.time)
        }
        Member("voided", \.pack.record.counters.voided, "By a correction (rule A11).")
        Member("expiresAt", \.pack.place.expiresAt)
        Member("at", \.pack.record.at)
        Member("actor", \.pack.record.actor)
    }

    private static let topUpCounters = Shape<TopUpCounters?>("TopUpCounters") {
        Member("quantity") { $0?.quantity ?? 0 }
        Member("remaining") { $0?.remaining ?? 0 }
        Member("leased") { $0?.leased ?? 0 }
        Member("used") { $0?.used ?? 0 }
        Member("expired") { $0?.expired ?? 0 }
        Member("voided") { $0?.voided ?? 0 }
    }

    static let topUpTotals = Shape<[TopUpKind: TopUpCounters]>("TopUpTotals") {
        Member(TopUpKind.messages.name, topUpCounters) { $0[.messages] }
        Member(TopUpKind.ota.name, topUpCounters) { $0[.ota] }
    }

    /// Rule C6: a row of the list of changes. `reaches`: whether the caller is told of a product's devices.
    static let movement = Shape<(movement: TopUpMovement, reaches: (ProductKey) -> Bool)>(
        "TopUpChange"
    ) {
        Member("sequence", \.movement.sequence, "The number of its event.")
        Member("at", \.movement.at)
        Member("actor", \.movement.actor)
        Member("change", \.movement.kind)
        Member("kind", \.movement.change.pack.kind)
        Member("units", \.movement.units)
        Member("pack", \.movement.change.pack.id)
        Member("lease", \.movement.change.entry.cause.lease, "Of a deduction of messages.")
        Member("pk", \.movement.product, "Of OTA attempts.")
        Member("dk", \.movement.change.entry.cause.identity?.device)
        Member("upgrade", \.movement.change.entry.cause.upgrade)
        Member(
            "devices",
            { row in
                row.movement.change.uses.filter { row.reaches($0.device.product) }.mostFirst
            },
            "Of a deduction of messages: which devices used how many, as far as it is known.")
    }

    fileprivate static let use = Shape<TopUpUse> {
        Member("pk", \.device.product)
        Member("dk", \.device.device)
        Member("units", \.units)
    }

    /// Rules D1 and D2.
    static let upgrade = Shape<Upgrade>("Upgrade") {
        Member("id", \.id)
        Member("pk", \.identity.product)
        Member("dk", \.identity.device)
        Member("state", \.record.state)
        Member("sizeBytes", \.record.size.bytes, as: .upgradeSize)
        Member("attempts", \.record.size.attempts, "One for each started 5 MiB.")
        Member("fromAllowance", \.record.fromAllowance)
        Member("fromPacks", \.record.fromPacks)
        Member("month", \.record.month, "Whose allowance was drawn from, like 2026-11.")
        Member("packs", each: \.record.draws) {
            Member("pack", \.pack.id)
            Member("units", \.units)
        }
        Member("requestedAt", \.record.requestedAt)
        Member("requestedBy", \.record.requestedBy)
        Member("reportedAt", \.record.reportedAt)
    }

    /// Rule D2.
    static let upgradeAllowance = Shape<UpgradeAllowance>("UpgradeAllowance") {
        Member("month", \.month, "At the product's offset, like 2026-11.")
        Member("allowance", \.allowance, "What the device's code gives for the whole month.")
        Member("used", \.used, "Of the allowance; failed upgrades cost nothing.")
        Member("left", \.left, "Of the allowance.")
        Member("packs", \.inPacks, "Attempts in the account's packs, for all its devices together.")
        Member("attemptBytes", { _ in UpgradeSize.attemptBytes }, "What one attempt carries: 5 MB.")
    }

    /// What an event about a pack adds to what every event has.
    static func subject(of change: TopUpChange) -> JSON {
        let cause = change.entry.cause
        var document: JSON = [
            "account": JSON(change.pack.account), "kind": .text(change.pack.kind.name),
            "pack": JSON(change.pack.id), "expiresAt": JSON(change.pack.expiresAt),
        ]
        switch change.entry {
        case .entered(_, let quantity): document.add("quantity", JSON(quantity))
        case .leased(_, let units, let holder):
            document.add("units", JSON(units))
            document.add("holder", JSON(holder))
        case .settled(_, let used, let returned, let uses):
            document.add("used", JSON(used))
            document.add("returned", JSON(returned))
            document.add("devices", uses.mostFirst.json)
        case .abandoned(_, let units), .expired(let units), .voided(let units),
            .deducted(let units, _, _), .returned(let units, _, _):
            document.add("units", JSON(units))
        }
        if let lease = cause.lease { document.add("lease", JSON(lease)) }
        if let identity = cause.identity {
            document.add("pk", JSON(identity.product))
            document.add("dk", JSON(identity.device))
            document.add("upgrade", JSON(cause.upgrade))
        }
        return document
    }

    static func subject(of change: UpgradeChange) -> JSON {
        var document: JSON = [
            "pk": JSON(change.identity.product), "dk": JSON(change.identity.device),
            "upgrade": JSON(change.id),
        ]
        if case .requested(let size, let fromAllowance, let fromPacks) = change.entry {
            document.add("sizeBytes", JSON(size.bytes))
            document.add("fromAllowance", JSON(fromAllowance))
            document.add("fromPacks", JSON(fromPacks))
        }
        return document
    }
}

extension TopUpUse: Documented {
    static var schema: Schema { Documents.use.schema }
    var json: JSON { Documents.use(self) }
}

extension [TopUpUse] {
    fileprivate var mostFirst: [TopUpUse] {
        sorted {
            ($1.units, $0.device.product, $0.device.device)
                < ($0.units, $1.device.product, $1.device.device)
        }
    }
}

extension TopUpMovement {
    /// Whose upgrade the units are of; `nil` when they are of none.
    var product: ProductKey? { change.entry.cause.identity?.product }
}

extension TopUpChange.Entry {
    /// What moved the units: a lease, or an upgrade of a device.
    fileprivate var cause: (lease: UInt64?, identity: DeviceIdentity?, upgrade: UpgradeID?) {
        switch self {
        case .settled(let lease, _, _, _), .abandoned(let lease, _), .leased(let lease, _, _):
            (lease, nil, nil)
        case .deducted(_, let identity, let upgrade), .returned(_, let identity, let upgrade):
            (nil, identity, upgrade)
        case .entered, .expired, .voided: (nil, nil, nil)
        }
    }
}
