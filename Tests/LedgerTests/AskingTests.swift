import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A6, B11, B14 and B15: what is asked before something is done is what is then done.
@Suite struct AskingTests {
    /// Carries out random commands, and calls `body` after each.
    private func afterEach(
        of count: Int,
        seed: UInt64,
        _ body: (TestStore, Timestamp, _ place: String) throws -> Void
    ) throws {
        let store = try CommandSource.store()
        var source = CommandSource(seed: seed)
        for step in 1...count {
            let command = source.next()
            _ = try store.apply(command)
            try body(store, command.at, "seed \(seed), step \(step): \(command)")
        }
    }

    /// What a command would be answered; it is not carried out.
    private func trial(_ store: TestStore, _ action: Action, at time: Timestamp) throws -> Outcome {
        let transaction = try WriteTransaction(in: store.environment)
        let command = Command(at: time, actor: "test", action: action)
        return try store.books.apply(command, in: transaction)
    }

    @Test(
        "B15: whatever happened before, a dry run says what a connection gets", arguments: [7, 8])
    func dryRun(seed: UInt64) throws {
        try afterEach(of: 250, seed: seed) { store, time, place in
            let before = try store.lastSequence()
            for product in CommandSource.products {
                for device in CommandSource.devices + ["stranger"] {
                    let identity = TestStore.device(device, of: product)
                    let decision = try store.read { books, transaction throws(StoreError) in
                        try books.admission(of: identity, at: time, in: transaction)
                    }
                    let outcome = try trial(
                        store, .devices(.activate(identity, confirmsSecret: nil)), at: time)
                    try #require(Self.agree(decision, outcome), "\(place): \(decision), \(outcome)")
                }
            }
            try #require(try store.lastSequence() == before)
        }
    }

    private static func agree(_ decision: Decision, _ outcome: Outcome) -> Bool {
        switch (decision, outcome) {
        case (.admit(let until), .done(.entitled(let entitlement, consumed: false))),
            (.readmit(let until), .done(.entitled(let entitlement, consumed: false))):
            entitlement.expiresAt == until
        case (.consume(let cause), .done(.entitled(let entitlement, consumed: true))):
            entitlement.cause == cause
        case (.refuse(let refusal), .refused(let reason)): refusal == reason
        default: false
        }
    }

    @Test("A6: exactly as many codes can be assigned as are told before", arguments: [9, 10])
    func assignable(seed: UInt64) throws {
        try afterEach(of: 250, seed: seed) { store, time, place in
            for text in CommandSource.products {
                let product = ProductKey(text)!
                let told = try store.read { books, transaction throws(StoreError) in
                    try books.assignable(to: product, in: transaction)
                }
                for package in [TestStore.small, TestStore.large, TestStore.twin] {
                    let allowance = TestStore.allowances[package]!
                    let quantity = told.filter { $0.allowance == allowance }
                        .reduce(0) { $0 + $1.quantity }
                    let more = Action.codes(
                        .assign(product, package: package, quantity: quantity + 1))
                    guard case .refused = try trial(store, more, at: time) else {
                        Issue.record("\(place): more than \(quantity) of \(package) to \(text)")
                        return
                    }
                    guard quantity > 0 else { continue }
                    let all = Action.codes(.assign(product, package: package, quantity: quantity))
                    try #require(try trial(store, all, at: time).effect != nil, "\(place)")
                }
            }
        }
    }

    @Test("A6: another account's codes, and a deleted product, count for nothing")
    func assignableOfOthers() throws {
        let store = try TestStore()
        let other = AccountID("other")!
        _ = try store.apply(
            .accounts(
                .create(
                    NewAccount(id: other, name: "Other", kind: .individual, parent: TestStore.acme))
            ))
        _ = try store.apply(
            .codes(.purchase(other, package: TestStore.small, quantity: 9, product: nil)))
        func ask() throws -> [Assignable] {
            try store.read { books, transaction throws(StoreError) in
                try books.assignable(to: TestStore.product, in: transaction)
            }
        }
        #expect(try ask().isEmpty)
        try store.buy(2, for: nil)
        #expect(try ask().map(\.package) == [TestStore.small])
        #expect(try ask().mostTogether == 2)
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(try ask().isEmpty)
    }

    @Test("B14: known and active devices, and codes, through a device's life")
    func figures() throws {
        let store = try TestStore()
        try store.buy(3)
        func expect(known: UInt64, active: UInt64, consumed: UInt64) throws {
            let expected = ProductFigures(
                assigned: 3, remaining: 3 - consumed, consumed: consumed, devicesKnown: known,
                devicesActive: active)
            #expect(try store.figures() == expected)
            #expect(active <= consumed)
        }
        try expect(known: 0, active: 0, consumed: 0)
        let row = DeviceImport(device: DeviceKey("d1")!, secret: nil)
        _ = try store.apply(.imports(.atOnce(TestStore.product, [row])))
        try expect(known: 1, active: 0, consumed: 0)
        _ = try store.connect("d1")
        _ = try store.connect("d2")
        try expect(known: 2, active: 2, consumed: 2)
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), true)))
        try expect(known: 2, active: 1, consumed: 2)
        _ = try store.apply(.devices(.delete(TestStore.device("d2"))))
        try expect(known: 1, active: 0, consumed: 2)
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), false)))
        _ = try store.connect("d2")
        try expect(known: 2, active: 2, consumed: 2)
        store.advance(days: 10)
        _ = try store.apply(.devices(.endExpired(limit: 9, graceMilliseconds: 0)))
        try expect(known: 2, active: 0, consumed: 2)
        _ = try store.connect("d1")
        try expect(known: 2, active: 1, consumed: 3)
        #expect(try store.connect("d2") == .refused("no-code-left"))
        try expect(known: 2, active: 1, consumed: 3)
    }

    @Test("B11: 30 days to the millisecond, and whether each will be renewed")
    func nearExpiry() throws {
        let store = try TestStore()
        try store.buy(4, TestStore.large)
        for key in ["d1", "d2"] { _ = try store.connect(key) }
        _ = try store.apply(.devices(.setRenewal(TestStore.device("d2"), false)))
        let end = store.now.adding(days: 20)
        func list(_ filter: ActivationFilter = ActivationFilter()) throws -> [String] {
            try store.read { books, transaction throws(StoreError) in
                try books.nearExpiry(
                    at: store.now, withinMilliseconds: 15 * TestStore.day, filter, limit: 10,
                    in: transaction)
            }.elements.map { "\($0.identity.device) \($0.autoRenewal)" }
        }
        let both = ["d1 true", "d2 false"]
        store.now = end.adding(days: -15).adding(milliseconds: -1)
        #expect(try list() == [])
        store.now = end.adding(days: -15)
        #expect(try list() == both)
        store.now = end.adding(milliseconds: -1)
        #expect(try list() == both)
        #expect(try list(ActivationFilter(products: [TestStore.product])) == both)
        #expect(try list(ActivationFilter(products: [ProductKey("PK2")!])) == [])
        #expect(try list(ActivationFilter(accounts: [TestStore.acme])) == both)
        #expect(try list(ActivationFilter(accounts: [])) == [])
        store.now = end
        #expect(try list() == [])
    }
}
