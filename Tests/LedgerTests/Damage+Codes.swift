import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Serials of the tour: 1 to 20 bought unassigned, 21 to 25 for PK1, 26 to 29 of `sub` for PK3; 1 to 3
/// assigned to PK1, 4 to 9 to PK2; 30 to 39 free ones of `individual`;
/// 40 to 46 see `Tour.corrections`.
extension Damage {
    private static let holding = KeyPair(TestStore.acme, TestStore.small)
    private static let range = KeyTriple(TestStore.acme, TestStore.small, UInt64(10))

    /// Batches, ranges, lots, counters, assignments.
    static let codes: [Damage] = [
        Damage(
            "a batch that is gone", "the serial after the batches before: 26 is not 21",
            "batch 0000-0000-0000-N6 is not as it was bought or granted",
            "table purchases: acme, 21 is too many"
        ) { (books, transaction) throws(StoreError) in
            try books.batches.remove(21, in: transaction)
        },
        Damage("a batch too many", "table batches: the log has not made 47", "the next serial") {
            (books, transaction) throws(StoreError) in
            try books.batches.copy(26, to: 47, in: transaction)
            try books.purchases.put(KeyPair(Tour.sub, 47), EmptyRecord(), in: transaction)
        },
        Damage(
            "a batch that grew", "the serial after the batches before: 21 is not 22",
            "codes of package small of account acme, bought: 25 is not 26"
        ) { (books, transaction) throws(StoreError) in
            try books.batches.put(1, batch(of: 21), in: transaction)
        },
        Damage("a batch as large as can be", "the serial after the batches before: 21 is not 0") {
            (books, transaction) throws(StoreError) in
            try books.batches.put(1, batch(of: .max), in: transaction)
        },
        Damage("a purchase that is not listed", "batch 21 is not among the purchases of acme") {
            (books, transaction) throws(StoreError) in
            try books.purchases.remove(KeyPair(TestStore.acme, 21), in: transaction)
        },
        Damage("a listed purchase too many", "table purchases: sub, 21 is too many") {
            (books, transaction) throws(StoreError) in
            try books.purchases.put(KeyPair(Tour.sub, 21), EmptyRecord(), in: transaction)
        },
        Damage("bought codes miscounted", "small of account acme, bought: 26 is not 25") {
            (books, transaction) throws(StoreError) in
            try books.holdings.change(holding, in: transaction) { $0.bought += 1 }
        },
        Damage("granted codes miscounted", "small of account acme, granted: 1 is not 0") {
            (books, transaction) throws(StoreError) in
            try books.holdings.change(holding, in: transaction) { $0.granted += 1 }
        },
        Damage(
            "assigned codes miscounted", "small of account acme, assigned: 15 is not 14",
            "bought + granted is not unassigned + assigned + voided"
        ) { (books, transaction) throws(StoreError) in
            try books.holdings.change(holding, in: transaction) { $0.assigned += 1 }
        },
        Damage("no counters", "account acme has no counters of its codes of small") {
            (books, transaction) throws(StoreError) in
            try books.holdings.remove(holding, in: transaction)
        },
        Damage("counters too many", "small of account sub, bought: 25 is not 0") {
            (books, transaction) throws(StoreError) in
            try books.holdings.copy(
                holding, to: KeyPair(Tour.sub, TestStore.small), in: transaction)
        },
        Damage(
            "unassigned codes that are gone", "codes 10 to 20 are nowhere",
            "bought + granted is not unassigned + assigned"
        ) { (books, transaction) throws(StoreError) in
            try books.unassigned.remove(range, in: transaction)
        },
        Damage("a code in two places", "code 21 is in two places") {
            (books, transaction) throws(StoreError) in
            try books.unassigned.put(range, RangeRecord(quantity: 12), in: transaction)
        },
        Damage(
            "codes of another account",
            "unassigned codes, 10 and behind, are not of a batch of small of account sub"
        ) { (books, transaction) throws(StoreError) in
            try books.unassigned.remove(range, in: transaction)
            try books.unassigned.put(
                KeyTriple(Tour.sub, TestStore.small, 10), RangeRecord(quantity: 11), in: transaction
            )
        },
        Damage("more codes than there are", "unassigned codes, 10 and behind, are not of a batch") {
            (books, transaction) throws(StoreError) in
            try books.unassigned.put(range, RangeRecord(quantity: .max), in: transaction)
        },
        Damage(
            "an assignment that is gone", "the assignment to PK2 is not in the history as it was"
        ) { (books, transaction) throws(StoreError) in
            let sequence = try assignment(to: Tour.second, books, transaction)
            try books.assignments.remove(KeyPair(TestStore.acme, sequence), in: transaction)
        },
        Damage("an assignment too many", "table assignments: acme, 3 is too many") {
            (books, transaction) throws(StoreError) in
            let sequence = try assignment(to: Tour.second, books, transaction)
            try books.assignments.copy(
                KeyPair(TestStore.acme, sequence), to: KeyPair(TestStore.acme, 3), in: transaction)
        },
        Damage("an assignment of more", "the assignment to PK2 is not in the history as it was") {
            (books, transaction) throws(StoreError) in
            let sequence = try assignment(to: Tour.second, books, transaction)
            let record = AssignmentRecord(
                product: Tour.second, package: TestStore.small, quantity: 60,
                at: Timestamp(milliseconds: 0), actor: "test")
            try books.assignments.put(KeyPair(TestStore.acme, sequence), record, in: transaction)
        },
        Damage("an assignment that its product has not", "is not found by product PK2") {
            (books, transaction) throws(StoreError) in
            let sequence = try assignment(to: Tour.second, books, transaction)
            try books.productAssignments.remove(KeyPair(Tour.second, sequence), in: transaction)
        },
        Damage("an assignment that a product has too much", "table productAssignments: PK2, 3 is") {
            (books, transaction) throws(StoreError) in
            try books.productAssignments.put(
                KeyPair(Tour.second, 3), EmptyRecord(), in: transaction)
        },
    ]

    private static func batch(of quantity: UInt64) -> BatchRecord {
        BatchRecord(
            account: TestStore.acme, package: TestStore.small, quantity: quantity,
            source: .purchase,
            product: nil, at: Timestamp(milliseconds: 0), actor: "test", sequence: 12)
    }

    private static func assignment(
        to product: ProductKey,
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> UInt64 {
        var found: UInt64 = 0
        try books.productAssignments.forEach(in: transaction, prefix: product) { key, _ in
            found = key.second
            return .stop
        }
        return found
    }
}
