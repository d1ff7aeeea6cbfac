import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule A12, and what free codes for products have to do with it (rule A7).
@Suite struct LimitTests {
    private static let ann = AccountID("ann")!

    /// A store with the individual ann and her sub-account.
    private func store(_ change: (inout BooksLimits) -> Void) throws -> TestStore {
        let store = try TestStore()
        var limits = BooksLimits()
        change(&limits)
        _ = try store.apply(.limits(.adopt(limits)))
        for account in [
            NewAccount(id: Self.ann, name: "Ann", kind: .individual),
            NewAccount(
                id: AccountID("sub")!, name: "Sub", kind: .individual, parent: Self.ann),
        ] {
            try #require(try store.refusal(.accounts(.create(account))) == nil)
        }
        return store
    }

    private func create(_ key: String, of account: String, _ store: TestStore) throws -> String? {
        try store.refusal(
            .products(
                .create(
                    NewProduct(
                        key: ProductKey(key)!, name: key, account: AccountID(account)!,
                        secret: SealedSecret([1])!, registration: .open,
                        freeCodes: FreeCodeTerms(
                            policy: .perProduct, package: PackageID("free")!,
                            allowance: TestStore.allowances[TestStore.small]!)))))
    }

    @Test("A12: an account has as many products as its kind may have, its sub-accounts' with it")
    func products() throws {
        let store = try store {
            $0.productsOfIndividual = 2
            $0.productsOfEnterprise = 3
        }
        #expect(try create("A1", of: "ann", store) == nil)
        #expect(try create("A2", of: "sub", store) == nil)
        #expect(try create("A3", of: "ann", store) == "limit-reached")
        #expect(try create("A3", of: "sub", store) == "limit-reached")
        #expect(try store.refusal(.products(.delete(ProductKey("A1")!))) == nil)
        #expect(try create("A3", of: "ann", store) == nil)
        #expect(try store.refusal(.accounts(.certify(Self.ann, freeCodes: nil))) == nil)
        #expect(try create("A4", of: "sub", store) == nil)
        #expect(try create("A5", of: "ann", store) == "limit-reached")
        #expect(try store.findings() == [])
    }

    @Test("A7, A12: free codes are granted once for each product that an account has at once")
    func freeCodes() throws {
        let store = try store { $0.productsOfIndividual = 3 }
        func granted(_ key: String) throws -> UInt64 { try store.figures(of: key).assigned }
        for round in 1...5 {
            #expect(try create("A\(round)", of: round % 2 == 0 ? "sub" : "ann", store) == nil)
            #expect(try granted("A\(round)") == (round == 1 ? 20 : 0))
            #expect(try store.refusal(.products(.delete(ProductKey("A\(round)")!))) == nil)
        }
        for (key, expected) in [("B1", 0), ("B2", 20), ("B3", 20)] as [(String, UInt64)] {
            #expect(try create(key, of: "ann", store) == nil)
            #expect(try granted(key) == expected)
        }
        #expect(try store.findings() == [])
    }

