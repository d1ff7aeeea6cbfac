import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Devices of the tour: PK1.d1 in its second period and open, d2 deleted and closed, d3 in its second
/// and open, d4 disabled, d5 and r1 without a code; PK2.e1 in its second and open; PK3.f1 open.
extension Damage {
    private static let d1 = TestStore.device("d1")

    static let devices: [Damage] = [
        Damage(
            "a device that is gone", "codes that the devices of product PK1 consumed",
            "PK1.d1 is not open until", "devices known of product PK1: "
        ) { (books, transaction) throws(StoreError) in
            try books.devices.remove(d1, in: transaction)
        },
        Damage(
            "a device too many", "devices known of product PK1: ",
            "the latest entitlement of PK1.x is not in the history as it is"
        ) { (books, transaction) throws(StoreError) in
            try books.devices.copy(d1, to: TestStore.device("x"), in: transaction)
        },
        Damage("a device of no product", "table devices: PK9.x is too many") {
            (books, transaction) throws(StoreError) in
            try books.devices.copy(d1, to: TestStore.device("x", of: "PK9"), in: transaction)
        },
        device("neither registered nor entitled", "PK1.d5 is neither registered nor entitled", "d5")
        { $0.isRegistered = false },
        device("without its codes", "codes that the devices of product PK1 consumed: 5 is not 3") {
            $0.entitlement = nil
        },
        device("open without entitlement", "PK1.d5 is open without entitlement", "d5") {
            $0.isOpen = true
        },
        device("closed", "PK1.d1 is not open until") { $0.isOpen = false },
        device("open", "PK1.d2 is open and not in the expiry index", "d2") { $0.isOpen = true },
        device("disabled", "PK1.d1 is not among the disabled devices") { $0.isDisabled = true },
        device("enabled", "table disabled: PK1.d4 is too many", "d4") { $0.isDisabled = false },
        device("with a confirmed secret and none", "PK1.d1 has no secret that could have been") {
            $0.secret = nil
            $0.isSecretConfirmed = true
        },
        device("with another end", "the latest entitlement of PK1.d1 is not in the history as it") {
            let old = $0.entitlement!
            $0.entitlement = Entitlement(
                code: old.code, period: old.period, activatedAt: old.activatedAt,
                expiresAt: Timestamp(milliseconds: .max), cause: old.cause)
        },
        device("with another period", "the periods of PK1.d1: 2 is not 3") {
            let old = $0.entitlement!
            $0.entitlement = Entitlement(
                code: old.code, period: 3, activatedAt: old.activatedAt, expiresAt: old.expiresAt,
                cause: old.cause)
        },
        Damage("a disabled device that is not listed", "PK1.d4 is not among the disabled devices") {
            (books, transaction) throws(StoreError) in
            try books.disabled.remove(TestStore.device("d4"), in: transaction)
        },
        Damage("a listed disabled device too many", "table disabled: PK1.d1 is too many") {
            (books, transaction) throws(StoreError) in
            try books.disabled.put(d1, EmptyRecord(), in: transaction)
        },
    ]

