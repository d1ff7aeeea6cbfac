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
        _ body: (Desk, Timestamp, _ place: String) throws -> Void
    ) throws {
        let desk = try CommandSource.desk()
        var source = CommandSource(seed: seed)
        for step in 1...count {
            let command = source.next()
            _ = try desk.apply(command)
            try body(desk, command.at, "seed \(seed), step \(step): \(command)")
        }
    }

    /// What a command would be answered; it is not carried out.
    private func trial(_ desk: Desk, _ action: Action, at time: Timestamp) throws -> Outcome {
        let transaction = try WriteTransaction(in: desk.environment)
        let command = Command(at: time, actor: "test", action: action)
        return try desk.books.apply(command, in: transaction)
    }

    @Test(
        "B15: whatever happened before, a dry run says what a connection gets", arguments: [7, 8])
    func dryRun(seed: UInt64) throws {
        try afterEach(of: 250, seed: seed) { desk, time, place in
            let before = try desk.lastSequence()
            for product in CommandSource.products {
                for device in CommandSource.devices + ["stranger"] {
                    let identity = Desk.device(device, of: product)
                    let decision = try desk.read { books, transaction throws(StoreError) in
                        try books.admission(of: identity, at: time, in: transaction)
                    }
                    let outcome = try trial(
                        desk, .activate(identity, confirmsSecret: nil), at: time)
                    try #require(Self.agree(decision, outcome), "\(place): \(decision), \(outcome)")
                }
            }
            try #require(try desk.lastSequence() == before)
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
        try afterEach(of: 250, seed: seed) { desk, time, place in
            for text in CommandSource.products {
                let product = ProductKey(text)!
                let told = try desk.read { books, transaction throws(StoreError) in
                    try books.assignable(to: product, in: transaction)
                }
                for package in [Desk.small, Desk.large] {
                    let quantity = told.first { $0.package == package }?.quantity ?? 0
                    let more = Action.assign(product, package: package, quantity: quantity + 1)
                    guard case .refused = try trial(desk, more, at: time) else {
                        Issue.record("\(place): more than \(quantity) of \(package) to \(text)")
                        return
                    }
                    guard quantity > 0 else { continue }
                    let all = Action.assign(product, package: package, quantity: quantity)
                    try #require(try trial(desk, all, at: time).effect != nil, "\(place)")
                }
            }
        }
    }

    @Test("A6: another account's codes, and a deleted product, count for nothing")
    func assignableOfOthers() throws {
        let desk = try Desk()
        let other = AccountID("other")!
        _ = try desk.apply(
            .createAccount(
                NewAccount(id: other, name: "Other", kind: .individual, parent: Desk.acme)))
        _ = try desk.apply(
            .purchase(other, package: Desk.small, quantity: 9, product: nil))
        func ask() throws -> [Assignable] {
            try desk.read { books, transaction throws(StoreError) in
                try books.assignable(to: Desk.product, in: transaction)
            }
        }
        #expect(try ask().isEmpty)
        try desk.buy(2, for: nil)
        #expect(try ask() == [Assignable(package: Desk.small, quantity: 2)])
        _ = try desk.apply(.deleteProduct(Desk.product))
        #expect(try ask().isEmpty)
    }

    @Test("B14: known and active devices, and codes, through a device's life")
    func figures() throws {
        let desk = try Desk()
        try desk.buy(3)
        func expect(known: UInt64, active: UInt64, consumed: UInt64) throws {
            let expected = ProductFigures(
                assigned: 3, remaining: 3 - consumed, consumed: consumed, devicesKnown: known,
                devicesActive: active)
            #expect(try desk.figures() == expected)
            #expect(active <= consumed)
        }
        try expect(known: 0, active: 0, consumed: 0)
        let row = DeviceImport(device: DeviceKey("d1")!, secret: nil)
        _ = try desk.apply(.importDevices(Desk.product, [row]))
        try expect(known: 1, active: 0, consumed: 0)
        _ = try desk.connect("d1")
        _ = try desk.connect("d2")
        try expect(known: 2, active: 2, consumed: 2)
        _ = try desk.apply(.setDisabled(Desk.device("d1"), true))
        try expect(known: 2, active: 1, consumed: 2)
        _ = try desk.apply(.deleteDevice(Desk.device("d2")))
        try expect(known: 1, active: 0, consumed: 2)
        _ = try desk.apply(.setDisabled(Desk.device("d1"), false))
        _ = try desk.connect("d2")
        try expect(known: 2, active: 2, consumed: 2)
        desk.advance(days: 10)
        _ = try desk.apply(.endExpired(limit: 9, graceMilliseconds: 0))
        try expect(known: 2, active: 0, consumed: 2)
        _ = try desk.connect("d1")
        try expect(known: 2, active: 1, consumed: 3)
        #expect(try desk.connect("d2") == .refused("no-code-left"))
        try expect(known: 2, active: 1, consumed: 3)
    }

    @Test("B11: 30 days to the millisecond, and whether each will be renewed")
    func nearExpiry() throws {
        let desk = try Desk()
        try desk.buy(4, Desk.large)
        for key in ["d1", "d2"] { _ = try desk.connect(key) }
        _ = try desk.apply(.setDeviceRenewal(Desk.device("d2"), false))
        let end = desk.now.adding(days: 20)
        func list(_ filter: ActivationFilter = ActivationFilter()) throws -> [String] {
            try desk.read { books, transaction throws(StoreError) in
                try books.nearExpiry(
                    at: desk.now, withinMilliseconds: 15 * Desk.day, filter, limit: 10,
                    in: transaction)
            }.elements.map { "\($0.identity.device) \($0.autoRenewal)" }
        }
        let both = ["d1 true", "d2 false"]
        desk.now = end.adding(days: -15).adding(milliseconds: -1)
        #expect(try list() == [])
        desk.now = end.adding(days: -15)
        #expect(try list() == both)
        desk.now = end.adding(milliseconds: -1)
        #expect(try list() == both)
        #expect(try list(ActivationFilter(products: [Desk.product])) == both)
        #expect(try list(ActivationFilter(products: [ProductKey("PK2")!])) == [])
        #expect(try list(ActivationFilter(accounts: [Desk.acme])) == both)
        #expect(try list(ActivationFilter(accounts: [])) == [])
        desk.now = end
        #expect(try list() == [])
    }
}
