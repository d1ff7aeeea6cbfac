import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A1 to A6 and A8 to A10.
@Suite struct CodeTests {
    private func account(_ desk: Desk) throws -> AccountFigures {
        try desk.read { books, transaction throws(StoreError) in
            try books.figures(of: Desk.acme, in: transaction)
        }
    }

    @Test("A1: total = used + remaining, unassigned codes are part of remaining")
    func accountFigures() throws {
        let desk = try Desk()
        try desk.buy(5)
        try desk.buy(7, for: nil)
        _ = try desk.connect("d1")
        let figures = try account(desk)
        #expect(figures == AccountFigures(total: 12, used: 1, remaining: 11, unassigned: 7))
        #expect(figures.total == figures.used + figures.remaining)
    }

    @Test("A2: codes bought without a product join the unassigned codes of their package")
    func unassigned() throws {
        let desk = try Desk()
        try desk.buy(3, Desk.small, for: nil)
        try desk.buy(4, Desk.large, for: nil)
        try desk.buy(2, Desk.small, for: nil)
        let holdings = try desk.read { books, transaction throws(StoreError) in
            try books.holdings(of: Desk.acme, in: transaction)
        }
        #expect(holdings.map(\.package) == [Desk.large, Desk.small])
        #expect(holdings.map(\.record.unassigned) == [4, 5])
        #expect(try desk.figures().assigned == 0)
    }