    static let history: [Damage] = [
        Damage(
            "an activation that is gone",
            "the activation of PK1.d1 is not in the history as it was",
            "codes that product PK1 consumed by its history: 5 is not 4",
            "period 1 of PK1.d1 is not in the history"
        ) { (books, transaction) throws(StoreError) in
            try books.consumptions.remove(place(21, books, transaction), in: transaction)
        },
        Damage(
            "a code consumed twice", "in the history of PK1 was consumed twice or is not its own",
            "is too many"
        ) { (books, transaction) throws(StoreError) in
            let old = try place(21, books, transaction)
            let new = KeyTriple(old.first, old.second.adding(milliseconds: 1), old.third)
            try books.consumptions.copy(old, to: new, in: transaction)
        },
        Damage(
            "a code of another product",
            "in the history of PK1 was consumed twice or is not its own"
        ) { (books, transaction) throws(StoreError) in
            let old = try place(21, books, transaction)
            try books.consumptions.copy(
                old, to: KeyTriple(old.first, old.second, 28), in: transaction)
        },
        Damage("an activation of no product", "table consumptions: PK9, ") {
            (books, transaction) throws(StoreError) in
            let old = try place(21, books, transaction)
            try books.consumptions.copy(
                old, to: KeyTriple(ProductKey("PK9")!, old.second, old.third), in: transaction)
        },
        Damage("an activation with another end", "of product PK1 is not found by its expiry") {
            (books, transaction) throws(StoreError) in
            let place = try place(21, books, transaction)
            let entitlement = Entitlement(
                code: ActivationCode(serial: 21), period: 1, activatedAt: place.second,
                expiresAt: Timestamp(milliseconds: .min), cause: .first)
            let record = ConsumptionRecord(
                device: DeviceKey("d1")!, entitlement: entitlement, dataCentre: .main)
            try books.consumptions.put(place, record, in: transaction)
        },
        Damage("an activation in another data centre", "the activation of PK1.d1 is not in the") {
            (books, transaction) throws(StoreError) in
            let place = try place(21, books, transaction)
            let old = try books.consumptions.get(place, in: transaction)!
            let record = ConsumptionRecord(
                device: old.device, entitlement: Books.activation(at: place, old).entitlement,
                dataCentre: DataCentreID("west")!)
            try books.consumptions.put(place, record, in: transaction)
        },
        Damage("an expiry that is gone", "of product PK1 is not found by its expiry") {
            (books, transaction) throws(StoreError) in
            try books.expiries.remove(end(21, books, transaction), in: transaction)
        },
        Damage("an expiry too many", "table expiries: PK1, ") {
            (books, transaction) throws(StoreError) in
            let old = try end(21, books, transaction)
            try books.expiries.copy(
                old, to: KeyTriple(old.first, old.second, 999), in: transaction)
        },
        Damage("an expiry of another activation", "of product PK1 is not found by its expiry") {
            (books, transaction) throws(StoreError) in
            try books.expiries.put(
                end(21, books, transaction),
                ExpiryRecord(activatedAt: Timestamp(milliseconds: 0)), in: transaction)
        },
        Damage("a period that is gone", "the periods of PK1.d1: 1 is not 2") {
            (books, transaction) throws(StoreError) in
            try books.periods.remove(KeyPair(d1, 1), in: transaction)
        },
        Damage("a period too many", "table periods: PK1.d2, 1 is too many") {
            (books, transaction) throws(StoreError) in
            try books.periods.copy(
                KeyPair(d1, 1), to: KeyPair(TestStore.device("d2"), 1), in: transaction)
        },
        Damage("a period of another code", "period 1 of PK1.d1 is not in the history") {
            (books, transaction) throws(StoreError) in
            let record = PeriodRecord(
                activatedAt: Timestamp(milliseconds: 0), code: ActivationCode(serial: 9))
            try books.periods.put(KeyPair(d1, 1), record, in: transaction)
        },
        Damage("an open entitlement that is not listed", "PK1.d1 is open and not in the expiry") {
            (books, transaction) throws(StoreError) in
            let end = try end(24, books, transaction)
            try books.expiring.remove(
                KeyTriple(end.second, end.first, end.third), in: transaction)
        },
        Damage("a listed open entitlement too many", "PK1.d2 is not open until") {
            (books, transaction) throws(StoreError) in
            let end = try end(22, books, transaction)
            try books.expiring.put(
                KeyTriple(end.second, end.first, end.third),
                ExpiringRecord(device: DeviceKey("d2")!), in: transaction)
        },
        Damage("an open entitlement of another device", "PK1.d5 is not open until") {
            (books, transaction) throws(StoreError) in
            let end = try end(24, books, transaction)
            try books.expiring.put(
                KeyTriple(end.second, end.first, end.third),
                ExpiringRecord(device: DeviceKey("d5")!), in: transaction)
        },
    ]

    private static func device(
        _ what: String,
        _ finding: String,
        _ key: String = "d1",
        _ change: @escaping @Sendable (inout DeviceRecord) -> Void
    ) -> Damage {
        Damage("a device \(what)", finding) { (books, transaction) throws(StoreError) in
            try books.devices.change(TestStore.device(key), in: transaction, change)
        }
    }

    /// Where the history of PK1 has a code.
    private static func place(
        _ serial: UInt64,
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyTriple<ProductKey, Timestamp, UInt64> {
        try find(serial, books.consumptions, transaction)
    }

    private static func end(
        _ serial: UInt64,
        _ books: Books,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyTriple<ProductKey, Timestamp, UInt64> {
        try find(serial, books.expiries, transaction)
    }

    private static func find<Record>(
        _ serial: UInt64,
        _ table: Table<KeyTriple<ProductKey, Timestamp, UInt64>, Record>,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> KeyTriple<ProductKey, Timestamp, UInt64> {
        var found: KeyTriple<ProductKey, Timestamp, UInt64>?
        try table.forEach(in: transaction, prefix: TestStore.product) { key, _ in
            if key.third == serial { found = key }
            return found == nil ? .proceed : .stop
        }
        guard let found else { throw .malformed(what: "the test's own: no code \(serial)") }
        return found
    }
}
