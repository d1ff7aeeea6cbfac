import Time

@testable import Ledger

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
    ]
}
