import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A1 to A6 and A8 to A10.
@Suite struct CodeTests {
    private func account(_ store: TestStore) throws -> AccountFigures {
        try store.read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.acme, in: transaction)
        }
    }

    @Test("A1: total = used + remaining, unassigned codes are part of remaining")
    func accountFigures() throws {
        let store = try TestStore()
        try store.buy(5)
        try store.buy(7, for: nil)
        _ = try store.connect("d1")
        let figures = try account(store)
        #expect(figures == AccountFigures(total: 12, used: 1, remaining: 11, unassigned: 7))
        #expect(figures.total == figures.used + figures.remaining)
    }

    @Test("A2: codes bought without a product join the unassigned codes of their package")
    func unassigned() throws {
        let store = try TestStore()
        try store.buy(3, TestStore.small, for: nil)
        try store.buy(4, TestStore.large, for: nil)
        try store.buy(2, TestStore.small, for: nil)
        let holdings = try store.read { books, transaction throws(StoreError) in
            try books.holdings(of: TestStore.acme, in: transaction)
        }
        #expect(holdings.map(\.package) == [TestStore.large, TestStore.small])
        #expect(holdings.map(\.record.unassigned) == [4, 5])
        #expect(try store.figures().assigned == 0)
    }

    @Test("A3: an assignment takes up to what the account holds, and is in the history")
    func assignment() throws {
        let store = try TestStore()
        try store.buy(3, for: nil)
        #expect(
            try store.refusal(
                .codes(.assign(TestStore.product, package: TestStore.small, quantity: 4)))
                == "not-enough-unassigned"
        )
        #expect(
            try store.refusal(
                .codes(.assign(TestStore.product, package: TestStore.small, quantity: 0)))
                == "quantity-out-of-range"
        )
        #expect(
            try store.refusal(
                .codes(.assign(TestStore.product, package: TestStore.small, quantity: 3))) == nil
        )
        #expect(try store.figures().remaining == 3)
        let found = try store.read { books, transaction throws(StoreError) in
            let byName = try books.assignments(
                of: TestStore.acme,
                matching: "meter pk1",
                limit: 10,
                in: transaction
            )
            let byKey = try books.assignments(
                of: TestStore.acme,
                matching: "PK1",
                limit: 10,
                in: transaction
            )
            let other = try books.assignments(
                of: TestStore.acme,
                matching: "PK2",
                limit: 10,
                in: transaction
            )
            return (byName.elements, byKey.elements, other.elements)
        }
        #expect(found.0.count == 1 && found.0 == found.1 && found.2.isEmpty)
        let record = try #require(found.0.first).record
        #expect(record.actor == "test" && record.at == store.now && record.quantity == 3)
        #expect(record.package == TestStore.small && record.product == TestStore.product)
    }

    @Test("A4: the first codes set the package, another package is refused with both named")
    func onePackage() throws {
        let store = try TestStore()
        try store.buy(1, TestStore.small)
        try store.buy(5, TestStore.large, for: nil)
        let mismatch = Outcome.refused(
            .packages(.mismatch(product: TestStore.small, given: TestStore.large)))
        #expect(
            try store.apply(
                .codes(.assign(TestStore.product, package: TestStore.large, quantity: 1)))
                == mismatch
        )
        #expect(
            try store.apply(
                .codes(
                    .purchase(
                        TestStore.acme, package: TestStore.large, quantity: 1,
                        product: TestStore.product))
            ) == mismatch
        )
        let text = Refusal.packages(.mismatch(product: TestStore.small, given: TestStore.large))
            .description
        #expect(text.contains("small") && text.contains("large"))
        #expect(try store.figures().assigned == 1)
    }

    @Test("A5: an upgrade counts for codes to come, running entitlements keep their end")
    func upgrade() throws {
        let store = try TestStore()
        try store.buy(2, TestStore.small)
        let until = store.now.adding(days: 10)
        #expect(try store.connect("d1") == .admitted(until: until, consumed: true))
        #expect(
            try store.refusal(.products(.upgradePackage(TestStore.product, to: TestStore.large)))
                == nil)
        #expect(try store.connect("d1") == .admitted(until: until, consumed: false))
        #expect(
            try store.connect("d2") == .admitted(until: store.now.adding(days: 20), consumed: true)
        )
        let product = try store.read { books, transaction throws(StoreError) in
            try books.product(TestStore.product, in: transaction)
        }
        #expect(product?.package == TestStore.large && product?.allowance?.messagesPerDay == 1_000)
        #expect(try store.findings() == [])
    }

    @Test("A5: no allowance may fall, and there must be a package to upgrade")
    func upgradeRefused() throws {
        let store = try TestStore()
        #expect(
            try store.refusal(.products(.upgradePackage(TestStore.product, to: TestStore.large)))
                == "product-has-no-package"
        )
        try store.buy(1, TestStore.large)
        #expect(
            try store.apply(.products(.upgradePackage(TestStore.product, to: TestStore.small)))
                == .refused(.packages(.allowanceLowered(allowance: "validityDays")))
        )
    }

    @Test("A6: how many codes can be assigned is told before")
    func assignable() throws {
        let store = try TestStore()
        try store.buy(3, TestStore.small, for: nil)
        try store.buy(4, TestStore.large, for: nil)
        func ask() throws -> [Assignable] {
            try store.read { books, transaction throws(StoreError) in
                try books.assignable(to: TestStore.product, in: transaction)
            }
        }
        #expect(try ask().map(\.quantity) == [4, 3])
        // Codes of one allowance can go together, and these are of two.
        #expect(try ask().mostTogether == 4)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 1)))
        #expect(try ask().map(\.package) == [TestStore.small] && ask().mostTogether == 2)
    }

    @Test("A4: packages of the same allowance are the same: their codes join, and are one number")
    func sameAllowance() throws {
        let store = try TestStore()
        let twin = TestStore.twin
        _ = try store.apply(.packages(.create(twin, name: "Twin", TestStore.allowances[twin]!)))
        try store.buy(1, TestStore.small)
        try store.buy(2, TestStore.small, for: nil)
        try store.buy(3, twin, for: nil)
        try store.buy(9, TestStore.large, for: nil)
        let told = try store.read { books, transaction throws(StoreError) in
            try books.assignable(to: TestStore.product, in: transaction)
        }
        #expect(told.map(\.package) == [TestStore.small, twin] && told.mostTogether == 5)
        // Bought for the product straight away, too.
        try store.buy(1, twin)
        func assign(_ package: PackageID, _ quantity: UInt64) throws -> Outcome {
            try store.apply(
                .codes(.assign(TestStore.product, package: package, quantity: quantity)))
        }
        #expect(
            try assign(TestStore.small, 6)
                == .refused(.codes(.notEnoughUnassigned(wanted: 6, available: 5))))
        #expect(try assign(twin, 1).effect != nil)
        #expect(try assign(TestStore.small, 4).effect != nil)
        #expect(try store.figures().remaining == 7)
        let history = try store.read { books, transaction throws(StoreError) in
            try books.assignments(of: TestStore.acme, limit: 10, in: transaction).elements
        }
        #expect(history.map(\.record.package) == [twin, TestStore.small, twin])
        #expect(history.map(\.record.quantity) == [2, 2, 1])
        let product = try store.read { books, transaction throws(StoreError) in
            try books.product(TestStore.product, in: transaction)
        }
        #expect(product?.package == TestStore.small)
        #expect(try store.findings() == [])
    }

    @Test("A6: without a package named, an assignment is of the product's, or of all there is")
    func unnamedPackage() throws {
        let store = try TestStore()
        func assign(_ quantity: UInt64) throws -> String? {
            try store.refusal(.codes(.assign(TestStore.product, package: nil, quantity: quantity)))
        }
        #expect(try assign(1) == "product-has-no-package")
        try store.buy(3, TestStore.large, for: nil)
        try store.buy(2, TestStore.small, for: nil)
        #expect(try assign(1) == "product-has-no-package")
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.large, quantity: 1)))
        #expect(try assign(2) == nil)
        #expect(try assign(1) == "not-enough-unassigned")
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        let second = Action.codes(.assign(ProductKey("PK2")!, package: nil, quantity: 2))
        #expect(try store.refusal(second) == nil)
        #expect(try store.findings() == [])
    }

    @Test("A8: what was answered is remembered with its key, the first of it, and of no other key")
    func remembered() throws {
        let store = try TestStore()
        func answer() throws -> [UInt8]? {
            try store.read { books, transaction throws(StoreError) in
                try books.answer(to: "k", of: "test", in: transaction)
            }
        }
        let sequence = try store.lastSequence()
        _ = try store.apply(.answers(.remember(key: "k", answer: [1])))
        #expect(try answer() == nil)
        _ = try store.apply(.products(.delete(TestStore.product)), key: "k")
        for bytes in [[1], [2]] as [[UInt8]] {
            _ = try store.apply(.answers(.remember(key: "k", answer: bytes)))
        }
        #expect(try answer() == [1])
        #expect(try store.lastSequence() == sequence + 1)
        #expect(try store.findings() == [])
    }

    @Test("A8: a repeated key changes nothing and is answered as the first time")
    func idempotency() throws {
        let store = try TestStore()
        let buy = Action.codes(
            .purchase(
                TestStore.acme, package: TestStore.small, quantity: 5, product: TestStore.product)
        )
        let first = try store.apply(buy, key: "order-1")
        let sequence = try store.lastSequence()
        store.advance(days: 1)
        let second = try store.apply(buy, key: "order-1")
        #expect(second == .repeated(try #require(first.effect)))
        #expect(try store.figures().assigned == 5)
        #expect(try store.lastSequence() == sequence)
        #expect(try store.apply(buy, key: "order-2").effect != nil)
        #expect(try store.apply(buy, key: "order-1", actor: "another").effect != nil)
        #expect(try store.figures().assigned == 15)
    }

    @Test("A8: the same key with another command is refused, and so is a key that is none")
    func idempotencyMisuse() throws {
        let store = try TestStore()
        let buy = Action.codes(
            .purchase(TestStore.acme, package: TestStore.small, quantity: 5, product: nil))
        let more = Action.codes(
            .purchase(TestStore.acme, package: TestStore.small, quantity: 6, product: nil))
        _ = try store.apply(buy, key: "order-1")
        #expect(try store.apply(more, key: "order-1") == .refused(.commands(.idempotencyKeyReused)))
        #expect(try store.apply(more, key: "") == .refused(.commands(.idempotencyKeyInvalid)))
        #expect(
            try store.apply(more, key: "a\u{0}b") == .refused(.commands(.idempotencyKeyInvalid)))
        #expect(
            try store.apply(more, key: String(repeating: "k", count: 129))
                == .refused(.commands(.idempotencyKeyInvalid))
        )
        #expect(try account(store).total == 5)
    }

    @Test("A8: a refusal is remembered under its key, also when the command could pass by now")
    func idempotentRefusal() throws {
        let store = try TestStore()
        let assign = Action.codes(.assign(TestStore.product, package: TestStore.small, quantity: 1))
        let first = try store.apply(assign, key: "a")
        try store.buy(1, for: nil)
        #expect(try store.apply(assign, key: "a") == first)
        #expect(try store.figures().assigned == 0)
        #expect(try store.apply(assign, key: "b").effect != nil)
    }

    @Test("A8: a repetition is known although the gateway made new secrets for it")
    func idempotencyOfGeneratedParts() throws {
        let store = try TestStore()
        func rows(_ secret: String) -> Action {
            .imports(
                .atOnce(
                    TestStore.product,
                    [DeviceImport(device: DeviceKey("d1")!, secret: SealedSecret(secret)!)])
            )
        }
        _ = try store.apply(rows("one"), key: "k")
        let again = try store.apply(rows("two"), key: "k")
        #expect(
            again
                == .repeated(
                    .changed(.imports(.imported(TestStore.product, count: 1, import: nil)))))
        #expect(try store.record("d1")?.secret == SealedSecret("one"))
    }

    @Test("A9: a product consumes its batches first in, first out, and each code is traceable")
    func firstInFirstOut() throws {
        let store = try TestStore()
        try store.buy(2, for: nil)
        try store.buy(2)
        try store.buy(3, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 3)))
        for index in 1...5 { _ = try store.connect("d\(index)") }
        let serials = try (1...5).map { try store.history("d\($0)")[0].code.serial }
        // Bought for the product first: 3 and 4; then assigned: 1 and 2, and 5 of the next batch.
        #expect(serials == [3, 4, 1, 2, 5])
        let purchase = try store.read { books, transaction throws(StoreError) in
            try books.purchase(of: ActivationCode(serial: 5), in: transaction)
        }
        #expect(purchase?.first.serial == 5 && purchase?.record.quantity == 3)
        let none = try store.read { books, transaction throws(StoreError) in
            try books.purchase(of: ActivationCode(serial: 8), in: transaction)
        }
        #expect(none == nil)
    }

    @Test("A10: verify finds nothing in books that balance")
    func balance() throws {
        let store = try TestStore()
        try store.buy(3)
        try store.buy(9, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 4)))
        for index in 1...4 { _ = try store.connect("d\(index)") }
        store.advance(days: 11)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.delete(TestStore.device("d2"))))
        #expect(try store.findings() == [])
    }

    @Test("A10: verify names a code that is missing, doubled or miscounted")
    func imbalance() throws {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        let books = store.books
        func damaged(
            _ damage: (borrowing WriteTransaction) throws(StoreError) -> Void
        ) throws -> [String] {
            let transaction = try WriteTransaction(in: store.environment)
            try damage(transaction)
            return books.verify(in: transaction)
        }
        func pool(_ change: (inout PoolRecord) -> Void) throws -> [String] {
            try damaged { (transaction) throws(StoreError) in
                var pool = try books.pool(of: TestStore.product, in: transaction)
                change(&pool)
                try books.pools.put(TestStore.product, pool, in: transaction)
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
        #expect(try store.findings() == [])
    }
}
