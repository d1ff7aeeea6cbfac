import Storage
import Time

@testable import Ledger

/// Top-up packs and upgrades.
extension LedgerRecords {
    private static var counters: TopUpCounters {
        var counters = TopUpCounters(quantity: .max)
        counters.remaining = 1 << 40
        counters.leased = 300
        counters.used = 127
        counters.expired = 1
        return counters
    }

    static func packs(_ books: Books) -> [GoldenTable] {
        var bought = TopUpRecord(source: .purchase, quantity: 1, at: time, actor: "owner")
        bought.counters = counters
        let given = TopUpRecord(source: .gift, quantity: 300, at: earliest, actor: "")
        var void = bought
        void.counters.remaining = 0
        void.counters.voided = 1 << 32 + 1
        return [
            GoldenTable(
                books.topUps,
                keys: ["plain": pack, "before 1970": oldPack],
                records: ["new v2": given, "used v2": bought, "void v2": void],
                older: ["new": given, "used": bought]
            ),
            GoldenTable(books.openTopUps, keys: ["plain": pack]),
            GoldenTable(books.topUpExpiries, keys: ["plain": KeyPair(time, pack)]),
            GoldenTable(
                books.topUpTotals,
                keys: ["messages": KeyPair(acme, .messages), "ota": KeyPair(acme, .ota)],
                records: ["empty v2": TopUpCounters(quantity: 0), "used v2": counters],
                older: ["empty": TopUpCounters(quantity: 0), "used": counters]
            ),
            GoldenTable(books.topUpChanges, keys: ["plain": KeyTriple(acme, .messages, 300)]),
            GoldenTable(
                books.leases,
                keys: ["plain": 301],
                records: [
                    "plain": LeaseRecord(pack: pack, holder: holder, units: 1 << 40, at: time)
                ]
            ),
            GoldenTable(books.leasesByHolder, keys: ["plain": KeyPair(holder, 301)]),
        ]
    }

    private static var failedUpgrade: UpgradeRecord {
        var record = UpgradeRecord(
            sequence: 300, size: UpgradeSize(bytes: 64 << 30)!, month: Month(number: -1),
            fromAllowance: 0,
            draws: [TopUpDraw(pack: pack, units: 2), TopUpDraw(pack: oldPack, units: .max)],
            requestedAt: time, requestedBy: "key:k1")
        record.state = .failed
        record.reportedAt = latest
        return record
    }

    static func upgrades(_ books: Books) -> [GoldenTable] {
        let free = UpgradeRecord(
            sequence: 1, size: UpgradeSize(bytes: 1)!, month: Month(number: 647),
            fromAllowance: 1, draws: [], requestedAt: earliest, requestedBy: "")
        return [
            GoldenTable(
                books.upgrades,
                keys: ["plain": KeyPair(identity, upgrade)],
                records: ["requested": free, "failed": failedUpgrade]
            ),
            GoldenTable(
                books.upgradeOrder,
                keys: ["plain": KeyPair(identity, 300)],
                records: ["plain": UpgradeNameRecord(id: upgrade)]
            ),
            GoldenTable(
                books.openUpgrades,
                keys: ["plain": KeyPair(300, identity)],
                records: ["plain": UpgradeNameRecord(id: upgrade)]
            ),
            GoldenTable(
                books.upgradeMonths,
                keys: [
                    "plain": KeyPair(identity, Month(number: 647)),
                    "before 1970": KeyPair(identity, Month(number: .min)),
                ],
                records: [
                    "none": UpgradeMonthRecord(used: 0), "most": UpgradeMonthRecord(used: .max),
                ]
            ),
        ]
    }
}
