import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Packs of the tour: one of messages that has expired, one of 100 messages with a lease, one of 10 OTA
/// attempts of which upgrade u3 took one.
extension Damage {
    static let packs: [Damage] = [
        Damage("a pack that is gone", "is not there", "totals of the ota packs of account acme") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.topUps.remove(place, in: transaction)
        },
        Damage("a pack too many", "against its leases and changes") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.topUps.copy(place, to: other(place), in: transaction)
        },
        Damage("a pack of nobody", "there is no such account") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            let ghost = TopUpPlace(
                account: AccountID("gone")!, kind: .ota, expiresAt: place.expiresAt, id: 1)
            try books.topUps.copy(place, to: ghost, in: transaction)
        },
        Damage(
            "a pack that lost units", "quantity is not remaining + leased + used + expired + voided"
        ) {
            (books, transaction) throws(StoreError) in
            try books.topUps.change(pack(.ota, books, transaction), in: transaction) {
                $0.counters.remaining -= 1
            }
        },
        Damage("a pack that gained units", "against its leases and changes") {
            (books, transaction) throws(StoreError) in
            try books.topUps.change(pack(.messages, books, transaction), in: transaction) {
                $0.counters.remaining += 1
                $0.counters.quantity += 1
            }
        },
        Damage("a pack that is void in part", "is void and has units left") {
            (books, transaction) throws(StoreError) in
            try books.topUps.change(pack(.ota, books, transaction), in: transaction) {
                $0.counters.remaining -= 1
                $0.counters.voided += 1
            }
        },
        Damage("an open pack that is not listed", "is not among the open ones") {
            (books, transaction) throws(StoreError) in
            try books.openTopUps.remove(pack(.ota, books, transaction), in: transaction)
        },
        Damage("a listed open pack too many", "table openTopUps: ") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.openTopUps.put(other(place), EmptyRecord(), in: transaction)
        },
        Damage("a pack that would not expire", "has units left and would not expire") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.topUpExpiries.remove(KeyPair(place.expiresAt, place), in: transaction)
        },
        Damage("a pack that would expire twice", "table topUpExpiries: ") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.topUpExpiries.put(
                KeyPair(Timestamp(milliseconds: 0), place), EmptyRecord(), in: transaction)
        },
        Damage("no totals", "account acme has no totals of its ota packs") {
            (books, transaction) throws(StoreError) in
            try books.topUpTotals.remove(KeyPair(TestStore.acme, .ota), in: transaction)
        },
        Damage("totals too many", "totals of the ota packs of account sub") {
            (books, transaction) throws(StoreError) in
            try books.topUpTotals.copy(
                KeyPair(TestStore.acme, .ota), to: KeyPair(Tour.sub, .ota), in: transaction)
        },
        Damage("wrong totals", "totals of the messages packs of account acme") {
            (books, transaction) throws(StoreError) in
            try books.topUpTotals.change(KeyPair(TestStore.acme, .messages), in: transaction) {
                $0.used += 1
            }
        },
        Damage("a change that is gone", "against its leases and changes") {
            (books, transaction) throws(StoreError) in
            let place = try pack(.ota, books, transaction)
            try books.topUpChanges.remove(
                KeyTriple(TestStore.acme, .ota, place.id), in: transaction)
        },
        Damage("a change too many", "change 3 is not one of the ota packs of acme") {
            (books, transaction) throws(StoreError) in
            try books.topUpChanges.put(
                KeyTriple(TestStore.acme, .ota, 3), EmptyRecord(), in: transaction)
        },
        Damage(
            "a lease that is gone", "against its leases and changes", "leasesByHolder: gateway-1"
        ) { (books, transaction) throws(StoreError) in
            try books.leases.remove(lease(books, transaction), in: transaction)
        },
        Damage("a lease too many", "lease 3 is not among those of gateway-1") {
            (books, transaction) throws(StoreError) in
            try books.leases.copy(lease(books, transaction), to: 3, in: transaction)
        },
        Damage("a lease of no pack", "is leased from, and is not there") {
            (books, transaction) throws(StoreError) in
            let place = other(try pack(.messages, books, transaction))
            let record = LeaseRecord(
                pack: place, holder: LeaseHolder("gateway-1")!, units: 1,
                at: Timestamp(milliseconds: 0))
            try books.leases.put(3, record, in: transaction)
        },
        Damage("a lease that its holder has not", "is not among those of gateway-1") {
            (books, transaction) throws(StoreError) in
            let id = try lease(books, transaction)
            try books.leasesByHolder.remove(
                KeyPair(LeaseHolder("gateway-1")!, id), in: transaction)
        },
        Damage("a lease that a holder has too much", "table leasesByHolder: gateway-2, 3 is too") {
            (books, transaction) throws(StoreError) in
            try books.leasesByHolder.put(
                KeyPair(LeaseHolder("gateway-2")!, 3), EmptyRecord(), in: transaction)
        },
    ]

    private static let u3 = KeyPair(TestStore.device("d1"), UpgradeID("u3")!)

    static let upgrades: [Damage] = [
        Damage(
            "an upgrade that is gone", "upgrade u3 of PK1.d1 is not there",
            "attempts that upgrades took from pack", "table upgradeOrder: PK1.d1, "
        ) { (books, transaction) throws(StoreError) in
            try books.upgrades.remove(u3, in: transaction)
        },
        Damage("an upgrade too many", "the number of upgrades against those requested: 7 is not 6")
        { (books, transaction) throws(StoreError) in
            try books.upgrades.copy(
                u3, to: KeyPair(TestStore.device("d1"), UpgradeID("ghost")!), in: transaction)
        },
        Damage("an upgrade that cost nothing", "upgrade u3 of PK1.d1 did not cost what its size") {
            (books, transaction) throws(StoreError) in
            let old = try books.upgrades.get(u3, in: transaction)!
            let record = UpgradeRecord(
                sequence: old.sequence, size: old.size, month: old.month, fromAllowance: 0,
                draws: [], requestedAt: old.requestedAt, requestedBy: "test")
            try books.upgrades.put(u3, record, in: transaction)
        },
        Damage("an upgrade that is given back, and was not", "attempts that upgrades took from") {
            (books, transaction) throws(StoreError) in
            try books.upgrades.change(u3, in: transaction) { $0.state = .failed }
        },
        Damage("an upgrade that is not listed", "upgrade u3 of PK1.d1 is not in the device's list")
        { (books, transaction) throws(StoreError) in
            let sequence = try books.upgrades.get(u3, in: transaction)!.sequence
            try books.upgradeOrder.remove(KeyPair(u3.first, sequence), in: transaction)
        },
        Damage("a listed upgrade too many", "table upgradeOrder: PK1.d1, 3 is too many") {
            (books, transaction) throws(StoreError) in
            try books.upgradeOrder.put(
                KeyPair(u3.first, 3), UpgradeNameRecord(id: u3.second), in: transaction)
        },
        Damage("a month that is gone", "upgrades of PK1.d1 in 2023-11: 0 is not 1") {
            (books, transaction) throws(StoreError) in
            try books.upgradeMonths.remove(month(books, transaction), in: transaction)
        },
        Damage("a month with more", "upgrades of PK1.d1 in 2023-11: 2 is not 1") {
            (books, transaction) throws(StoreError) in
            try books.upgradeMonths.put(
                month(books, transaction), UpgradeMonthRecord(used: 2), in: transaction)
        },
        Damage("a month too many", "table upgradeMonths: PK1.d5, 2023-11 is too many") {
            (books, transaction) throws(StoreError) in
            let old = try month(books, transaction)
            try books.upgradeMonths.copy(
                old, to: KeyPair(TestStore.device("d5"), old.second), in: transaction)
        },
    ]

    /// The pack of that kind that has units left.
    private static func pack(
        _ kind: TopUpKind,
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> TopUpPlace {
        let place = try books.nextTopUp(
            of: TestStore.acme, kind, at: Timestamp(milliseconds: 0), in: transaction)
        guard let place else { throw .malformed(what: "the test's own: no pack") }
        return place
    }

    private static func other(_ place: TopUpPlace) -> TopUpPlace {
        TopUpPlace(
            account: place.account, kind: place.kind, expiresAt: place.expiresAt, id: 99_999)
    }

    private static func lease(
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> UInt64 {
        try books.leases.first(in: transaction)?.key ?? 0
    }

    private static func month(
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyPair<DeviceIdentity, Month> {
        guard let month = try books.upgradeMonths.first(in: transaction)?.key else {
            throw .malformed(what: "the test's own: no month")
        }
        return month
    }
}
