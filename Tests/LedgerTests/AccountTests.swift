import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Accounts, free codes (A7), contacts (E1), and where all is counted (B13).
@Suite struct AccountTests {
    private static let free = PackageID("free")!
    private static let west = DataCentreID("west")!

    private static func terms(_ policy: FreeCodePolicy) -> FreeCodeTerms {
        FreeCodeTerms(
            policy: policy,
            package: free,
            allowance: Allowance(
                validityDays: 30, messagesPerDay: 50, otaPerMonth: 1, storageDays: 7)!
        )
    }

    private func open(
        _ id: String,
        _ kind: AccountKind,
        under parent: String? = nil,
        _ policy: FreeCodePolicy? = nil,
        at dataCentre: DataCentreID = .main
    ) -> Action {
        .accounts(
            .create(
                NewAccount(
                    id: AccountID(id)!,
                    name: id,
                    kind: kind,
                    parent: parent.map { AccountID($0)! },
                    dataCentre: dataCentre,
                    freeCodes: policy.map { Self.terms($0) }
                )
            )
        )
    }

    private func figures(
        _ store: TestStore,
        _ id: String,
        at dataCentre: DataCentreID? = nil
    ) throws -> AccountFigures {
        try store.read { books, transaction throws(StoreError) in
            try books.figures(of: AccountID(id)!, at: dataCentre, in: transaction)
        }
    }

    private func account(_ store: TestStore, _ id: String) throws -> AccountRecord? {
        try store.read { books, transaction throws(StoreError) in
            try books.account(AccountID(id)!, in: transaction)
        }
    }

    private func changes(_ store: TestStore, after sequence: UInt64) throws -> [String] {
        try store.read { books, transaction throws(StoreError) in
            try books.events(after: sequence, limit: 100, in: transaction)
        }.map(\.change.name)
    }

    // MARK: A7

    @Test("A7: account-10-5 gives an enterprise 10 and an individual 5 codes of its package, once")
    func freeCodesOfAccounts() throws {
        let store = try TestStore()
        let before = try store.lastSequence()
        #expect(try store.refusal(open("firm", .enterprise, .perAccount)) == nil)
        #expect(try store.refusal(open("ann", .individual, .perAccount)) == nil)
        #expect(try store.refusal(open("firm", .enterprise, .perAccount)) == "already-exists")
        #expect(try figures(store, "firm").unassigned == 10)
        #expect(try figures(store, "ann").unassigned == 5)
        let expected = [
            "account-created", "package-created", "codes-granted", "account-created",
            "codes-granted",
        ]
        #expect(try changes(store, after: before) == expected)
        let found = try store.read { books, transaction throws(StoreError) in
            (
                try books.purchases(of: AccountID("ann")!, limit: 10, in: transaction).elements,
                try books.holdings(of: AccountID("ann")!, in: transaction),
                try books.package(Self.free, in: transaction)
            )
        }
        #expect(found.0.map(\.record.source) == [.grant] && found.0[0].record.package == Self.free)
        #expect(found.1.map(\.record.granted) == [5] && found.1[0].record.bought == 0)
        #expect(found.2?.allowance.messagesPerDay == 50)
        #expect(try store.findings() == [])
    }

