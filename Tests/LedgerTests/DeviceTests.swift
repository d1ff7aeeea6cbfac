import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules B6, B8, B9, B12, and how devices come into the books.
@Suite struct DeviceTests {
    private func importing(_ keys: [String], of product: String = "PK1") -> Action {
        .imports(
            .atOnce(
                ProductKey(product)!,
                keys.map {
                    DeviceImport(device: DeviceKey($0)!, secret: SealedSecret("secret-\($0)"))
                }
            )
        )
    }

    @Test("B6: device settings change only while the product's renewal is on; the list is kept")
    func exceptions() throws {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        #expect(try store.refusal(.devices(.setRenewal(TestStore.device("d1"), false))) == nil)
        _ = try store.apply(
            .products(.update(TestStore.product, ProductUpdate(autoRenewal: false))))
        #expect(
            try store.refusal(.devices(.setRenewal(TestStore.device("d1"), true)))
                == "product-renewal-off"
        )
        _ = try store.apply(.products(.update(TestStore.product, ProductUpdate(autoRenewal: true))))
        #expect(try store.record("d1")?.isExceptedFromRenewal == true)
        store.advance(days: 10)
        #expect(try store.connect("d1") == .refused("renewal-off"))
        #expect(try store.refusal(.devices(.setRenewal(TestStore.device("d1"), true))) == nil)
        guard case .admitted(_, consumed: true) = try store.connect("d1") else {
            Issue.record("not admitted")
            return
        }
    }

    @Test("B8: a deleted device returns inside its validity, registered again, without a code")
    func deletion() throws {
        let store = try TestStore()
        try store.buy(3)
        let until = store.now.adding(days: 10)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(
            try store.figures()
                == ProductFigures(
                    assigned: 3,
                    remaining: 2,
                    consumed: 1,
                    devicesKnown: 0,
                    devicesActive: 0
                )
        )
        #expect(try store.refusal(.devices(.delete(TestStore.device("d1")))) == "unknown-device")
        store.advance(days: 5)
        #expect(try store.connect("d1") == .admitted(until: until, consumed: false))
        #expect(try store.figures().devicesKnown == 1)
        #expect(try store.figures().devicesActive == 1)
        #expect(try store.findings() == [])
    }

    @Test("B8: after its validity a deleted device consumes a new code")
    func deletionAndExpiry() throws {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        store.advance(days: 10)
        _ = try store.apply(.devices(.endExpired(limit: 5, graceMilliseconds: 0)))
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true)
        )
        #expect(try store.history("d1").count == 2)
        #expect(try store.findings() == [])
    }

    @Test("B8: a device that never consumed a code leaves nothing")
    func deletionOfInactive() throws {
        let store = try TestStore()
        _ = try store.apply(importing(["d1"]))
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try store.record("d1") == nil)
        #expect(try store.refusal(importing(["d1"])) == nil)
    }

    @Test("B9: a deleted product's devices are refused, its codes do not come back")
    func productDeletion() throws {
        let store = try TestStore()
        try store.buy(5)
        try store.buy(2, for: nil)
        _ = try store.connect("d1")
        #expect(
            try store.apply(.products(.delete(TestStore.product)))
                == .done(.changed(.products(.deleted(TestStore.product, forfeited: 4))))
        )
        #expect(try store.connect("d1") == .refused("unknown-product"))
        #expect(try store.connect("d2") == .refused("unknown-product"))
        #expect(try store.refusal(.devices(.renew(TestStore.device("d1")))) == "unknown-product")
        #expect(
            try store.refusal(
                .codes(.assign(TestStore.product, package: TestStore.small, quantity: 1)))
                == "unknown-product"
        )
        #expect(
            try store.refusal(.products(.create(TestStore.newProduct("PK1")))) == "already-exists")
        let figures = try store.read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.acme, in: transaction)
        }
        #expect(figures == AccountFigures(total: 3, used: 1, remaining: 2, unassigned: 2))
        #expect(try store.findings() == [])
    }

    @Test("B12: a disabled device is refused, and its entitlement runs on")
    func disabled() throws {
        let store = try TestStore()
        try store.buy(2)
        let until = store.now.adding(days: 10)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), true)))
        #expect(try store.connect("d1") == .refused("device-disabled"))
        #expect(try store.record("d1")?.state(at: store.now) == .disabled)
        #expect(try store.figures().devicesActive == 0)
        store.advance(days: 4)
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), false)))
        #expect(try store.connect("d1") == .admitted(until: until, consumed: false))
        #expect(
            try store.apply(.devices(.setDisabled(TestStore.device("d1"), false)))
                == .done(.unchanged))
        #expect(try store.figures().devicesActive == 1)
        #expect(try store.findings() == [])
    }

    @Test("B12: deleting a disabled device does not let it in")
    func disabledAndDeleted() throws {
        let store = try TestStore()
        try store.buy(2)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), true)))
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try store.connect("d1") == .refused("device-disabled"))
        #expect(try store.refusal(.devices(.setDisabled(TestStore.device("d1"), false))) == nil)
        guard case .admitted(_, consumed: false) = try store.connect("d1") else {
            Issue.record("not admitted")
            return
        }
        #expect(try store.findings() == [])
    }

    @Test("Import: thousands of rows at once")
    func largeImport() throws {
        let store = try TestStore()
        #expect(try store.refusal(importing((0..<5_000).map { "d\($0)" })) == nil)
        #expect(try store.figures().devicesKnown == 5_000)
        let page = try store.read { books, transaction throws(StoreError) in
            try books.devices(of: TestStore.product, at: store.now, limit: 3, in: transaction)
        }
        #expect(page.elements.map(\.device.text) == ["d0", "d1", "d10"])
        let next = try store.read { books, transaction throws(StoreError) in
            try books.devices(
                of: TestStore.product,
                at: store.now,
                cursor: page.cursor,
                limit: 3,
                in: transaction
            )
        }
        #expect(next.elements.map(\.device.text) == ["d100", "d1000", "d1001"])
        #expect(try store.findings() == [])
    }

    @Test("Import: all rows or none, and the refusal names the row")
    func badImport() throws {
        let store = try TestStore()
        _ = try store.apply(importing(["d3"]))
        #expect(
            try store.apply(importing(["d1", "d2", "d3"]))
                == .refused(.imports(.row(row: 3, device: DeviceKey("d3")!, fault: .exists)))
        )
        #expect(
            try store.apply(importing(["d1", "d1"]))
                == .refused(.imports(.row(row: 2, device: DeviceKey("d1")!, fault: .repeatedRow)))
        )
        #expect(try store.figures().devicesKnown == 1)
        #expect(try store.record("d1") == nil)
    }

    @Test("Import: a deleted device keeps its entitlement (B8)")
    func importAfterDeletion() throws {
        let store = try TestStore()
        try store.buy(2)
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try store.refusal(importing(["d1"])) == nil)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: false)
        )
        #expect(try store.findings() == [])
    }

    @Test("Sealing keys are adopted once, and another key under a known number is refused")
    func sealingKeys() throws {
        let store = try TestStore()
        func key(_ number: UInt8, _ byte: UInt8) -> SealingKey {
            SealingKey(number: number, fingerprint: [UInt8](repeating: byte, count: 32))!
        }
        func known() throws -> [SealingKey] {
            let transaction = try ReadTransaction(in: store.environment)
            return try store.books.sealingKeys(in: transaction)
        }
        #expect(try known().isEmpty)
        let adopted = try store.apply(.keys(.adoptSealingKeys([key(1, 1)])))
        #expect(adopted == .done(.changed(.keys(.sealingKeysAdopted([1])))))
        #expect(try store.apply(.keys(.adoptSealingKeys([key(1, 1)]))) == .done(.unchanged))
        #expect(
            try store.refusal(.keys(.adoptSealingKeys([key(7, 7), key(1, 2)]))) == "already-exists")
        #expect(try known() == [key(1, 1)])
        let more = try store.apply(.keys(.adoptSealingKeys([key(1, 1), key(200, 3)])))
        #expect(more == .done(.changed(.keys(.sealingKeysAdopted([200])))))
        #expect(try known() == [key(1, 1), key(200, 3)])
    }

    @Test("Registration: the same secret is issued until a login has confirmed it, then never")
    func registration() throws {
        let store = try TestStore()
        try store.buy(1)
        let identity = TestStore.device("d1")
        func register(_ secret: String) throws -> Outcome {
            try store.apply(.devices(.register(identity, secret: SealedSecret(secret)!)))
        }
        #expect(try register("one") == .done(.registered(SealedSecret("one")!)))
        #expect(try register("two") == .done(.registered(SealedSecret("one")!)))
        #expect(try store.figures().consumed == 0)
        _ = try store.connect("d1")
        #expect(try register("three") == .refused(.devices(.secretInUse(identity))))
        _ = try store.apply(.devices(.resetSecret(identity, secret: SealedSecret("four")!)))
        #expect(try register("five") == .done(.registered(SealedSecret("four")!)))
        _ = try store.apply(
            .devices(.confirmSecretUse(identity, SealedSecret("four")!.fingerprint)))
        #expect(try register("six") == .refused(.devices(.secretInUse(identity))))
    }

    @Test(
        "Registration: a login with a secret that was reset meanwhile does not confirm the new one")
    func resetDuringLogin() throws {
        let store = try TestStore()
        try store.buy(3)
        let identity = TestStore.device("d1")
        let (old, new) = (SealedSecret("old")!, SealedSecret("new")!)
        let activate = Action.devices(.activate(identity, confirmsSecret: old.fingerprint))
        // Its very first login is under way, then one inside its validity (readmitted after a
        // deletion), then one that is simply admitted.
        for isFirst in [true, false] {
            _ = try store.apply(.devices(.register(identity, secret: old)))
            _ = try store.apply(.devices(.resetSecret(identity, secret: new)))
            if !isFirst { _ = try store.apply(.devices(.delete(identity))) }
            #expect(try store.refusal(activate) == nil)
            #expect(try store.record("d1")?.isSecretConfirmed == false)
            #expect(
                try store.apply(.devices(.confirmSecretUse(identity, old.fingerprint)))
                    == .done(.unchanged))
            // Who resets the secret wants the device to be able to get it.
            let issued = Action.devices(.register(identity, secret: SealedSecret("other")!))
            #expect(try store.apply(issued) == .done(.registered(new)))
        }
        _ = try store.apply(.devices(.activate(identity, confirmsSecret: new.fingerprint)))
        #expect(try store.record("d1")?.isSecretConfirmed == true)
        // One that is confirmed stays so, whatever comes late.
        #expect(
            try store.apply(.devices(.confirmSecretUse(identity, old.fingerprint)))
                == .done(.unchanged))
        #expect(try store.record("d1")?.isSecretConfirmed == true)
        #expect(try store.findings() == [])
    }

    @Test("Registration: open for all, imported for known ones, closed for none")
    func registrationPolicy() throws {
        let store = try TestStore()
        func set(_ policy: RegistrationPolicy) throws {
            _ = try store.apply(
                .products(.update(TestStore.product, ProductUpdate(registration: policy)))
            )
        }
        let known = Action.devices(.register(TestStore.device("known"), secret: SealedSecret("s")!))
        let new = Action.devices(.register(TestStore.device("new"), secret: SealedSecret("s")!))
        _ = try store.apply(importing(["known"]))
        try set(.closed)
        #expect(try store.refusal(known) == "registration-not-allowed")
        #expect(try store.refusal(new) == "registration-not-allowed")
        try set(.imported)
        #expect(
            try store.apply(known) == .done(.registered(SealedSecret("secret-known")!))
        )
        #expect(try store.refusal(new) == "registration-not-allowed")
        #expect(try store.connect("new") == .refused("unknown-device"))
        try set(.open)
        #expect(try store.refusal(new) == nil)
    }

    @Test("Keys: created, listed, revoked once")
    func keys() throws {
        let store = try TestStore()
        let key = NewKey(
            id: KeyID("k1")!,
            name: "Line 1",
            role: .application,
            account: TestStore.acme,
            products: [TestStore.product],
            secretHash: SecretHash([UInt8](repeating: 7, count: 32))!
        )
        #expect(try store.refusal(.keys(.create(key))) == nil)
        #expect(try store.refusal(.keys(.create(key))) == "already-exists")
        #expect(try store.refusal(.keys(.revoke(KeyID("k2")!))) == "unknown-key")
        #expect(try store.refusal(.keys(.revoke(key.id))) == nil)
        #expect(try store.apply(.keys(.revoke(key.id))) == .done(.unchanged))
        let record = try store.read { books, transaction throws(StoreError) in
            try books.key(key.id, in: transaction)
        }
        #expect(record?.revokedAt == store.now && record?.secretHash == key.secretHash)
    }

    @Test(
        "B6, B8: a device that is deleted stays on the blacklist, and is on it when it comes back",
        arguments: [true, false])
    func keptBlacklist(isActivated: Bool) throws {
        let store = try TestStore()
        try store.buy(3)
        let device = TestStore.device("d1")
        let row = DeviceImport(device: device.device, secret: SealedSecret("s")!, name: "")
        _ = try store.apply(.imports(.atOnce(device.product, [row])))
        if isActivated { _ = try store.apply(.devices(.activateByHand(device))) }
        _ = try store.apply(.devices(.setRenewal(device, false)))
        #expect(try store.refusal(.devices(.delete(device))) == nil)
        #expect(try store.blacklist() == ["d1"])
        #expect(try store.record("d1")?.isRegistered == false)
        #expect(try store.findings() == [])
        #expect(try store.refusal(.imports(.atOnce(device.product, [row]))) == nil)
        let returned = try #require(try store.record("d1"))
        #expect(returned.isRegistered && returned.isExceptedFromRenewal)
        #expect(try store.findings() == [])
        // Taken from it before it is deleted, nothing is left of it.
        _ = try store.apply(.devices(.setRenewal(device, true)))
        _ = try store.apply(.devices(.delete(device)))
        #expect(try store.blacklist() == [])
        #expect(try (store.record("d1") == nil) == !isActivated)
    }
}
