import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule A4: what free codes give stays theirs, whatever package their product has.
@Suite struct FreeCodeTests {
    private static let free = PackageID("free")!
    private static let ann = AccountID("ann")!
    private static let product = ProductKey("PK2")!

    /// More OTA upgrades than `small` and `large`, and less of all else than `large`.
    private static let given = Allowance(
        validityDays: 15, messagesPerDay: 50, otaPerMonth: 3, storageDays: 2)!

    private static func terms(_ policy: FreeCodePolicy) -> FreeCodeTerms {
        FreeCodeTerms(policy: policy, package: free, allowance: given)
    }

    /// An individual with five free codes, and their product PK2 with `assigned` of them.
    private func store(assigned: UInt64 = 2) throws -> TestStore {
        let store = try TestStore()
        let person = NewAccount(
            id: Self.ann, name: "Ann", kind: .individual, freeCodes: Self.terms(.perAccount))
        try #require(store.refusal(.accounts(.create(person))) == nil)
        try create("PK2", in: store)
        if assigned > 0 { try #require(assign(Self.free, assigned, store) == nil) }
        return store
    }

    private func create(
        _ key: String, _ package: PackageID? = nil, _ freeCodes: FreeCodeTerms? = nil,
        in store: TestStore
    ) throws {
        let product = NewProduct(
            key: ProductKey(key)!, name: key, account: Self.ann, package: package,
            secret: SealedSecret([1])!, registration: .open, freeCodes: freeCodes)
        try #require(store.refusal(.products(.create(product))) == nil)
    }

    private func assign(
        _ package: PackageID?, _ quantity: UInt64, to product: String = "PK2", _ store: TestStore
    ) throws -> String? {
        try store.refusal(
            .codes(.assign(ProductKey(product)!, package: package, quantity: quantity)))
    }

    /// For the product, or for none yet.
    private func buy(
        _ quantity: UInt64, _ package: PackageID, for product: String? = "PK2", _ store: TestStore
    ) throws -> String? {
        try store.refusal(
            .codes(
                .purchase(
                    Self.ann, package: package, quantity: quantity,
                    product: product.map { ProductKey($0)! })))
    }

    private func record(_ store: TestStore, _ key: String = "PK2") throws -> ProductRecord {
        let found = try store.read { books, transaction throws(StoreError) in
            try books.product(ProductKey(key)!, in: transaction)
        }
        return try #require(found)
    }

    /// What the device's latest entitlement gives.
    private func allowance(_ device: String, of key: String = "PK2", _ store: TestStore) throws
        -> Allowance?
    {
        let record = try store.record(device, of: key)
        return try store.read { books, transaction throws(StoreError) in
            guard let product = try books.product(ProductKey(key)!, in: transaction) else {
                return nil
            }
            return try books.allowance(of: record, product, in: transaction)
        }
    }

    /// Attempts that are left of the device's own month.
    private func upgrades(_ device: String, _ store: TestStore) throws -> UInt64? {
        try store.read { books, transaction throws(StoreError) in
            try books.upgradeAllowance(
                of: TestStore.device(device, of: "PK2"), at: store.now, in: transaction)
        }?.left
    }

    private func assignable(_ store: TestStore, to key: String = "PK2") throws -> [Assignable] {
        try store.read { books, transaction throws(StoreError) in
            try books.assignable(to: ProductKey(key)!, in: transaction)
        }
    }

    @Test(
        "A4: when a bought package takes over, free entitlements that run keep all that they give",
        arguments: [TestStore.small, TestStore.large])
    func takeOver(package: PackageID) throws {
        let store = try store()
        let until = store.now.adding(days: 15)
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: until, consumed: true))
        let bought = TestStore.allowances[package]!
        #expect(try buy(2, package, store) == nil)
        #expect(try record(store).package == package && record(store).allowance == bought)
        #expect(try record(store).freeAllowance == Self.given)
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: until, consumed: false))
        // The free code that is left gives what they all do, the next is a bought one.
        #expect(try store.connect("d2", of: "PK2") == .admitted(until: until, consumed: true))
        #expect(
            try store.connect("d3", of: "PK2")
                == .admitted(
                    until: store.now.adding(days: Int64(bought.validityDays)), consumed: true))
        for (device, gives) in [("d1", Self.given), ("d2", Self.given), ("d3", bought)] {
            #expect(try allowance(device, store) == gives, "\(device)")
            #expect(try upgrades(device, store) == UInt64(gives.otaPerMonth), "\(device)")
        }
        // With a bought code the device has what that gives.
        store.advance(days: 15)
        #expect(try store.connect("d1", of: "PK2") != .refused("no-code-left"))
        #expect(try allowance("d1", store) == bought && upgrades("d1", store) == 1)
        #expect(try store.findings() == [])
    }

    @Test("A4, D1: an OTA upgrade is paid with what the device's own code gives")
    func ownUpgrades() throws {
        let store = try store(assigned: 1)
        _ = try store.connect("d1", of: "PK2")
        #expect(try buy(1, TestStore.small, store) == nil)
        _ = try store.connect("d2", of: "PK2")
        let size = UpgradeSize(bytes: 2 * UpgradeSize.attemptBytes)!
        func ask(_ device: String) throws -> String? {
            let identity = TestStore.device(device, of: "PK2")
            return try store.refusal(.upgrades(.request(identity, UpgradeID("u1")!, size)))
        }
        #expect(try ask("d1") == nil && upgrades("d1", store) == 1)
        #expect(try ask("d2") == "ota-exhausted" && upgrades("d2", store) == 1)
        #expect(try store.findings() == [])
    }

    @Test("A4: free codes that the account has left join a product of a bought package")
    func leftOver() throws {
        let store = try store()
        #expect(try buy(1, TestStore.large, store) == nil)
        #expect(try assign(Self.free, 1, store) == nil)
        #expect(try record(store).package == TestStore.large)
        // One that never had any, and one whose package was named.
        try create("PK3", in: store)
        #expect(try buy(1, TestStore.small, for: "PK3", store) == nil)
        try create("PK4", TestStore.large, in: store)
        for key in ["PK3", "PK4"] {
            #expect(try assign(Self.free, 1, to: key, store) == nil)
            #expect(try record(store, key).freeAllowance == Self.given)
        }
        #expect(try record(store, "PK3").package == TestStore.small)
        #expect(try record(store, "PK4").package == TestStore.large)
        _ = try store.connect("d1", of: "PK4")
        #expect(try allowance("d1", of: "PK4", store) == Self.given)
        // Bought ones are of the product's package still.
        #expect(try buy(1, TestStore.small, store) == "package-mismatch")
        #expect(try store.findings() == [])
    }

    @Test("A4, A5: after an upgrade, free codes that the account has left join, and are raised")
    func leftOverOfUpgraded() throws {
        let store = try store()
        #expect(
            try store.refusal(.products(.upgradePackage(Self.product, to: TestStore.large))) == nil)
        #expect(try assignable(store).mostTogether == 3)
        #expect(try assign(Self.free, 3, store) == nil)
        for device in ["d1", "d2", "d3"] { _ = try store.connect(device, of: "PK2") }
        let raised = Self.given.raised(to: TestStore.allowances[TestStore.large]!)
        #expect(try allowance("d3", store) == raised)
        #expect(try store.findings() == [])
    }

    @Test("A4: free codes of another allowance than the product's free ones are refused")
    func otherFreeCodes() throws {
        let store = try store()
        let other = PackageID("other")!
        let more = FreeCodeTerms(
            policy: .perAccount, package: other, allowance: TestStore.allowances[TestStore.small]!)
        #expect(try store.refusal(.accounts(.certify(Self.ann, freeCodes: more))) == nil)
        #expect(try assign(other, 1, store) == "package-mismatch")
        #expect(try assignable(store).map(\.package) == [Self.free])
        #expect(try store.findings() == [])
    }

    @Test("A4: free and bought codes of one allowance are judged each by what they are")
    func mixed() throws {
        let store = try store(assigned: 0)
        // The package of free codes is sold, too: ann has 5 free ones, and 4 bought behind them.
        #expect(try buy(4, Self.free, for: nil, store) == nil)
        #expect(try assign(Self.free, 6, store) == nil)
        #expect(try record(store).packageOrigin == .codes && record(store).package == Self.free)
        #expect(try record(store).freePackage == Self.free)
        // To a product of another package only its free ones would go, and there are none.
        try create("PK3", TestStore.large, in: store)
        #expect(try assignable(store, to: "PK3") == [])
        #expect(try assign(Self.free, 1, to: "PK3", store) == "package-mismatch")
        #expect(try assign(Self.free, 3, store) == nil)
        #expect(try store.findings() == [])
    }

    @Test("A4, A6: of a package's codes only those are assigned that may be, in their order")
    func parts() throws {
        let store = try store(assigned: 0)
        #expect(try buy(4, Self.free, for: nil, store) == nil)
        try create("PK3", TestStore.large, in: store)
        let told = try assignable(store, to: "PK3")
        #expect(told.map(\.free) == [5] && told.map(\.bought) == [0])
        #expect(try assign(Self.free, 6, to: "PK3", store) == "not-enough-unassigned")
        #expect(try assign(Self.free, 5, to: "PK3", store) == nil)
        #expect(try record(store, "PK3").packageOrigin == .named)
        // The bought ones are left.
        #expect(try assign(Self.free, 4, store) == nil)
        #expect(try record(store).packageOrigin == .codes && record(store).freePackage == nil)
        #expect(try store.findings() == [])
    }

    @Test("A6: bought codes of one allowance and free ones are one number, and go together")
    func together() throws {
        let store = try store(assigned: 0)
        #expect(try buy(3, TestStore.large, for: nil, store) == nil)
        #expect(try assignable(store).mostTogether == 8)
        // The bought ones first.
        #expect(try assign(nil, 4, store) == nil)
        #expect(try record(store).package == TestStore.large)
        #expect(try buy(2, TestStore.small, for: nil, store) == nil)
        #expect(try assignable(store).mostTogether == 4)
        #expect(try assign(nil, 5, store) == "not-enough-unassigned")
        #expect(try assign(nil, 4, store) == nil)
        // Two allowances that it might have, and none is named.
        try create("PK3", in: store)
        #expect(try buy(1, TestStore.large, for: nil, store) == nil)
        #expect(try assignable(store, to: "PK3").mostTogether == 2)
        #expect(try assign(nil, 1, to: "PK3", store) == "product-has-no-package")
        #expect(
            try store.refusal(
                .accounts(.certify(Self.ann, freeCodes: Self.terms(.perAccount)))) == nil)
        #expect(try assignable(store, to: "PK3").mostTogether == 7)
        #expect(try assign(nil, 1, to: "PK3", store) == "product-has-no-package")
        #expect(try store.findings() == [])
    }

    @Test("A5: an upgrade raises what free codes give, each figure, and lowers none")
    func upgrade() throws {
        let store = try store()
        let until = store.now.adding(days: 15)
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: until, consumed: true))
        // Of free codes alone it may be any: here of fewer days and upgrades, but more messages.
        #expect(
            try store.refusal(.products(.upgradePackage(Self.product, to: TestStore.small))) == nil)
        let raised = Allowance(
            validityDays: 15, messagesPerDay: 100, otaPerMonth: 3, storageDays: 7)!
        #expect(try record(store).allowance == TestStore.allowances[TestStore.small])
        #expect(try record(store).freeAllowance == raised && allowance("d1", store) == raised)
        #expect(try buy(1, TestStore.small, store) == nil)
        #expect(
            try store.refusal(.products(.upgradePackage(Self.product, to: TestStore.large))) == nil)
        let most = Allowance(
            validityDays: 20, messagesPerDay: 1_000, otaPerMonth: 3, storageDays: 7)!
        #expect(try allowance("d1", store) == most)
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: until, consumed: false))
        // For codes that are not consumed yet the validity holds, too.
        #expect(
            try store.connect("d2", of: "PK2")
                == .admitted(until: store.now.adding(days: 20), consumed: true))
        #expect(try store.findings() == [])
        let unlimited = PackageID("unlimited")!
        let endless = Allowance(
            validityDays: 20, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
        _ = try store.apply(.packages(.create(unlimited, name: "U", endless)))
        #expect(
            try store.refusal(.products(.upgradePackage(Self.product, to: unlimited))) == nil)
        #expect(try allowance("d1", store) == endless.raised(to: most))
        #expect(try store.findings() == [])
    }

    @Test("A11: when all bought codes are void, free ones give what they gave")
    func voidedPurchases() throws {
        let store = try store()
        _ = try store.connect("d1", of: "PK2")
        #expect(try buy(2, TestStore.large, store) == nil)
        func void(_ first: UInt64) throws -> String? {
            try store.refusal(
                .corrections(
                    .voidPurchase(Self.ann, first: ActivationCode(serial: first), cause: "x")))
        }
        #expect(try void(6) == nil)
        #expect(try record(store).package == Self.free)
        #expect(try record(store).packageOrigin == .freeCodes)
        #expect(try record(store).freeAllowance == Self.given)
        #expect(try allowance("d1", store) == Self.given)
        #expect(try store.findings() == [])
        // The next package takes over as the first did.
        #expect(try buy(1, TestStore.small, store) == nil)
        #expect(try record(store).package == TestStore.small)
        #expect(try allowance("d1", store) == Self.given)
        // The consumed one, which is given back, is the last free one that is not void.
        #expect(try void(1) == nil)
        #expect(try record(store).freeAllowance == Self.given)
        #expect(
            try store.refusal(
                .corrections(
                    .voidConsumption(TestStore.device("d1", of: "PK2"), cause: "x"))) == nil)
        #expect(try void(1) == nil)
        #expect(try record(store).freePackage == nil && record(store).freeAllowance == nil)
        #expect(try record(store).package == TestStore.small)
        #expect(try store.findings() == [])
    }

    @Test("A11: with the last free code the package goes that free ones alone have brought")
    func voidedGrant() throws {
        let store = try store()
        let sequence = try #require(try store.assignments(of: Self.ann).last)
        let void = Action.corrections(
            .voidAssignment(Self.ann, sequence: sequence, cause: "another product"))
        #expect(try store.refusal(void) == nil)
        #expect(try record(store).package == nil && record(store).allowance == nil)
        #expect(try record(store).freePackage == nil && record(store).freeDevices == .none)
        #expect(try assign(Self.free, 5, store) == nil)
        #expect(try record(store).freeDevices == .all)
        #expect(try store.findings() == [])
    }

    @Test("A4, A11, B17: a free code gives the same when it is taken back, or moved")
    func corrections() throws {
        let store = try store(assigned: 1)
        _ = try store.connect("d1", of: "PK2")
        #expect(try buy(2, TestStore.large, store) == nil)
        func device(_ key: String) -> DeviceIdentity { TestStore.device(key, of: "PK2") }
        _ = try store.apply(.devices(.register(device("d2"), secret: SealedSecret([2])!)))
        // A renewal with a bought code is taken back: the free one holds again.
        let before = store.now
        store.advance(days: 15)
        _ = try store.connect("d1", of: "PK2")
        #expect(try allowance("d1", store) == TestStore.allowances[TestStore.large])
        store.now = before
        #expect(
            try store.refusal(.corrections(.voidConsumption(device("d1"), cause: "x"))) == nil)
        #expect(try allowance("d1", store) == Self.given)
        #expect(
            try store.refusal(.corrections(.move(device("d1"), to: DeviceKey("d2")!, cause: "x")))
                == nil)
        #expect(try allowance("d2", store) == Self.given)
        #expect(try allowance("d1", store) == TestStore.allowances[TestStore.large])
        // Taken back, and consumed again: before any other.
        #expect(
            try store.refusal(.corrections(.voidConsumption(device("d2"), cause: "x"))) == nil)
        for (key, days) in [("d3", 15), ("d4", 20)] as [(String, Int64)] {
            #expect(
                try store.connect(key, of: "PK2")
                    == .admitted(until: store.now.adding(days: days), consumed: true))
        }
        #expect(try store.findings() == [])
    }

    @Test("A7: a product whose package is named gets its free codes, too, and they are free ones")
    func namedPackage() throws {
        let store = try store(assigned: 0)
        try create("PK3", TestStore.large, Self.terms(.perProduct), in: store)
        #expect(try store.figures(of: "PK3").remaining == 20)
        #expect(try record(store, "PK3").package == TestStore.large)
        #expect(
            try store.connect("d1", of: "PK3")
                == .admitted(until: store.now.adding(days: 15), consumed: true))
        #expect(try allowance("d1", of: "PK3", store) == Self.given)
        #expect(try store.findings() == [])
    }

    /// Of the format before free codes kept what they give.
    private func age(_ store: TestStore) throws {
        let earlier = StoreFormat(migrations: Array(Books.format.migrations.prefix(4)))
        try store.environment.write { transaction throws(StoreError) in
            var keys: [ProductKey] = []
            try store.books.products.forEach(in: transaction) { key, _ in
                keys.append(key)
                return .proceed
            }
            for key in keys {
                try store.books.products.change(key, in: transaction) {
                    $0.freePackage = nil
                    $0.freeAllowance = nil
                }
            }
        }
        try earlier.migrate(store.environment)
    }

    @Test("A4: a store of an earlier format learns what its free codes give")
    func migration() throws {
        let store = try store(assigned: 1)
        _ = try store.connect("d1", of: "PK2")
        #expect(try buy(1, TestStore.large, store) == nil)
        for (key, upgrade) in [("PK3", nil), ("PK4", TestStore.large), ("PK5", nil)] {
            try create(key, in: store)
            if key == "PK5" { continue }
            #expect(try assign(Self.free, 1, to: key, store) == nil)
            if let upgrade {
                let action = ProductAction.upgradePackage(ProductKey(key)!, to: upgrade)
                #expect(try store.refusal(.products(action)) == nil)
            }
        }
        let before = try ["PK2", "PK3", "PK4", "PK5"].map { try record(store, $0) }
        try age(store)
        #expect(try record(store).freeAllowance == nil)
        let older = try store.read { books, transaction throws(StoreError) in
            books.verify(format: 5, in: transaction)
        }
        #expect(older == [])
        try Books.format.migrate(store.environment)
        let after = try ["PK2", "PK3", "PK4", "PK5"].map { try record(store, $0) }
        #expect(after == before)
        #expect(try allowance("d1", store) == Self.given)
        #expect(try store.findings() == [])
    }
}