    @Test("A3: an assignment takes up to what the account holds, and is in the history")
    func assignment() throws {
        let desk = try Desk()
        try desk.buy(3, for: nil)
        #expect(
            try desk.refusal(.assign(Desk.product, package: Desk.small, quantity: 4))
                == "not-enough-unassigned"
        )
        #expect(
            try desk.refusal(.assign(Desk.product, package: Desk.small, quantity: 0))
                == "quantity-out-of-range"
        )
        #expect(try desk.refusal(.assign(Desk.product, package: Desk.small, quantity: 3)) == nil)
        #expect(try desk.figures().remaining == 3)
        let found = try desk.read { books, transaction throws(StoreError) in
            let byName = try books.assignments(
                of: Desk.acme,
                matching: "meter pk1",
                limit: 10,
                in: transaction
            )
            let byKey = try books.assignments(
                of: Desk.acme,
                matching: "PK1",
                limit: 10,
                in: transaction
            )
            let other = try books.assignments(
                of: Desk.acme,
                matching: "PK2",
                limit: 10,
                in: transaction
            )
            return (byName.elements, byKey.elements, other.elements)
        }
        #expect(found.0.count == 1 && found.0 == found.1 && found.2.isEmpty)
        let record = try #require(found.0.first).record
        #expect(record.actor == "test" && record.at == desk.now && record.quantity == 3)
        #expect(record.package == Desk.small && record.product == Desk.product)
    }

    @Test("A4: the first codes set the package, another package is refused with both named")
    func onePackage() throws {
        let desk = try Desk()
        try desk.buy(1, Desk.small)
        try desk.buy(5, Desk.large, for: nil)
        let mismatch = Outcome.refused(.packageMismatch(product: Desk.small, given: Desk.large))
        #expect(
            try desk.apply(.assign(Desk.product, package: Desk.large, quantity: 1)) == mismatch
        )
        #expect(
            try desk.apply(
                .purchase(Desk.acme, package: Desk.large, quantity: 1, product: Desk.product)
            ) == mismatch
        )
        let text = Refusal.packageMismatch(product: Desk.small, given: Desk.large).description
        #expect(text.contains("small") && text.contains("large"))
        #expect(try desk.figures().assigned == 1)
    }

    @Test("A5: an upgrade counts for codes to come, running entitlements keep their end")
    func upgrade() throws {
        let desk = try Desk()
        try desk.buy(2, Desk.small)
        let until = desk.now.adding(days: 10)
        #expect(try desk.connect("d1") == .admitted(until: until, consumed: true))
        #expect(try desk.refusal(.upgradePackage(Desk.product, to: Desk.large)) == nil)
        #expect(try desk.connect("d1") == .admitted(until: until, consumed: false))
        #expect(
            try desk.connect("d2") == .admitted(until: desk.now.adding(days: 20), consumed: true)
        )
        let product = try desk.read { books, transaction throws(StoreError) in
            try books.product(Desk.product, in: transaction)
        }
        #expect(product?.package == Desk.large && product?.allowance?.messagesPerDay == 1_000)
        #expect(try desk.findings() == [])
    }

    @Test("A5: no allowance may fall, and there must be a package to upgrade")
    func upgradeRefused() throws {
        let desk = try Desk()
        #expect(
            try desk.refusal(.upgradePackage(Desk.product, to: Desk.large))
                == "product-has-no-package"
        )
        try desk.buy(1, Desk.large)
        #expect(
            try desk.apply(.upgradePackage(Desk.product, to: Desk.small))
                == .refused(.allowanceLowered(allowance: "validityDays"))
        )
    }

    @Test("A6: how many codes can be assigned is told before")
    func assignable() throws {
        let desk = try Desk()
        try desk.buy(3, Desk.small, for: nil)
        try desk.buy(4, Desk.large, for: nil)
        func ask() throws -> [Assignable] {
            try desk.read { books, transaction throws(StoreError) in
                try books.assignable(to: Desk.product, in: transaction)
            }
        }
        #expect(try ask().map(\.quantity) == [4, 3])
        _ = try desk.apply(.assign(Desk.product, package: Desk.small, quantity: 1))
        #expect(try ask() == [Assignable(package: Desk.small, quantity: 2)])
    }

    @Test("A8: a repeated key changes nothing and is answered as the first time")
    func idempotency() throws {
        let desk = try Desk()
        let buy = Action.purchase(
            Desk.acme, package: Desk.small, quantity: 5, product: Desk.product)
        let first = try desk.apply(buy, key: "order-1")
        let sequence = try desk.lastSequence()
        desk.advance(days: 1)
        let second = try desk.apply(buy, key: "order-1")
        #expect(second == .repeated(try #require(first.effect)))
        #expect(try desk.figures().assigned == 5)
        #expect(try desk.lastSequence() == sequence)
        #expect(try desk.apply(buy, key: "order-2").effect != nil)
        #expect(try desk.apply(buy, key: "order-1", actor: "another").effect != nil)
        #expect(try desk.figures().assigned == 15)
    }

    @Test("A8: the same key with another command is refused, and so is a key that is none")
    func idempotencyMisuse() throws {
        let desk = try Desk()
        let buy = Action.purchase(Desk.acme, package: Desk.small, quantity: 5, product: nil)
        let more = Action.purchase(Desk.acme, package: Desk.small, quantity: 6, product: nil)
        _ = try desk.apply(buy, key: "order-1")
        #expect(try desk.apply(more, key: "order-1") == .refused(.idempotencyKeyReused))
        #expect(try desk.apply(more, key: "") == .refused(.idempotencyKeyInvalid))
        #expect(try desk.apply(more, key: "a\u{0}b") == .refused(.idempotencyKeyInvalid))
        #expect(
            try desk.apply(more, key: String(repeating: "k", count: 129))
                == .refused(.idempotencyKeyInvalid)
        )
        #expect(try account(desk).total == 5)
    }

    @Test("A8: a refusal is remembered under its key, also when the command could pass by now")
    func idempotentRefusal() throws {
        let desk = try Desk()
        let assign = Action.assign(Desk.product, package: Desk.small, quantity: 1)
        let first = try desk.apply(assign, key: "a")
        try desk.buy(1, for: nil)
        #expect(try desk.apply(assign, key: "a") == first)
        #expect(try desk.figures().assigned == 0)
        #expect(try desk.apply(assign, key: "b").effect != nil)
    }

    @Test("A8: a repetition is known although the gateway made new secrets for it")
    func idempotencyOfGeneratedParts() throws {
        let desk = try Desk()
        func rows(_ secret: String) -> Action {
            .importDevices(
                Desk.product,
                [DeviceImport(device: DeviceKey("d1")!, secret: SealedSecret(secret)!)]
            )
        }
        _ = try desk.apply(rows("one"), key: "k")
        let again = try desk.apply(rows("two"), key: "k")
        #expect(again == .repeated(.changed(.devicesImported(Desk.product, count: 1, import: nil))))
        #expect(try desk.record("d1")?.secret == SealedSecret("one"))
    }

    @Test("A9: a product consumes its batches first in, first out, and each code is traceable")
    func firstInFirstOut() throws {
        let desk = try Desk()
        try desk.buy(2, for: nil)
        try desk.buy(2)
        try desk.buy(3, for: nil)
        _ = try desk.apply(.assign(Desk.product, package: Desk.small, quantity: 3))
        for index in 1...5 { _ = try desk.connect("d\(index)") }
        let serials = try (1...5).map { try desk.history("d\($0)")[0].code.serial }
        // Bought for the product first: 3 and 4; then assigned: 1 and 2, and 5 of the next batch.
        #expect(serials == [3, 4, 1, 2, 5])
        let purchase = try desk.read { books, transaction throws(StoreError) in
            try books.purchase(of: ActivationCode(serial: 5), in: transaction)
        }
        #expect(purchase?.first.serial == 5 && purchase?.record.quantity == 3)
        let none = try desk.read { books, transaction throws(StoreError) in
            try books.purchase(of: ActivationCode(serial: 8), in: transaction)
        }
        #expect(none == nil)
    }

    @Test("A10: verify finds nothing in books that balance")
    func balance() throws {
        let desk = try Desk()
        try desk.buy(3)
        try desk.buy(9, for: nil)
        _ = try desk.apply(.assign(Desk.product, package: Desk.small, quantity: 4))
        for index in 1...4 { _ = try desk.connect("d\(index)") }
        desk.advance(days: 11)
        _ = try desk.connect("d1")
        _ = try desk.apply(.deleteDevice(Desk.device("d2")))
        #expect(try desk.findings() == [])
    }

    @Test("A10: verify names a code that is missing, doubled or miscounted")
    func imbalance() throws {
        let desk = try Desk()
        try desk.buy(3)
        _ = try desk.connect("d1")
        let books = desk.books
        func damaged(
            _ damage: (borrowing WriteTransaction) throws(StoreError) -> Void
        ) throws -> [String] {
            let transaction = try WriteTransaction(in: desk.environment)
            try damage(transaction)
            return books.verify(in: transaction)
        }
        func pool(_ change: (inout PoolRecord) -> Void) throws -> [String] {
            try damaged { (transaction) throws(StoreError) in
                var pool = try books.pool(of: Desk.product, in: transaction)
                change(&pool)
                try books.pools.put(Desk.product, pool, in: transaction)
            }
        }
        #expect(try !pool { $0.consumed += 1 }.isEmpty)
        #expect(try !pool { $0.assigned += 1 }.isEmpty)
        #expect(try !pool { $0.devicesActive = 0 }.isEmpty)
        #expect(try !pool { $0.devicesKnown = 2 }.isEmpty)
        #expect(try !pool { $0.nextSerial += 1 }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in try books.expiring.deleteAll(in: t) }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in try books.expiries.deleteAll(in: t) }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in try books.consumptions.deleteAll(in: t) }.isEmpty
        )
        #expect(try !damaged { t throws(StoreError) in try books.devices.deleteAll(in: t) }.isEmpty)
        #expect(try !damaged { t throws(StoreError) in try books.lots.deleteAll(in: t) }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in try books.holdings.deleteAll(in: t) }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in try books.purchases.deleteAll(in: t) }.isEmpty)
        #expect(
            try !damaged { t throws(StoreError) in _ = try books.events.delete(2, in: t) }.isEmpty)
        #expect(try desk.findings() == [])
    }
}
