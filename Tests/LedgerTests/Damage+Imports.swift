import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Imports of the tour, see there.
extension Damage {
    static let imports: [Damage] = [
        Damage("a row that is gone", "rows of import") { (books, transaction) throws(StoreError) in
            let name = try landing(books, transaction)
            try books.stagedDevices.remove(place("i2", name), in: transaction)
        },
        Damage("a row too many", "rows of import") { (books, transaction) throws(StoreError) in
            let name = try landing(books, transaction)
            try books.stagedDevices.copy(place("i2", name), to: place("i9", name), in: transaction)
        },
        Damage("a row of no import", "device i2 is staged for no import: 1") {
            (books, transaction) throws(StoreError) in
            let name = try landing(books, transaction)
            try books.stagedDevices.copy(
                place("i2", name), to: KeyPair(1, DeviceKey("i2")!), in: transaction)
        },
        Damage("a row that has landed as well", "PK2.i2 is staged for import ", "devices known") {
            (books, transaction) throws(StoreError) in
            try books.devices.copy(
                TestStore.device("i1", of: "PK2"), to: TestStore.device("i2", of: "PK2"),
                in: transaction)
        },
        Damage("an import that nobody would land", "is not among those under way") {
            (books, transaction) throws(StoreError) in
            try books.importing.remove(landing(books, transaction), in: transaction)
        },
        Damage("an import that would land twice", "table importing: ") {
            (books, transaction) throws(StoreError) in
            try books.importing.put(KeyPair(TestStore.product, 1), EmptyRecord(), in: transaction)
        },
        Damage("an import that is gone", "imports against those that the log has begun") {
            (books, transaction) throws(StoreError) in
            try books.imports.remove(landing(books, transaction), in: transaction)
        },
        Damage("an import that nobody began", "is not named after the event that began it") {
            (books, transaction) throws(StoreError) in
            let name = try landing(books, transaction)
            try books.imports.copy(name, to: KeyPair(Tour.second, 1), in: transaction)
        },
        Damage("an import that ended too early", "is over and under way") {
            (books, transaction) throws(StoreError) in
            try books.imports.change(landing(books, transaction), in: transaction) {
                $0.state = .done
            }
        },
        Damage(
            "an import that is not committed", "committed imports against the log's",
            "devices known of product PK2"
        ) { (books, transaction) throws(StoreError) in
            try books.imports.change(landing(books, transaction), in: transaction) {
                $0.state = .receiving
            }
        },
        Damage("an import that forgot rows", "rows of committed imports against the log's") {
            (books, transaction) throws(StoreError) in
            try books.imports.change(landing(books, transaction), in: transaction) {
                $0.rows += 1
                $0.moved += 1
            }
        },
        Damage("an import that counts wrongly who returns", "active devices that import") {
            (books, transaction) throws(StoreError) in
            try books.imports.change(first(.receiving, books, transaction), in: transaction) {
                $0.returning = 1
            }
        },
        Damage("a pool that forgot an import", "imports under way of product PK2: 0 is not 2") {
            (books, transaction) throws(StoreError) in
            try books.pools.change(Tour.second, in: transaction) { $0.imports = 0 }
        },
    ]

    private static func place(
        _ device: String,
        _ name: KeyPair<ProductKey, UInt64>
    ) -> KeyPair<UInt64, DeviceKey> {
        KeyPair(name.second, DeviceKey(device)!)
    }

    private static func landing(
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyPair<ProductKey, UInt64> {
        try first(.landing, books, transaction)
    }

    private static func first(
        _ state: ImportState,
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyPair<ProductKey, UInt64> {
        let found = try books.liveImports(in: transaction).first { $0.record.state == state }
        guard let found else { throw .malformed(what: "the test's own: no import \(state)") }
        return found.name
    }
}
