import Time

@testable import Ledger
@testable import LedgerModel

/// Values about top-up packs, one of each case.
extension BytesTests {
    static let pack = TopUpPlace(
        account: Desk.acme,
        kind: .ota,
        expiresAt: Timestamp(milliseconds: -3),
        id: 300
    )

    static let lease = TopUpLease(
        id: 301,
        account: Desk.acme,
        pack: 300,
        units: 1 << 40,
        expiresAt: Timestamp(milliseconds: 1 << 41)
    )

    static let topUpActions: [TopUpAction] = [
        .enter(
            Desk.acme,
            .ota,
            source: .gift,
            quantity: 300,
            expiresAt: Timestamp(milliseconds: 1 << 41)
        ),
        .lease(Desk.acme, holder: LeaseHolder("gateway")!, needed: 300, block: 1),
        .settle(lease: 300, used: 299),
        .abandon(holder: LeaseHolder("gateway")!, limit: 4),
        .expire(limit: 300),
    ]

    static let topUpChanges: [TopUpChange] = [
        TopUpChange(pack: pack, entry: .entered(.purchase, quantity: 300)),
        TopUpChange(
            pack: pack,
            entry: .leased(lease: 300, units: 8, holder: LeaseHolder("gateway")!)
        ),
        TopUpChange(pack: pack, entry: .settled(lease: 300, used: 200, returned: 100)),
        TopUpChange(pack: pack, entry: .abandoned(lease: 300, units: 8)),
        TopUpChange(pack: pack, entry: .expired(units: 8)),
        TopUpChange(pack: pack, entry: .deducted(units: 8, identity, UpgradeID("u.1")!)),
        TopUpChange(pack: pack, entry: .returned(units: 8, identity, UpgradeID("u.1")!)),
    ]

    static var upgrade: Upgrade {
        var record = UpgradeRecord(
            sequence: 300,
            size: UpgradeSize(bytes: 1 << 30)!,
            month: Month(number: 600),
            fromAllowance: 1,
            draws: [TopUpDraw(pack: pack, units: 204)],
            requestedAt: Timestamp(milliseconds: 5),
            requestedBy: "platform"
        )
        record.state = .failed
        record.reportedAt = Timestamp(milliseconds: 6)
        return Upgrade(identity: identity, id: UpgradeID("u.1")!, record: record)
    }

    static let upgradeActions: [UpgradeAction] = [
        .request(identity, UpgradeID("u.1")!, UpgradeSize(bytes: UpgradeSize.maximumBytes)!),
        .report(identity, UpgradeID("u.1")!, succeeded: true),
    ]

    static let upgradeChanges: [UpgradeChange] = [
        UpgradeChange(
            identity: identity,
            id: UpgradeID("u.1")!,
            entry: .requested(UpgradeSize(bytes: 1)!, fromAllowance: 300, fromPacks: 1)
        ),
        UpgradeChange(
            identity: identity,
            id: UpgradeID("u.1")!,
            entry: .reported(succeeded: false)
        ),
    ]
}
