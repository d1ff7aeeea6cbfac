import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A11 and B17.
@Suite struct CorrectionTests {
    private func account(_ store: TestStore) throws -> AccountFigures {
        try store.read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.acme, in: transaction)
        }
    }

    private func voidPurchase(_ store: TestStore, _ serial: UInt64) throws -> Outcome {
        try store.apply(
            .corrections(
                .voidPurchase(
                    TestStore.acme, first: ActivationCode(serial: serial), cause: "refund")))
    }

    private func voidAssignment(_ store: TestStore, _ sequence: UInt64) throws -> Outcome {
        try store.apply(
            .corrections(.voidAssignment(TestStore.acme, sequence: sequence, cause: "mistake")))
    }

    private func voidConsumption(_ store: TestStore, _ device: String) throws -> Outcome {
        try store.apply(
            .corrections(.voidConsumption(TestStore.device(device), cause: "wrong clock")))
    }

    private func move(_ store: TestStore, _ device: String, to other: String) throws -> Outcome {
        try store.apply(
            .corrections(.move(TestStore.device(device), to: DeviceKey(other)!, cause: "repaired")))
    }

    private func product(_ store: TestStore) throws -> ProductRecord? {
        try store.read { books, transaction throws(StoreError) in
            try books.product(TestStore.product, in: transaction)
        }
    }

    /// How many codes a correction has taken.
    private func quantity(_ outcome: Outcome) -> UInt64? {
        guard case .done(.changed(.corrections(let correction))) = outcome else { return nil }
        switch correction.entry {
        case .purchaseVoided(_, _, let quantity, _): return quantity
        case .assignmentVoided(_, _, _, let quantity, _): return quantity
        case .consumptionVoided, .entitlementMoved: return 1
        case .topUpVoided(_, let units): return units
        }
    }

    @Test("A11: a purchase is voided as far as it is not consumed, wherever its codes are")
    func purchases() throws {
        let store = try TestStore()
        try store.buy(10, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 4)))
        try store.buy(3)
        _ = try store.connect("d1")
        // Of the ten: one is consumed, three are in the product, six are unassigned.
        #expect(quantity(try voidPurchase(store, 1)) == 9)
        #expect(
            try account(store)
                == AccountFigures(total: 4, used: 1, remaining: 3, unassigned: 0))
        #expect(try store.figures().assigned == 4)
        #expect(try voidPurchase(store, 1) == .refused(.corrections(.nothingToVoid)))
        #expect(
            try voidPurchase(store, 2)
                == .refused(
                    .corrections(.unknownPurchase(TestStore.acme, ActivationCode(serial: 2)))))
        let purchases = try store.read { books, transaction throws(StoreError) in
            try books.purchases(of: TestStore.acme, limit: 10, in: transaction).elements
        }
        #expect(purchases.map(\.record.voided) == [9, 0])
        // The next codes are those of the other purchase.
        _ = try store.connect("d2")
        #expect(try store.history("d2").map(\.code.serial) == [11])
        #expect(try store.findings() == [])
    }

    @Test("A11: an assignment is taken back as far as it is not consumed, and assigned anew")
    func assignments() throws {
        let store = try TestStore()
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        try store.buy(10, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 4)))
        let sequence = try store.lastSequence()
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 2)))
        _ = try store.connect("d1")
        #expect(quantity(try voidAssignment(store, sequence)) == 3)
        #expect(try voidAssignment(store, sequence) == .refused(.corrections(.nothingToVoid)))
        #expect(
            try voidAssignment(store, 1)
                == .refused(.corrections(.unknownAssignment(TestStore.acme, 1))))
        #expect(try account(store).unassigned == 7)
        #expect(try store.figures().remaining == 2)
        let second = ProductKey("PK2")!
        #expect(
            try store.refusal(.codes(.assign(second, package: TestStore.small, quantity: 7))) == nil
        )
        #expect(try store.connect("e1", of: "PK2") != .refused("no-code-left"))
        #expect(try store.history("e1", of: "PK2").map(\.code.serial) == [2])
        #expect(try store.findings() == [])
    }

    @Test("A11: with the last of its bought codes a product's package is taken back, too")
    func package() throws {
        let store = try TestStore()
        try store.buy(5, TestStore.large, for: nil)
        _ = try store.apply(
            .codes(.assign(TestStore.product, package: TestStore.large, quantity: 5)))
        let sequence = try store.lastSequence()
        #expect(try product(store)?.package == TestStore.large)
        #expect(quantity(try voidAssignment(store, sequence)) == 5)
        #expect(try product(store)?.package == nil)
        try store.buy(1, TestStore.small)
        #expect(try product(store)?.package == TestStore.small)
        #expect(try store.findings() == [])
    }

    @Test("A11: a consumption is taken back: the code is consumed again, what was before holds")
    func consumptions() throws {
        let store = try TestStore()
        try store.buy(3)
        let until = store.now.adding(days: 10)
        _ = try store.connect("d1")
        // A clock that was years ahead has consumed another one.
        let before = store.now
        store.advance(days: 400)
        _ = try store.connect("d1")
        store.now = before
        #expect(quantity(try voidConsumption(store, "d1")) == 1)
        #expect(try store.connect("d1") == .admitted(until: until, consumed: false))
        #expect(try store.figures().remaining == 2 && store.figures().devicesActive == 1)
        #expect(try store.history("d1").map(\.code.serial) == [1])
        // The other one, too: as if the device had never been connected.
        #expect(quantity(try voidConsumption(store, "d1")) == 1)
        #expect(
            try voidConsumption(store, "d1")
                == .refused(.corrections(.nothingConsumed(TestStore.device("d1")))))
        #expect(
            try account(store) == AccountFigures(total: 3, used: 0, remaining: 3, unassigned: 0))
        #expect(try store.figures().devicesActive == 0)
        #expect(try store.findings() == [])
        for device in ["d2", "d3", "d1"] { _ = try store.connect(device) }
        let serials = try ["d2", "d3", "d1"].map { try store.history($0)[0].code.serial }
        #expect(serials == [1, 2, 3])
        #expect(try store.connect("d4") == .refused("no-code-left"))
        #expect(try store.findings() == [])
    }

    @Test("A11: a code that a consumption has given back is void with its purchase")
    func returnedCodes() throws {
        let store = try TestStore()
        try store.buy(5)
        for device in ["d1", "d2", "d3"] { _ = try store.connect(device) }
        #expect(quantity(try voidConsumption(store, "d2")) == 1)
        // Code 2 is in the middle of what was consumed; 4 and 5 were not.
        #expect(quantity(try voidPurchase(store, 1)) == 3)
        #expect(try store.findings() == [])
        #expect(
            try account(store) == AccountFigures(total: 2, used: 2, remaining: 0, unassigned: 0))
        #expect(try store.connect("d4") == .refused("no-code-left"))
        #expect(try voidPurchase(store, 1) == .refused(.corrections(.nothingToVoid)))
        for (device, last) in [("d1", false), ("d3", true)] {
            #expect(quantity(try voidConsumption(store, device)) == 1)
            #expect(try product(store)?.package == TestStore.small)
            #expect(quantity(try voidPurchase(store, 1)) == 1)
            #expect((try product(store)?.package == nil) == last)
            #expect(try store.findings() == [])
        }
        #expect(
            try account(store) == AccountFigures(total: 0, used: 0, remaining: 0, unassigned: 0))
        // What is bought next is consumed as ever.
        try store.buy(1)
        #expect(try store.connect("d4") != .refused("no-code-left"))
        #expect(try store.history("d4").map(\.code.serial) == [6])
        #expect(try store.findings() == [])
    }

    @Test("A11: a top-up pack is voided as far as it is not used, and what comes back later, too")
    func topUps() throws {
        let store = try TestStore()
        let pack = try store.lastSequence() + 1
        let enter = TopUpAction.enter(
            TestStore.acme, .messages, source: .purchase, quantity: 100,
            expiresAt: store.now.adding(days: 30))
        _ = try store.apply(.topUps(enter))
        func void(_ pack: UInt64) throws -> Outcome {
            try store.apply(.corrections(.voidTopUp(TestStore.acme, pack: pack, cause: "refund")))
        }
        let lease = TopUpAction.lease(
            TestStore.acme, holder: LeaseHolder("gateway")!, needed: 10, block: 1)
        guard case .done(.leased(let held)) = try store.apply(.topUps(lease)) else {
            Issue.record("no lease")
            return
        }
        #expect(quantity(try void(pack)) == 90)
        #expect(try void(pack) == .refused(.corrections(.nothingToVoid)))
        #expect(try store.findings() == [])
        #expect(
            try store.apply(.topUps(lease)) == .refused(.topUps(.noneLeft(TestStore.acme))))
        _ = try store.apply(.topUps(.settle(lease: held.id, used: 4)))
        let (totals, changes) = try store.read { books, transaction throws(StoreError) in
            (
                try books.topUpTotals(of: TestStore.acme, .messages, in: transaction),
                try books.topUpChanges(of: TestStore.acme, limit: 9, in: transaction).elements
            )
        }
        #expect(totals.used == 4 && totals.voided == 96 && totals.remaining == 0)
        #expect(
            changes.map { "\($0.kind.name) \($0.units)" } == [
                "void 6", "deduction 4", "void 90", "purchase 100",
            ])
        // What names no pack of the account: an event of another kind, one that is not there.
        for number in [1, held.id, 9_999] {
            #expect(
                try void(number)
                    == .refused(.corrections(.unknownTopUp(TestStore.acme, number))))
        }
        #expect(try store.findings() == [])
    }

    @Test("A11: a pack that has expired is not voided, and attempts of a voided one are void")
    func otherTopUps() throws {
        let store = try TestStore()
        try store.buy(1)
        _ = try store.connect("d1")
        let pack = try store.lastSequence() + 1
        _ = try store.apply(
            .topUps(
                .enter(
                    TestStore.acme, .ota, source: .gift, quantity: 5,
                    expiresAt: store.now.adding(days: 1))))
        func void() throws -> Outcome {
            try store.apply(.corrections(.voidTopUp(TestStore.acme, pack: pack, cause: "mistake")))
        }
        let (device, id) = (TestStore.device("d1"), UpgradeID("u")!)
        _ = try store.apply(.upgrades(.request(device, id, UpgradeSize(bytes: 11 << 20)!)))
        #expect(quantity(try void()) == 3)
        _ = try store.apply(.upgrades(.report(device, id, succeeded: false)))
        let totals = try store.read { books, transaction throws(StoreError) in
            try books.topUpTotals(of: TestStore.acme, .ota, in: transaction)
        }
        #expect(totals.voided == 5 && totals.used == 0)
        let late = try store.lastSequence() + 1
        _ = try store.apply(
            .topUps(
                .enter(
                    TestStore.acme, .ota, source: .gift, quantity: 5,
                    expiresAt: store.now.adding(days: 1))))
        store.advance(days: 2)
        #expect(
            try store.apply(
                .corrections(.voidTopUp(TestStore.acme, pack: late, cause: "mistake")))
                == .refused(.corrections(.nothingToVoid)))
        #expect(try store.findings() == [])
    }

    @Test("B17: a running entitlement moves to another device, and nothing is consumed")
    func moves() throws {
        let store = try TestStore()
        try store.buy(2)
        let until = store.now.adding(days: 10)
        _ = try store.connect("d1")
        #expect(
            try move(store, "d1", to: "d2") == .refused(.devices(.unknown(TestStore.device("d2")))))
        let row = DeviceImport(device: DeviceKey("d2")!, secret: nil)
        _ = try store.apply(.imports(.atOnce(TestStore.product, [row])))
        #expect(
            try move(store, "d2", to: "d1")
                == .refused(.devices(.entitlementRuns(until: until))))
        #expect(quantity(try move(store, "d1", to: "d2")) == 1)
        #expect(try store.figures().consumed == 1 && store.figures().devicesActive == 1)
        #expect(try store.record("d1")?.state(at: store.now) == .inactive)
        #expect(try store.connect("d2") == .admitted(until: until, consumed: false))
        #expect(try store.history("d2").map(\.code.serial) == [1] && store.history("d1").isEmpty)
        #expect(
            try move(store, "d1", to: "d1")
                == .refused(.corrections(.nothingRuns(TestStore.device("d1")))))
        #expect(try store.findings() == [])
        // The old one is a device like any other: it consumes a code when it comes.
        #expect(try store.connect("d1") != .refused("no-code-left"))
        // What was moved can be taken back, and moved once more.
        #expect(quantity(try voidConsumption(store, "d2")) == 1)
        #expect(quantity(try move(store, "d1", to: "d2")) == 1)
        #expect(try store.findings() == [])
    }

    @Test("A11, B17: corrections are events with their cause, and a key repeats the first answer")
    func recorded() throws {
        let store = try TestStore()
        try store.buy(5)
        let action = Action.corrections(
            .voidPurchase(TestStore.acme, first: ActivationCode(serial: 1), cause: "refund"))
        let first = try store.apply(action, key: "k")
        #expect(try store.apply(action, key: "k") == .repeated(try #require(first.effect)))
        let last = try store.read { books, transaction throws(StoreError) in
            try books.events(after: 0, limit: 100, in: transaction).last
        }
        guard case .corrections(let correction) = last?.change else {
            Issue.record("no correction in the log")
            return
        }
        #expect(correction.cause == "refund" && correction.name == "purchase-voided")
        #expect(last?.actor == "test")
    }
}