    @Test("A7: free codes are assigned and consumed as bought ones are")
    func freeCodesAreCodes() throws {
        let store = try TestStore()
        _ = try store.apply(open("ann", .individual, .perAccount))
        _ = try store.apply(
            .products(.create(TestStore.newProduct("PK2", account: AccountID("ann")!))))
        let product = ProductKey("PK2")!
        #expect(try store.refusal(.codes(.assign(product, package: Self.free, quantity: 5))) == nil)
        #expect(
            try store.connect("d1", of: "PK2")
                == .admitted(until: store.now.adding(days: 30), consumed: true)
        )
        #expect(
            try figures(store, "ann")
                == AccountFigures(total: 5, used: 1, remaining: 4, unassigned: 0)
        )
        #expect(try store.findings() == [])
    }

    @Test("A4: free codes don't set the package: bought ones replace it, an upgrade may be any")
    func freeCodesDoNotTie() throws {
        let store = try TestStore()
        let ann = AccountID("ann")!
        let product = ProductKey("PK2")!
        _ = try store.apply(open("ann", .individual, .perAccount))
        func record() throws -> ProductRecord? {
            try store.read { books, transaction throws(StoreError) in
                try books.product(product, in: transaction)
            }
        }
        func buy(_ package: PackageID, for product: ProductKey?) throws -> String? {
            try store.refusal(
                .codes(.purchase(ann, package: package, quantity: 2, product: product)))
        }
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2", account: ann))))
        #expect(try store.refusal(.codes(.assign(product, package: Self.free, quantity: 2))) == nil)
        let free = store.now.adding(days: 30)
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: free, consumed: true))
        // Unassigned ones first: an assignment sets it as a purchase does.
        #expect(try buy(TestStore.small, for: nil) == nil)
        #expect(
            try store.refusal(.codes(.assign(product, package: TestStore.small, quantity: 1)))
                == nil)
        #expect(try record()?.package == TestStore.small)
        #expect(try record()?.allowance == TestStore.allowances[TestStore.small])
        // The one that runs keeps its end; the free code that is left is a free code.
        #expect(try store.connect("d1", of: "PK2") == .admitted(until: free, consumed: false))
        #expect(try store.connect("d2", of: "PK2") == .admitted(until: free, consumed: true))
        #expect(
            try store.connect("d3", of: "PK2")
                == .admitted(until: store.now.adding(days: 10), consumed: true))
        // Now it is set.
        #expect(try buy(TestStore.large, for: product) == "package-mismatch")
        // Not for free codes, of which the account has some left.
        #expect(try store.refusal(.codes(.assign(product, package: Self.free, quantity: 1))) == nil)
        #expect(try record()?.package == TestStore.small)
        #expect(try store.findings() == [])

        // Another product: bought for it straight away, or upgraded, also to one that lowers something.
        for (key, action) in [
            (
                "PK3",
                Action.codes(
                    .purchase(
                        ann, package: TestStore.small, quantity: 1, product: ProductKey("PK3")!))
            ),
            ("PK4", .products(.upgradePackage(ProductKey("PK4")!, to: TestStore.small))),
        ] {
            let product = ProductKey(key)!
            _ = try store.apply(.products(.create(TestStore.newProduct(key, account: ann))))
            #expect(
                try store.refusal(.codes(.assign(product, package: Self.free, quantity: 1))) == nil)
            #expect(try store.refusal(action) == nil)
            let package = try store.read { books, transaction throws(StoreError) in
                try books.product(product, in: transaction)?.package
            }
            #expect(package == TestStore.small)
            #expect(
                try store.refusal(.products(.upgradePackage(product, to: TestStore.large))) == nil)
            #expect(
                try store.refusal(.products(.upgradePackage(product, to: TestStore.small)))
                    == "allowance-lowered")
        }
        #expect(try store.findings() == [])
    }

    @Test("A7: an individual that is certified is an enterprise and gets 5 more, once")
    func certification() throws {
        let store = try TestStore()
        let ann = AccountID("ann")!
        let certify = Action.accounts(.certify(ann, freeCodes: Self.terms(.perAccount)))
        #expect(try store.refusal(certify) == "unknown-account")
        _ = try store.apply(open("ann", .individual, .perAccount))
        let before = try store.lastSequence()
        store.advance(days: 1)
        #expect(try store.apply(certify) == .done(.changed(.accounts(.certified(ann)))))
        #expect(try changes(store, after: before) == ["account-certified", "codes-granted"])
        let record = try #require(try account(store, "ann"))
        #expect(record.kind == .enterprise && record.certifiedAt == store.now)
        #expect(try figures(store, "ann").total == 10)
        #expect(try store.refusal(certify) == "enterprise-already")
        #expect(try figures(store, "ann").total == 10)
        #expect(try store.findings() == [])
    }

    @Test("A7: product-100-20 gives each new product codes by its account's kind")
    func freeCodesOfProducts() throws {
        let store = try TestStore()
        _ = try store.apply(open("ann", .individual, .perProduct))
        func create(_ key: String, of account: AccountID, _ package: PackageID? = nil) throws {
            let product = NewProduct(
                key: ProductKey(key)!,
                name: key,
                account: account,
                package: package,
                secret: SealedSecret([1])!,
                freeCodes: Self.terms(.perProduct)
            )
            try #require(try store.refusal(.products(.create(product))) == nil)
        }
        try create("A1", of: TestStore.acme)
        try create("A2", of: AccountID("ann")!)
        try create("A3", of: AccountID("ann")!)
        #expect(try store.figures(of: "A1").remaining == 100)
        #expect(try store.figures(of: "A2").remaining == 20)
        #expect(try store.figures(of: "A3").remaining == 20)
        #expect(
            try figures(store, "ann")
                == AccountFigures(total: 40, used: 0, remaining: 40, unassigned: 0)
        )
        // Rule A4: until codes are bought, their package is the product's.
        let record = try store.read { books, transaction throws(StoreError) in
            try books.product(ProductKey("A1")!, in: transaction)
        }
        #expect(record?.package == Self.free && record?.allowance?.validityDays == 30)
        #expect(record?.packageOrigin == .freeCodes)
        // Also of one whose package is named.
        try create("A4", of: TestStore.acme, TestStore.large)
        #expect(try store.figures(of: "A4").assigned == 100)
        // Certified, an account's next products get an enterprise's codes; it gets none itself.
        let certify = AccountAction.certify(
            AccountID("ann")!, freeCodes: Self.terms(.perProduct))
        _ = try store.apply(.accounts(certify))
        try create("A5", of: AccountID("ann")!)
        #expect(try store.figures(of: "A5").remaining == 100)
        #expect(try figures(store, "ann").unassigned == 0)
        #expect(try store.findings() == [])
    }

    @Test(
        "A7: a package of that name that exists keeps its allowance; without terms none are given")
    func freePackage() throws {
        let store = try TestStore()
        let allowance = Allowance(
            validityDays: 3, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
        _ = try store.apply(.packages(.create(Self.free, name: "Ours", allowance)))
        _ = try store.apply(open("firm", .enterprise, .perAccount))
        _ = try store.apply(open("poor", .enterprise))
        let package = try store.read { books, transaction throws(StoreError) in
            try books.package(Self.free, in: transaction)
        }
        #expect(package?.allowance == allowance && package?.name == "Ours")
        #expect(try figures(store, "firm").total == 10)
        #expect(try figures(store, "poor").total == 0)
        #expect(try store.findings() == [])
    }

    @Test("A7, A8: a repeated creation gives nothing more, also under other terms")
    func repeatedCreation() throws {
        let store = try TestStore()
        let first = try store.apply(open("firm", .enterprise, .perAccount), key: "k")
        let again = try store.apply(open("firm", .enterprise), key: "k")
        #expect(again == .repeated(try #require(first.effect)))
        #expect(try figures(store, "firm").total == 10)
    }

    // MARK: Sub-accounts

    @Test("Accounts: a sub-account's parent exists and is none itself; it is what that one is")
    func subAccounts() throws {
        let store = try TestStore()
        #expect(try store.refusal(open("ann", .individual)) == nil)
        #expect(try store.refusal(open("sub", .enterprise, under: "ann", .perAccount)) == nil)
        #expect(try store.refusal(open("s2", .enterprise, under: "ann")) == nil)
        #expect(
            try store.refusal(open("subsub", .individual, under: "sub")) == "parent-is-sub-account")
        #expect(try store.refusal(open("x", .individual, under: "nobody")) == "unknown-account")
        #expect(try store.refusal(open("sub", .individual, under: "ann")) == "already-exists")
        #expect(try account(store, "sub")?.kind == .individual)
        // Rule A7: an account cannot multiply its free codes.
        #expect(try figures(store, "sub").total == 0)
        let pages = try store.read { books, transaction throws(StoreError) in
            let first = try books.accounts(
                parent: AccountID("ann")!, limit: 1, in: transaction)
            let second = try books.accounts(
                parent: AccountID("ann")!, cursor: first.cursor, limit: 1, in: transaction)
            return [first, second].map { $0.elements.map(\.id.text) }
        }
        #expect(pages == [["s2"], ["sub"]])
        #expect(
            try store.refusal(.accounts(.certify(AccountID("sub")!, freeCodes: nil)))
                == "certified-with-parent"
        )
        _ = try store.apply(.accounts(.certify(AccountID("ann")!, freeCodes: nil)))
        #expect(try account(store, "sub")?.kind == .enterprise)
        #expect(try account(store, "s2")?.certifiedAt == store.now)
        #expect(try store.findings() == [])
    }

    @Test("Accounts: there is a limit of sub-accounts")
    func subAccountLimit() throws {
        let store = try TestStore()
        for number in 1...Books.subAccountMaximum {
            try #require(try store.refusal(open("s\(number)", .individual, under: "acme")) == nil)
        }
        #expect(
            try store.apply(open("s0", .individual, under: "acme"))
                == .refused(.accounts(.tooManySubAccounts(maximum: 1_000)))
        )
        #expect(try account(store, "s0") == nil)
        #expect(try store.findings() == [])
    }

    @Test("Accounts: name and owner's address can be changed; what is not named stays")
    func update() throws {
        let store = try TestStore()
        func change(_ update: AccountUpdate, _ id: AccountID = TestStore.acme) throws -> Outcome {
            try store.apply(.accounts(.update(id, update)))
        }
        let email = EmailAddress("boss@acme.example")!
        #expect(try change(AccountUpdate(email: email)).effect != nil)
        #expect(try change(AccountUpdate(name: "Acme Ltd.")).effect != nil)
        #expect(try change(AccountUpdate(name: "Acme Ltd.", email: email)) == .done(.unchanged))
        let record = try #require(try account(store, "acme"))
        #expect(record.email == email && record.name == "Acme Ltd.")
        let long = AccountUpdate(name: String(repeating: "n", count: Books.nameMaximumLength + 1))
        #expect(try change(long) == .refused(.commands(.nameTooLong(maximumBytes: 1_024))))
        #expect(
            try change(AccountUpdate(), AccountID("nobody")!)
                == .refused(.accounts(.unknown(AccountID("nobody")!)))
        )
    }

    // MARK: E1

    private func contacts(_ store: TestStore, _ id: String) throws -> [String] {
        try store.read { books, transaction throws(StoreError) in
            try books.contacts(of: AccountID(id)!, limit: 100, in: transaction)
        }.elements.map { "\($0.email) \($0.record.name)" }
    }

    @Test("E1: an account and its sub-accounts have one list of contacts, which each of them edits")
    func contactList() throws {
        let store = try TestStore()
        _ = try store.apply(open("sub", .enterprise, under: "acme"))
        let (ann, bob) = (EmailAddress("ann@example.org")!, EmailAddress("bob@example.org")!)
        func put(_ id: String, _ email: EmailAddress, _ name: String) throws -> Outcome {
            try store.apply(
                .accounts(.putContact(AccountID(id)!, Contact(email: email, name: name))))
        }
        #expect(try put("acme", bob, "Bob").effect != nil)
        #expect(try put("sub", ann, "Ann").effect != nil)
        #expect(try put("sub", bob, "Bob").effect == .unchanged)
        #expect(try put("sub", bob, "Robert").effect != .unchanged)
        #expect(try contacts(store, "acme") == ["ann@example.org Ann", "bob@example.org Robert"])
        #expect(try contacts(store, "sub") == contacts(store, "acme"))
        let remove = Action.accounts(.removeContact(AccountID("sub")!, ann))
        #expect(
            try store.apply(remove)
                == .done(.changed(.accounts(.contactRemoved(TestStore.acme, ann)))))
        #expect(
            try store.apply(remove) == .refused(.accounts(.unknownContact(TestStore.acme, ann))))
        #expect(try contacts(store, "acme") == ["bob@example.org Robert"])
        #expect(try put("nobody", ann, "") == .refused(.accounts(.unknown(AccountID("nobody")!))))
        #expect(try store.findings() == [])
    }

    @Test("E1: a list of contacts has a limit")
    func contactLimit() throws {
        let store = try TestStore()
        func put(_ number: Int) throws -> Outcome {
            let email = EmailAddress("c\(number)@example.org")!
            return try store.apply(.accounts(.putContact(TestStore.acme, Contact(email: email))))
        }
        for number in 1...Books.contactMaximum { try #require(try put(number).effect != nil) }
        #expect(try put(0) == .refused(.accounts(.tooManyContacts(maximum: 100))))
        #expect(try put(1) == .done(.unchanged))
        #expect(try store.findings() == [])
    }

    // MARK: B13

    @Test("B13: connected elsewhere, a device consumes from, and is counted in, the product's home")
    func home() throws {
        let store = try TestStore()
        _ = try store.apply(
            .products(
                .create(
                    NewProduct(
                        key: ProductKey("PKW")!, name: "West", account: TestStore.acme,
                        secret: SealedSecret([1])!, registration: .open, dataCentre: Self.west))
            )
        )
        try store.buy(5)
        try store.buy(4, for: "PKW")
        try store.buy(3, for: nil)
        let east = DataCentreID("east")!
        func connect(_ key: String, at place: DataCentreID?) throws {
            let activate = Action.devices(
                .activate(TestStore.device(key), confirmsSecret: nil, at: place))
            try #require(try store.refusal(activate) == nil)
        }
        try connect("d1", at: nil)
        try connect("d2", at: east)
        store.advance(days: 10)
        try #require(
            try store.refusal(.devices(.renew(TestStore.device("d2"), at: Self.west))) == nil)
        // Again from another place: nothing is consumed (rule B2).
        try connect("d2", at: east)
        #expect(try store.figures().consumed == 3)
        let places = try store.read { books, transaction throws(StoreError) in
            try books.activations(of: TestStore.device("d2"), limit: 10, in: transaction)
        }.elements.map(\.dataCentre)
        #expect(places == [east, Self.west])
        let codes = try store.read { books, transaction throws(StoreError) in
            try books.consumedCodes(of: TestStore.product, limit: 10, in: transaction)
        }.elements.map(\.dataCentre)
        #expect(codes == [.main, east, Self.west])
        #expect(
            try figures(store, "acme", at: .main)
                == AccountFigures(total: 8, used: 3, remaining: 5, unassigned: 3)
        )
        #expect(
            try figures(store, "acme", at: Self.west)
                == AccountFigures(total: 4, used: 0, remaining: 4, unassigned: 0)
        )
        #expect(try figures(store, "acme", at: east).total == 0)
        #expect(try figures(store, "acme").total == 12)
        #expect(try store.findings() == [])
    }

    @Test("B13: products are listed by their home")
    func productsByHome() throws {
        let store = try TestStore()
        _ = try store.apply(
            .products(
                .create(
                    NewProduct(
                        key: ProductKey("PKW")!, name: "West", account: TestStore.acme,
                        secret: SealedSecret([1])!, dataCentre: Self.west))
            )
        )
        func list(_ home: DataCentreID?, _ accounts: [AccountID]?) throws -> [String] {
            try store.read { books, transaction throws(StoreError) in
                try books.products(of: accounts, at: home, limit: 10, in: transaction)
            }.elements.map(\.key.text)
        }
        #expect(try list(nil, nil) == ["PK1", "PKW"])
        #expect(try list(Self.west, nil) == ["PKW"])
        #expect(try list(.main, [TestStore.acme]) == ["PK1"])
    }

    // MARK: A10

    @Test("A10: verify names what is wrong with accounts, contacts and keys")
    func audit() throws {
        let store = try TestStore()
        _ = try store.apply(open("sub", .enterprise, under: "acme"))
        #expect(try store.findings() == [])
        let transaction = try WriteTransaction(in: store.environment)
        let books = store.books
        let (sub, nobody) = (AccountID("sub")!, AccountID("nobody")!)
        var record = try #require(try books.accounts.get(sub, in: transaction))
        record.kind = .individual
        record.certifiedAt = store.now
        try books.accounts.put(sub, record, in: transaction)
        try books.subAccounts.delete(KeyPair(TestStore.acme, sub), in: transaction)
        try books.contacts.put(
            KeyPair(sub, EmailAddress("a@b.cd")!),
            ContactRecord(name: "", at: store.now, actor: "x"),
            in: transaction
        )
        try books.keys.put(
            KeyID("k")!,
            KeyRecord(
                name: "", role: .operator, account: nobody, products: [ProductKey("PKX")!],
                secretHash: SecretHash([UInt8](repeating: 0, count: 32))!, createdAt: store.now,
                revokedAt: nil),
            in: transaction
        )
        try transaction.commit()
        let findings = try store.findings()
        for part in [
            "account sub was certified", "not of the kind that its parent acme is",
            "not among the sub-accounts of acme", "the number of records in table subAccounts",
            "contacts are kept for sub", "bound to account nobody",
            "not among those of account nobody", "bound to product PKX",
        ] {
            #expect(findings.contains { $0.contains(part) }, "\(part): \(findings)")
        }
    }
}
