import Storage
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules B1 to B5 and B7.
@Suite struct ActivationTests {
    @Test("B1: the first connection consumes one code of the pool")
    func firstConnection() throws {
        let store = try TestStore()
        try store.buy(2)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true)
        )
        let figures = try store.figures()
        #expect(figures.remaining == 1 && figures.consumed == 1)
        #expect(figures.devicesKnown == 1 && figures.devicesActive == 1)
        #expect(try store.record("d1")?.state(at: store.now) == .active)
        #expect(try store.history("d1").map(\.cause) == [.first])
    }

    @Test("B2: reconnecting inside the validity consumes nothing and writes nothing")
    func reconnect() throws {
        let store = try TestStore()
        try store.buy(2)
        let first = try store.connect("d1")
        let sequence = try store.lastSequence()
        store.advance(days: 9, milliseconds: TestStore.day - 1)
        for _ in 0..<3 {
            guard case .admitted(let until, false) = try store.connect("d1") else {
                Issue.record("not admitted without a code")
                return
            }
            #expect(first == .admitted(until: until, consumed: true))
        }
        #expect(try store.figures().consumed == 1)
        #expect(try store.lastSequence() == sequence)
    }

    @Test("B2: two connections that race consume one code")
    func race() async throws {
        let directory = TemporaryDirectory()
        let ledger = try Ledger(
            directory: directory.path,
            mapSizeBytes: 1 << 26,
            durability: .unsynced
        )
        let now = Timestamp(milliseconds: 1_700_000_000_000)
        for action in TestStore.beginning
            + [
                .codes(
                    .purchase(
                        TestStore.acme, package: TestStore.small, quantity: 100,
                        product: TestStore.product))
            ]
        {
            _ = try await ledger.submit(Command(at: now, actor: "test", action: action))
        }
        let consumed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let command = Command(
                        at: now,
                        actor: "gateway",
                        action: .devices(.activate(TestStore.device("d1"), confirmsSecret: nil))
                    )
                    guard
                        case .done(.entitled(_, consumed: true)) = try? await ledger.submit(command)
                    else { return false }
                    return true
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(consumed == 1)
        let figures = try ledger.read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.product, in: transaction)
        }
        #expect(figures?.consumed == 1)
        ledger.shutdown()
    }

    @Test("B3: without a code the device is refused with a reason of its own and stays inactive")
    func noCode() throws {
        let store = try TestStore()
        #expect(try store.connect("d1") == .refused("no-code-left"))
        try store.buy(1)
        _ = try store.apply(
            .imports(
                .atOnce(
                    TestStore.product,
                    [DeviceImport(device: DeviceKey("d2")!, secret: SealedSecret("s2"))])
            )
        )
        _ = try store.connect("d1")
        let sequence = try store.lastSequence()
        #expect(try store.connect("d2") == .refused("no-code-left"))
        #expect(try store.record("d2")?.state(at: store.now) == .inactive)
        #expect(try store.lastSequence() == sequence)
        #expect(try store.findings() == [])
    }

    @Test("B3: a running entitlement gets in although the pool is empty")
    func emptyPool() throws {
        let store = try TestStore()
        try store.buy(1)
        _ = try store.connect("d1")
        #expect(try store.figures().remaining == 0)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: false)
        )
    }

    @Test("B4: online at expiry, the new period starts where the old one ended")
    func onlineRenewal() throws {
        let store = try TestStore()
        try store.buy(2)
        let start = store.now
        _ = try store.connect("d1")
        store.advance(days: 10, milliseconds: 1_500)
        let outcome = try store.apply(.devices(.renew(TestStore.device("d1"))))
        guard case .done(.entitled(let entitlement, consumed: true)) = outcome else {
            Issue.record("not renewed: \(outcome)")
            return
        }
        #expect(entitlement.activatedAt == start.adding(days: 10))
        #expect(entitlement.expiresAt == start.adding(days: 20))
        #expect(entitlement.cause == .renewal && entitlement.period == 2)
        #expect(try store.figures().devicesActive == 1)
        // A second renewal, or a reconnection, finds the new period.
        #expect(
            try store.apply(.devices(.renew(TestStore.device("d1"))))
                == .done(.entitled(entitlement, consumed: false))
        )
        #expect(try store.figures().consumed == 2)
        #expect(try store.findings() == [])
    }

    @Test("B4: after a gap longer than a whole period one code is consumed, not several")
    func renewalAfterLongGap() throws {
        let store = try TestStore()
        try store.buy(5)
        _ = try store.connect("d1")
        store.advance(days: 35)
        guard
            case .done(.entitled(let entitlement, consumed: true)) = try store.apply(
                .devices(.renew(TestStore.device("d1")))
            )
        else {
            Issue.record("not renewed")
            return
        }
        #expect(entitlement.activatedAt == store.now)
        #expect(entitlement.expiresAt == store.now.adding(days: 10))
        #expect(
            try store.connect("d1")
                == .admitted(until: store.now.adding(days: 10), consumed: false)
        )
        #expect(try store.figures().consumed == 2)
    }

    @Test("B4: offline at expiry nothing is consumed until it connects, and the period starts then")
    func offlineRenewal() throws {
        let store = try TestStore()
        try store.buy(2)
        _ = try store.connect("d1")
        store.advance(days: 13)
        #expect(
            try store.apply(.devices(.endExpired(limit: 10, graceMilliseconds: 60_000)))
                == .done(.ended(count: 1, more: false))
        )
        #expect(try store.figures().consumed == 1)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true)
        )
        #expect(try store.history("d1").map(\.cause) == [.first, .renewal])
        #expect(try store.history("d1")[1].activatedAt == store.now)
    }

    @Test("B5: online at expiry without a code: refused, and reset to inactive")
    func endWithoutCode() throws {
        let store = try TestStore()
        try store.buy(1)
        _ = try store.connect("d1")
        store.advance(days: 10)
        #expect(try store.refusal(.devices(.renew(TestStore.device("d1")))) == "no-code-left")
        #expect(
            try store.apply(.devices(.endEntitlement(TestStore.device("d1")))).effect
                == .changed(
                    .devices(
                        .entitlementEnded(TestStore.device("d1"), code: ActivationCode(serial: 1)))
                )
        )
        #expect(try store.figures().devicesActive == 0)
        #expect(try store.record("d1")?.state(at: store.now) == .inactive)
        #expect(try store.connect("d1") == .refused("no-code-left"))
        try store.buy(1)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true)
        )
    }

    @Test("B5: a running entitlement is not ended by a device that leaves")
    func endTooEarly() throws {
        let store = try TestStore()
        try store.buy(1)
        _ = try store.connect("d1")
        #expect(
            try store.apply(.devices(.endEntitlement(TestStore.device("d1")))) == .done(.unchanged))
        #expect(try store.figures().devicesActive == 1)
    }

    @Test("B5: the sweep leaves a device alone whose renewal may still come, and has a limit")
    func sweep() throws {
        let store = try TestStore()
        try store.buy(5)
        for index in 1...4 {
            _ = try store.connect("d\(index)")
            store.advance(days: 0, milliseconds: 1_000)
        }
        // Now is 4 s after the first activation; the first two ended 60 s ago and before.
        store.advance(days: 10, milliseconds: 57_000)
        #expect(
            try store.apply(.devices(.endExpired(limit: 1, graceMilliseconds: 60_000)))
                == .done(.ended(count: 1, more: true))
        )
        #expect(
            try store.apply(.devices(.endExpired(limit: 10, graceMilliseconds: 60_000)))
                == .done(.ended(count: 1, more: false))
        )
        #expect(try store.figures().devicesActive == 2)
        guard
            case .done(.entitled(let entitlement, consumed: true)) = try store.apply(
                .devices(.renew(TestStore.device("d3")))
            )
        else {
            Issue.record("not renewed")
            return
        }
        #expect(entitlement.period == 2)
        #expect(try store.findings() == [])
    }

    @Test("B7: with product renewal off the device is refused until it is on again")
    func renewalOff() throws {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        _ = try store.apply(
            .products(.update(TestStore.product, ProductUpdate(autoRenewal: false))))
        store.advance(days: 10)
        #expect(try store.connect("d1") == .refused("renewal-off"))
        #expect(try store.refusal(.devices(.renew(TestStore.device("d1")))) == "renewal-off")
        // A device that never was active is a first one, whatever the setting.
        #expect(
            try store.connect("d2") == .admitted(until: store.now.adding(days: 10), consumed: true)
        )
        _ = try store.apply(.products(.update(TestStore.product, ProductUpdate(autoRenewal: true))))
        guard case .admitted(_, consumed: true) = try store.connect("d1") else {
            Issue.record("not admitted")
            return
        }
    }

    @Test("B7: an operator activates a blacklisted device by hand, once it has ended")
    func manual() throws {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.setRenewal(TestStore.device("d1"), false)))
        #expect(
            try store.apply(.devices(.activateByHand(TestStore.device("d1"))))
                == .refused(.devices(.entitlementRuns(until: store.now.adding(days: 10))))
        )
        store.advance(days: 12)
        #expect(try store.connect("d1") == .refused("renewal-off"))
        #expect(try store.refusal(.devices(.activateByHand(TestStore.device("d1")))) == nil)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: false)
        )
        #expect(try store.history("d1").map(\.cause) == [.first, .manual])
        #expect(
            try store.refusal(.devices(.activateByHand(TestStore.device("d9")))) == "unknown-device"
        )
        #expect(try store.findings() == [])
    }

    @Test("B15: a dry run says what a connection would, and writes nothing")
    func dryRun() throws {
        let store = try TestStore()
        func ask(_ key: String) throws -> Decision {
            try store.read { books, transaction throws(StoreError) in
                try books.admission(of: TestStore.device(key), at: store.now, in: transaction)
            }
        }
        #expect(try ask("d1") == .refuse(.codes(.noneLeft(TestStore.product))))
        try store.buy(1)
        #expect(try ask("d1") == .consume(.first))
        _ = try store.connect("d1")
        #expect(try ask("d1") == .admit(until: store.now.adding(days: 10)))
        #expect(try ask("d2") == .refuse(.codes(.noneLeft(TestStore.product))))
    }
}
