import Ledger
import Time

/// The JSON shapes of top-up packs and OTA upgrades.
extension Documents {
    /// As it is at `time`: what is left of a pack that has expired is counted as expired, also before
    /// the pack is closed.
    static func topUp(_ pack: TopUpPack, at time: Timestamp) -> JSON {
        let counters = pack.record.counters
        let remaining = pack.available(at: time)
        return [
            "id": JSON(pack.place.id),
            "account": JSON(pack.place.account),
            "kind": .text(pack.place.kind.name),
            "source": .text(pack.record.source.name),
            "quantity": JSON(counters.quantity),
            "remaining": JSON(remaining),
            "leased": JSON(counters.leased),
            "used": JSON(counters.used),
            "expired": JSON(counters.expired + counters.remaining - remaining),
            "voided": JSON(counters.voided),
            "expiresAt": JSON(pack.place.expiresAt),
            "at": JSON(pack.record.at),
            "actor": .text(pack.record.actor),
        ]
    }

    static func topUpTotals(_ totals: [TopUpKind: TopUpCounters]) -> JSON {
        .object(
            TopUpKind.allCases.map { kind in
                JSON.Member(
                    name: kind.name,
                    value: [
                        "quantity": JSON(totals[kind]?.quantity ?? 0),
                        "remaining": JSON(totals[kind]?.remaining ?? 0),
                        "leased": JSON(totals[kind]?.leased ?? 0),
                        "used": JSON(totals[kind]?.used ?? 0),
                        "expired": JSON(totals[kind]?.expired ?? 0),
                        "voided": JSON(totals[kind]?.voided ?? 0),
                    ]
                )
            }
        )
    }

    /// - Parameter reaches: whether the caller is told of a product's devices.
    static func movement(_ movement: TopUpMovement, _ reaches: (ProductKey) -> Bool) -> JSON {
        let cause = cause(of: movement.change.entry)
        return [
            "sequence": JSON(movement.sequence),
            "at": JSON(movement.at),
            "actor": .text(movement.actor),
            "change": .text(movement.kind.name),
            "kind": .text(movement.change.pack.kind.name),
            "units": JSON(movement.units),
            "pack": JSON(movement.change.pack.id),
            "lease": JSON(cause.lease),
            "pk": JSON(cause.identity?.product),
            "dk": JSON(cause.identity?.device),
            "upgrade": JSON(cause.upgrade),
            "devices": devices(movement.change.uses.filter { reaches($0.device.product) }),
        ]
    }

    /// Those that used most in front.
    private static func devices(_ uses: [TopUpUse]) -> JSON {
        let sorted = uses.sorted {
            ($1.units, $0.device.product, $0.device.device)
                < ($0.units, $1.device.product, $1.device.device)
        }
        return .array(
            sorted.map {
                [
                    "pk": JSON($0.device.product), "dk": JSON($0.device.device),
                    "units": JSON($0.units),
                ]
            })
    }

    /// Whose upgrade the units are of; `nil` when they are of none.
    static func product(of movement: TopUpMovement) -> ProductKey? {
        cause(of: movement.change.entry).identity?.product
    }

    private static func cause(
        of entry: TopUpChange.Entry
    ) -> (lease: UInt64?, identity: DeviceIdentity?, upgrade: UpgradeID?) {
        switch entry {
        case .settled(let lease, _, _, _), .abandoned(let lease, _), .leased(let lease, _, _):
            (lease, nil, nil)
        case .deducted(_, let identity, let upgrade), .returned(_, let identity, let upgrade):
            (nil, identity, upgrade)
        case .entered, .expired, .voided: (nil, nil, nil)
        }
    }

    static func upgrade(_ upgrade: Upgrade) -> JSON {
        let record = upgrade.record
        return [
            "id": JSON(upgrade.id),
            "pk": JSON(upgrade.identity.product),
            "dk": JSON(upgrade.identity.device),
            "state": .text(record.state.name),
            "sizeBytes": JSON(record.size.bytes),
            "attempts": JSON(record.size.attempts),
            "fromAllowance": JSON(record.fromAllowance),
            "fromPacks": JSON(record.fromPacks),
            "month": JSON(record.month),
            "packs": .array(
                record.draws.map { ["pack": JSON($0.pack.id), "units": JSON($0.units)] }
            ),
            "requestedAt": JSON(record.requestedAt),
            "requestedBy": .text(record.requestedBy),
            "reportedAt": JSON(record.reportedAt),
        ]
    }

    static func upgradeAllowance(_ found: UpgradeAllowance) -> JSON {
        [
            "month": JSON(found.month),
            "allowance": JSON(found.allowance),
            "used": JSON(found.used),
            "left": JSON(found.left),
            "packs": JSON(found.inPacks),
            "attemptBytes": JSON(UpgradeSize.attemptBytes),
        ]
    }

