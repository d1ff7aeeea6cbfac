import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// What corrections have left: see `Tour.corrections`.
extension Damage {
    static let corrections: [Damage] = [
        Damage("void codes that are gone", "codes 42 to 42 are nowhere", "void codes of batch 40") {
            (books, transaction) throws(StoreError) in
            try books.voided.remove(42, in: transaction)
        },
        Damage("void codes that are not void", "code 42 is in two places") {
            (books, transaction) throws(StoreError) in
            let place = KeyTriple(Tour.individual, PackageID("mega")!, UInt64(42))
            try books.unassigned.put(place, RangeRecord(quantity: 1), in: transaction)
        },
        Damage("void codes miscounted", "mega of account individual, voided: 6 is not 5") {
            (books, transaction) throws(StoreError) in
            let holding = KeyPair(Tour.individual, PackageID("mega")!)
            try books.holdings.change(holding, in: transaction) { $0.voided += 1 }
        },
        Damage("void codes miscounted in their batch", "void codes of batch 40: 0 is not 5") {
            (books, transaction) throws(StoreError) in
            try books.batches.change(40, in: transaction) { $0.voided = 0 }
        },
        Damage("a code given back that is gone", "codes that product PK4 has again: 1 is not 0") {
            (books, transaction) throws(StoreError) in
            try books.returned.remove(KeyPair(Tour.fourth, 41), in: transaction)
        },
        Damage("a code given back that is consumed", "which PK4 has again, is consumed") {
            (books, transaction) throws(StoreError) in
            try books.returned.put(KeyPair(Tour.fourth, 40), EmptyRecord(), in: transaction)
        },
        Damage("a consumption taken back that nobody knows", "what was taken back of PK4.g2") {
            (books, transaction) throws(StoreError) in
            try books.voidedConsumptions.deleteAll(in: transaction)
        },
        Damage("other limits", "the limits are not those that were adopted last") {
            (books, transaction) throws(StoreError) in
            let record = LimitsRecord(limits: BooksLimits())
            try books.limits.put(1, record, in: transaction)
        },
        Damage("products miscounted", "products of account individual and its sub-accounts") {
            (books, transaction) throws(StoreError) in
            try books.accounts.change(Tour.individual, in: transaction) { $0.products += 1 }
        },
        Damage("a package of free codes with bought ones", "PK4 has bought codes, and") {
            (books, transaction) throws(StoreError) in
            try books.products.change(Tour.fourth, in: transaction) {
                $0.packageOrigin = .freeCodes
            }
        },
        Damage("free codes that give nothing", "the free codes of product PK4 give less than") {
            (books, transaction) throws(StoreError) in
            let lot = LotRecord(
                first: ActivationCode(serial: 30), quantity: 1, package: PackageID("free")!,
                at: Timestamp(milliseconds: 0), assignment: 0)
            try books.lots.put(KeyPair(Tour.fourth, 9), lot, in: transaction)
        },
        Damage("free codes that give less", "the free codes of product PK1 give less than") {
            (books, transaction) throws(StoreError) in
            try books.products.change(TestStore.product, in: transaction) {
                $0.freePackage = TestStore.large
                $0.freeAllowance = TestStore.allowances[TestStore.small]
            }
        },
        Damage("an answer that nobody asked for", "was told something of key none") {
            (books, transaction) throws(StoreError) in
            let record = DocumentRecord(bytes: [1])
            try books.documents.put(KeyPair("test", "none"), record, in: transaction)
        },
    ]
}
