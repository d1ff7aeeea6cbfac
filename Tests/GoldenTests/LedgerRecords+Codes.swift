import Storage
import Time

@testable import Ledger

/// Packages, codes, and what is corrected of them.
extension LedgerRecords {
    private static var bought: BatchRecord {
        BatchRecord(
            account: acme, package: small, quantity: 1_000_000_000, source: .purchase,
            product: product, at: time, actor: "owner", sequence: 300)
    }

    private static var granted: BatchRecord {
        BatchRecord(
            account: acme, package: small, quantity: 1, source: .grant, product: nil,
            at: earliest, actor: "", sequence: .max)
    }

    private static var voidedBatch: BatchRecord {
        var batch = bought
        batch.voided = 300
        return batch
    }

    private static func assigned(voided: UInt64) -> AssignmentRecord {
        var record = AssignmentRecord(
            product: product, package: small, quantity: 300, at: time, actor: "owner")
        record.voided = voided
        return record
    }

    static func codes(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.packages,
                keys: ["plain": small],
                records: [
                    "plain": PackageRecord(name: "Small", allowance: allowance, createdAt: time),
                    "unlimited": PackageRecord(name: "", allowance: unlimited, createdAt: latest),
                ]
            ),
            GoldenTable(
                books.holdings,
                keys: ["plain": KeyPair(acme, small)],
                records: [
                    "empty v2": HoldingRecord(bought: 0, granted: 0, assigned: 0),
                    "full v2": HoldingRecord(
                        bought: 1 << 62, granted: 300, assigned: 127, voided: 128),
                ],
                older: [
                    "empty": HoldingRecord(bought: 0, granted: 0, assigned: 0),
                    "full": HoldingRecord(bought: 1 << 62, granted: 300, assigned: 127),
                ]
            ),
            GoldenTable(
                books.batches,
                keys: ["first": 1, "last": .max],
                records: [
                    "bought v2": bought, "granted v2": granted, "voided v2": voidedBatch,
                ],
                older: ["bought": bought, "granted": granted]
            ),
            GoldenTable(
                books.voided,
                keys: ["first": 1],
                records: ["plain": VoidRecord(quantity: 300, sequence: 1 << 40)]
            ),
            GoldenTable(books.purchases, keys: ["plain": KeyPair(acme, 1)]),
            GoldenTable(
                books.unassigned,
                keys: ["plain": KeyTriple(acme, small, 300)],
                records: ["one": RangeRecord(quantity: 1), "most": RangeRecord(quantity: .max)]
            ),
            GoldenTable(
                books.assignments,
                keys: ["plain": KeyPair(acme, 12)],
                records: ["plain v2": assigned(voided: 0), "voided v2": assigned(voided: 300)],
                older: ["plain": assigned(voided: 0)]
            ),
            GoldenTable(books.productAssignments, keys: ["plain": KeyPair(product, 12)]),
        ]
    }
}