    /// What an event about a pack adds to what every event has.
    static func subject(of change: TopUpChange) -> JSON {
        let cause = cause(of: change.entry)
        var members: [JSON.Member] = [
            .init(name: "account", value: JSON(change.pack.account)),
            .init(name: "kind", value: .text(change.pack.kind.name)),
            .init(name: "pack", value: JSON(change.pack.id)),
            .init(name: "expiresAt", value: JSON(change.pack.expiresAt)),
        ]
        switch change.entry {
        case .entered(_, let quantity):
            members.append(.init(name: "quantity", value: JSON(quantity)))
        case .leased(_, let units, let holder):
            members.append(.init(name: "units", value: JSON(units)))
            members.append(.init(name: "holder", value: JSON(holder)))
        case .settled(_, let used, let returned, let uses):
            members.append(.init(name: "used", value: JSON(used)))
            members.append(.init(name: "returned", value: JSON(returned)))
            members.append(.init(name: "devices", value: devices(uses)))
        case .abandoned(_, let units), .expired(let units), .voided(let units),
            .deducted(let units, _, _), .returned(let units, _, _):
            members.append(.init(name: "units", value: JSON(units)))
        }
        if let lease = cause.lease { members.append(.init(name: "lease", value: JSON(lease))) }
        if let identity = cause.identity {
            members.append(.init(name: "pk", value: JSON(identity.product)))
            members.append(.init(name: "dk", value: JSON(identity.device)))
            members.append(.init(name: "upgrade", value: JSON(cause.upgrade)))
        }
        return .object(members)
    }

    static func subject(of change: UpgradeChange) -> JSON {
        let subject: JSON = [
            "pk": JSON(change.identity.product), "dk": JSON(change.identity.device),
            "upgrade": JSON(change.id),
        ]
        guard case .requested(let size, let fromAllowance, let fromPacks) = change.entry else {
            return subject
        }
        return
            subject
            .adding("sizeBytes", JSON(size.bytes))
            .adding("fromAllowance", JSON(fromAllowance))
            .adding("fromPacks", JSON(fromPacks))
    }
}

/// The shapes of `Documents`: top-up packs and OTA upgrades.
extension Schema {
    /// Rule C6: quantity = remaining + leased + used + expired + voided.
    static let topUp = named(
        "TopUp",
        .object([
            "id": .count,
            "account": .id(AccountID.self),
            "kind": .choice(TopUpKind.self),
            "source": .choice(TopUpSource.self),
            "quantity": .count,
            "remaining": .noted(.count, "What can be drawn from it now."),
            "leased": .noted(.count, "With the gateway, which has not settled yet."),
            "used": .count,
            "expired": .count,
            "voided": .noted(.count, "By a correction (rule A11)."),
            "expiresAt": .time,
            "at": .time,
            "actor": .anyText,
        ])
    )

    static let topUpTotals = named(
        "TopUpTotals", .object(["messages": .topUpCounters, "ota": .topUpCounters]))

    private static let topUpCounters = named(
        "TopUpCounters",
        .object([
            "quantity": .count, "remaining": .count, "leased": .count, "used": .count,
            "expired": .count, "voided": .count,
        ])
    )

    /// Rule C6: a row of the list of changes.
    static let topUpChange = named(
        "TopUpChange",
        .object([
            "sequence": .noted(.count, "The number of its event."),
            "at": .time,
            "actor": .anyText,
            "change": .choice(TopUpMovement.Kind.self),
            "kind": .choice(TopUpKind.self),
            "units": .count,
            "pack": .count,
            "lease": .noted(.nullable(.count), "Of a deduction of messages."),
            "pk": .noted(.nullable(.id(ProductKey.self)), "Of OTA attempts."),
            "dk": .nullable(.id(DeviceKey.self)),
            "upgrade": .nullable(.id(UpgradeID.self)),
            "devices": .noted(
                .list(
                    .object([
                        "pk": .id(ProductKey.self), "dk": .id(DeviceKey.self), "units": .count,
                    ])),
                "Of a deduction of messages: which devices used how many, as far as it is known."),
        ])
    )

    /// Rules D1 and D2.
    static let upgrade = named(
        "Upgrade",
        .object([
            "id": .id(UpgradeID.self),
            "pk": .id(ProductKey.self),
            "dk": .id(DeviceKey.self),
            "state": .choice(UpgradeState.self),
            "sizeBytes": .upgradeSize,
            "attempts": .noted(.count, "One for each started 5 MiB."),
            "fromAllowance": .count,
            "fromPacks": .count,
            "month": .noted(.anyText, "Whose allowance was drawn from, like 2026-11."),
            "packs": .list(.object(["pack": .count, "units": .count])),
            "requestedAt": .time,
            "requestedBy": .anyText,
            "reportedAt": .nullable(.time),
        ])
    )

    /// Rule D2.
    static let upgradeAllowance = named(
        "UpgradeAllowance",
        .object([
            "month": .noted(.anyText, "At the product's offset, like 2026-11."),
            "allowance": .noted(.count, "Attempts in the whole month."),
            "used": .noted(.count, "Of the allowance; failed upgrades cost nothing."),
            "left": .noted(.count, "Of the allowance."),
            "packs": .noted(
                .count, "Attempts in the account's packs, for all its devices together."),
            "attemptBytes": .noted(.count, "What one attempt carries: 5 MB."),
        ])
    )

    /// 1 byte to 64 GiB.
    static let upgradeSize = noted(
        .integer(1...Int64(clamping: UpgradeSize.maximumBytes)),
        "Bytes of what is sent. Each 5 MB (5,242,880 bytes) begun take an attempt.")
}

extension TopUpKind: Choice {}
extension TopUpSource: Choice {}
extension TopUpMovement.Kind: Choice {}
extension UpgradeState: Choice {}
