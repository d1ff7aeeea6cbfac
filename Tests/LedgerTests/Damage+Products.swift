import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let pk1 = TestStore.product

    private static let total = KeyPair(TestStore.acme, DataCentreID.main)

    /// Products, their pools and lots, and what accounts have of them.
    static let products: [Damage] = [
        Damage("a total with a code too many", "used codes of account acme counted in main") {
            (books, transaction) throws(StoreError) in
            try books.accountTotals.change(total, in: transaction) { $0.used += 1 }
        },
        Damage("a total with a code too few", "remaining codes of account acme counted in main") {
            (books, transaction) throws(StoreError) in
            try books.accountTotals.change(total, in: transaction) { $0.remaining -= 1 }
        },
        Damage("no total", "no codes of account acme are counted in main") {
            (books, transaction) throws(StoreError) in
            try books.accountTotals.remove(total, in: transaction)
        },
        Damage("a total of nothing", "no codes of account acme counted in moon are in a record") {
            (books, transaction) throws(StoreError) in
            let place = KeyPair(TestStore.acme, DataCentreID("moon")!)
            try books.accountTotals.put(place, AccountTotalRecord(), in: transaction)
        },
        Damage(
            "a product that is gone", "product PK2 is not as it was created",
            "lot 1 is of product PK2, which is not there", "table pools: PK2 is too many",
            "table accountProducts: acme, PK2 is too many",
            "table devices: PK2.e1 is too many"
        ) { (books, transaction) throws(StoreError) in
            try books.products.remove(Tour.second, in: transaction)
        },
        Damage("a product too many", "table products: the log has not made PK9", "PK9 has no pool")
        { (books, transaction) throws(StoreError) in
            try books.products.copy(pk1, to: ProductKey("PK9")!, in: transaction)
        },
        Damage("a product of nobody", "product PK9 is of account gone, which is not there") {
            (books, transaction) throws(StoreError) in
            let product = TestStore.newProduct("PK9", account: AccountID("gone")!)
            try books.products.put(
                ProductKey("PK9")!,
                ProductRecord(product, allowance: nil, createdAt: Timestamp(milliseconds: 0)),
                in: transaction)
        },
        Damage("a deleted product that is not", "product PK3 is not deleted") {
            (books, transaction) throws(StoreError) in
            try books.products.change(Tour.third, in: transaction) { $0.deletedAt = nil }
        },
        Damage("a product that is deleted, and was not", "table products: the log has not made PK2")
        { (books, transaction) throws(StoreError) in
            try books.products.change(Tour.second, in: transaction) {
                $0.deletedAt = Timestamp(milliseconds: 0)
            }
        },
        Damage("another allowance", "product PK1 has not its package's allowance") {
            (books, transaction) throws(StoreError) in
            try books.products.change(pk1, in: transaction) { $0.allowance = nil }
        },
        Damage("a product that is not listed", "product PK1 is not among those of account acme") {
            (books, transaction) throws(StoreError) in
            try books.accountProducts.remove(KeyPair(TestStore.acme, pk1), in: transaction)
        },
        Damage("a listed product too many", "table accountProducts: sub, PK1 is too many") {
            (books, transaction) throws(StoreError) in
            try books.accountProducts.put(
                KeyPair(Tour.sub, pk1), EmptyRecord(), in: transaction)
        },
        Damage("no pool", "product PK1 has no pool", "the number of records in table pools: 3") {
            (books, transaction) throws(StoreError) in
            try books.pools.remove(pk1, in: transaction)
        },
        Damage("a pool too many", "table pools: PK9 is too many") {
            (books, transaction) throws(StoreError) in
            try books.pools.copy(pk1, to: ProductKey("PK9")!, in: transaction)
        },
        pool("assigned codes", "codes assigned to product PK1: 9 is not 8") { $0.assigned += 1 },
        pool("consumed codes", "codes that product PK1 took from its lots: 6 is not 5") {
            $0.consumed += 1
        },
        pool("known devices", "devices known of product PK1: ") { $0.devicesKnown += 1 },
        pool("active devices", "devices active of product PK1: 3 is not 2") {
            $0.devicesActive += 1
        },
        pool("more active devices than codes", "more active devices than consumed codes") {
            $0.devicesActive = 7
        },
        pool("lots", "the number of lots of product PK1: 3 is not 2") { $0.lots += 1 },
        pool("the lot in use", "codes that product PK1 took from its lots: 5 is not 8") {
            $0.lot = 2
        },
        pool("the next serial", "the next serial of product PK1: 27 is not 26") {
            $0.nextSerial += 1
        },
        pool("codes left of a lot", "codes that product PK1 took from its lots: 5 is not 4") {
            $0.lotRemaining += 1
        },
        Damage(
            "a lot that is gone", "the next lot of product PK1: 2 is not 1",
            "codes 21 to 25 are nowhere"
        ) { (books, transaction) throws(StoreError) in
            try books.lots.remove(KeyPair(pk1, 1), in: transaction)
        },
        Damage("a lot too many", "code 1 is in two places", "the number of lots of product PK1") {
            (books, transaction) throws(StoreError) in
            try books.lots.copy(KeyPair(pk1, 2), to: KeyPair(pk1, 3), in: transaction)
        },
        Damage("a lot of another's codes", "codes of lot 2 of product PK1, 27 and behind, are not")
        { (books, transaction) throws(StoreError) in
            try books.lots.put(KeyPair(pk1, 2), lot(27, 2), in: transaction)
        },
        Damage("a lot as large as can be", "product PK1: 8 is not 18446744073709551614") {
            (books, transaction) throws(StoreError) in
            try books.lots.put(KeyPair(pk1, 2), lot(1, .max), in: transaction)
        },
        Damage("a lot of nothing", "lot 1 is of product PK9, which is not there") {
            (books, transaction) throws(StoreError) in
            try books.lots.copy(
                KeyPair(pk1, 1), to: KeyPair(ProductKey("PK9")!, 1), in: transaction)
        },
    ]

    private static func pool(
        _ what: String,
        _ finding: String,
        _ change: @escaping @Sendable (inout PoolRecord) -> Void
    ) -> Damage {
        Damage("a pool with wrong \(what)", finding) { (books, transaction) throws(StoreError) in
            try books.pools.change(pk1, in: transaction, change)
        }
    }

    private static func lot(_ first: UInt64, _ quantity: UInt64) -> LotRecord {
        LotRecord(
            first: ActivationCode(serial: first), quantity: quantity, package: TestStore.small,
            at: Timestamp(milliseconds: 0), assignment: 0)
    }
}
