import Ledger

/// The shapes of `Documents`: top-up packs and OTA upgrades.
extension Schema {
    /// Rule C6: quantity = remaining + leased + used + expired.
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
            "expired": .count,
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
        ])
    )

    /// 1 byte to 64 GiB.
    static let upgradeSize = integer(1...Int64(clamping: UpgradeSize.maximumBytes))
}

extension TopUpKind: Choice {}
extension TopUpSource: Choice {}
extension TopUpMovement.Kind: Choice {}
extension UpgradeState: Choice {}