    @Test("A12: a product and an account have so many devices, whichever way they come")
    func devices() throws {
        let store = try store {
            $0.devicesOfProduct = 2
            $0.devicesOfAccount = 3
        }
        try store.buy(9)
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        func rows(_ keys: String...) -> [DeviceImport] {
            keys.map { DeviceImport(device: DeviceKey($0)!, secret: nil) }
        }
        #expect(
            try store.refusal(.imports(.atOnce(TestStore.product, rows("d1", "d2", "d3"))))
                == "limit-reached")
        #expect(try store.refusal(.imports(.atOnce(TestStore.product, rows("d1")))) == nil)
        let secret = SealedSecret("s")!
        #expect(
            try store.refusal(.devices(.register(TestStore.device("d2"), secret: secret))) == nil)
        #expect(
            try store.refusal(.devices(.register(TestStore.device("d3"), secret: secret)))
                == "limit-reached")
        #expect(try store.connect("d3") == .refused("limit-reached"))
        #expect(try store.connect("d1") != .refused("limit-reached"))
        // The account's third, and no more.
        let second = ProductKey("PK2")!
        #expect(try store.refusal(.imports(.atOnce(second, rows("e1")))) == nil)
        #expect(try store.refusal(.imports(.atOnce(second, rows("e2")))) == "limit-reached")
        // A device that is entitled always comes back.
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try store.refusal(.imports(.atOnce(second, rows("e2")))) == nil)
        #expect(try store.connect("d1") != .refused("limit-reached"))
        #expect(try store.findings() == [])
    }

    @Test("A12: so many devices of a product register themselves in a day of it")
    func registrations() throws {
        let store = try store { $0.registrationsPerDay = 2 }
        try store.buy(9)
        func register(_ device: String) throws -> String? {
            try store.refusal(
                .devices(.register(TestStore.device(device), secret: SealedSecret("s")!)))
        }
        #expect(try register("d1") == nil)
        // Again is not another one.
        #expect(try register("d1") == nil)
        #expect(try store.connect("d2") != .refused("limit-reached"))
        #expect(try register("d3") == "limit-reached")
        #expect(try store.connect("d4") == .refused("limit-reached"))
        // One that was imported was let in by somebody.
        _ = try store.apply(
            .imports(
                .atOnce(
                    TestStore.product, [DeviceImport(device: DeviceKey("d5")!, secret: nil)])))
        #expect(try register("d5") == nil)
        #expect(try store.connect("d5") != .refused("limit-reached"))
        store.advance(days: 1)
        #expect(try register("d3") == nil)
        #expect(try store.findings() == [])
    }

    @Test("A12: limits that are adopted again change nothing; 0 is none")
    func adopted() throws {
        let store = try store { $0.productsOfIndividual = 1 }
        var limits = BooksLimits()
        #expect(
            try store.apply(.limits(.adopt(limits))) == .done(.changed(.limits(.adopted(limits)))))
        #expect(try store.apply(.limits(.adopt(limits))) == .done(.unchanged))
        for number in 1...4 { #expect(try create("A\(number)", of: "ann", store) == nil) }
        limits.productsOfIndividual = 2
        #expect(try store.apply(.limits(.adopt(limits))).effect != nil)
        #expect(try create("A5", of: "ann", store) == "limit-reached")
    }

    @Test("A product's secret is rotated with an overlap, and revoked")
    func productSecrets() throws {
        let store = try TestStore()
        func record() throws -> ProductRecord? {
            try store.read { books, transaction throws(StoreError) in
                try books.product(TestStore.product, in: transaction)
            }
        }
        let (first, second) = (try record()?.secret, SealedSecret("second")!)
        let rotate = ProductSecretAction.rotate(
            TestStore.product, secret: second, overlapMilliseconds: 1_000)
        let until = store.now.adding(milliseconds: 1_000)
        #expect(
            try store.apply(.productSecrets(rotate), key: "k")
                == .done(.changed(.productSecrets(.rotated(TestStore.product, until: until)))))
        #expect(try record()?.secret == second)
        #expect(try record()?.previousSecret(at: store.now) == first)
        #expect(try record()?.previousSecret(at: until) == nil)
        #expect(try store.apply(.productSecrets(.revoke(TestStore.product))).effect != nil)
        #expect(try record()?.secret == nil && record()?.previousSecret(at: store.now) == nil)
        #expect(try store.apply(.productSecrets(.revoke(TestStore.product))) == .done(.unchanged))
        #expect(try store.findings() == [])
    }

    @Test("B6: an exception from renewal outlives the device, whether it ever was active or not")
    func exceptions() throws {
        let store = try TestStore()
        try store.buy(5)
        let rows = ["d1", "d2"].map { DeviceImport(device: DeviceKey($0)!, secret: nil) }
        _ = try store.apply(.imports(.atOnce(TestStore.product, rows)))
        _ = try store.connect("d1")
        for device in ["d1", "d2"] {
            _ = try store.apply(.devices(.setRenewal(TestStore.device(device), false)))
            _ = try store.apply(.devices(.delete(TestStore.device(device))))
        }
        #expect(try store.findings() == [])
        #expect(try store.refusal(.imports(.atOnce(TestStore.product, rows))) == nil)
        for device in ["d1", "d2"] {
            #expect(try store.record(device)?.isExceptedFromRenewal == true)
        }
        // One that is only an exception is no device, and has no secret.
        _ = try store.apply(.devices(.delete(TestStore.device("d2"))))
        _ = try store.apply(
            .products(.update(TestStore.product, ProductUpdate(registration: .imported))))
        #expect(try store.connect("d2") == .refused("unknown-device"))
        #expect(try store.record("d2")?.secret == nil)
        #expect(
            try store.refusal(
                .devices(.register(TestStore.device("d2"), secret: SealedSecret("s")!)))
                == "registration-not-allowed")
        #expect(try store.findings() == [])
    }

    @Test("B11: how many devices of an account are near their expiry is counted, up to a bound")
    func nearExpiryCount() throws {
        let store = try TestStore()
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        try store.buy(9)
        try store.buy(9, TestStore.large, for: "PK2")
        for index in 0..<4 { _ = try store.connect("d\(index)") }
        _ = try store.connect("e1", of: "PK2")
        func count(days: Int64, atMost maximum: Int = 100) throws -> Int {
            try store.read { books, transaction throws(StoreError) in
                try books.nearExpiryCount(
                    of: [TestStore.acme], at: store.now, withinMilliseconds: days * TestStore.day,
                    atMost: maximum, in: transaction)
            }
        }
        #expect(try count(days: 9) == 0)
        #expect(try count(days: 10) == 4)
        #expect(try count(days: 20) == 5)
        #expect(try count(days: 20, atMost: 3) == 3)
        _ = try store.apply(.devices(.delete(TestStore.device("d0"))))
        #expect(try count(days: 10) == 3)
    }

    @Test("A3: a product that was renamed is found in the history under its old name, too")
    func renamed() throws {
        let store = try TestStore()
        try store.buy(5, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 2)))
        for name in ["Valve", "Pump"] {
            _ = try store.apply(.products(.update(TestStore.product, ProductUpdate(name: name))))
        }
        func found(_ name: String) throws -> Int {
            try store.read { books, transaction throws(StoreError) in
                try books.assignments(
                    of: TestStore.acme, matching: name, limit: 10, in: transaction)
            }.elements.count
        }
        for name in ["meter pk1", "valve", "PUMP", "PK1"] { #expect(try found(name) == 1) }
        #expect(try found("sensor") == 0)
    }
}
