import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules B6, B8, B9, B12, and how devices come into the books.
@Suite struct DeviceTests {
    private func importing(_ keys: [String], of product: String = "PK1") -> Action {
        .importDevices(
            ProductKey(product)!,
            keys.map { DeviceImport(device: DeviceKey($0)!, secret: SealedSecret("secret-\($0)")) }
        )
    }

    @Test("B6: device settings change only while the product's renewal is on; the list is kept")
    func exceptions() throws {
        let desk = try Desk()
        try desk.buy(3)
        _ = try desk.connect("d1")
        #expect(try desk.refusal(.setDeviceRenewal(Desk.device("d1"), false)) == nil)
        _ = try desk.apply(.updateProduct(Desk.product, ProductUpdate(autoRenewal: false)))
        #expect(
            try desk.refusal(.setDeviceRenewal(Desk.device("d1"), true)) == "product-renewal-off"
        )
        _ = try desk.apply(.updateProduct(Desk.product, ProductUpdate(autoRenewal: true)))
        #expect(try desk.record("d1")?.isExceptedFromRenewal == true)
        desk.advance(days: 10)
        #expect(try desk.connect("d1") == .refused("renewal-off"))
        #expect(try desk.refusal(.setDeviceRenewal(Desk.device("d1"), true)) == nil)
        guard case .admitted(_, consumed: true) = try desk.connect("d1") else {
            Issue.record("not admitted")
            return
        }
    }

    @Test("B8: a deleted device returns inside its validity, registered again, without a code")
    func deletion() throws {
        let desk = try Desk()
        try desk.buy(3)
        let until = desk.now.adding(days: 10)
        _ = try desk.connect("d1")
        _ = try desk.apply(.deleteDevice(Desk.device("d1")))
        #expect(
            try desk.figures()
                == ProductFigures(
                    assigned: 3,
                    remaining: 2,
                    consumed: 1,
                    devicesKnown: 0,
                    devicesActive: 0
                )
        )
        #expect(try desk.refusal(.deleteDevice(Desk.device("d1"))) == "unknown-device")
        desk.advance(days: 5)
        #expect(try desk.connect("d1") == .admitted(until: until, consumed: false))
        #expect(try desk.figures().devicesKnown == 1)
        #expect(try desk.figures().devicesActive == 1)
        #expect(try desk.findings() == [])
    }

    @Test("B8: after its validity a deleted device consumes a new code")
    func deletionAndExpiry() throws {
        let desk = try Desk()
        try desk.buy(3)
        _ = try desk.connect("d1")
        _ = try desk.apply(.deleteDevice(Desk.device("d1")))
        desk.advance(days: 10)
        _ = try desk.apply(.endExpired(limit: 5, graceMilliseconds: 0))
        #expect(
            try desk.connect("d1") == .admitted(until: desk.now.adding(days: 10), consumed: true)
        )
        #expect(try desk.history("d1").count == 2)
        #expect(try desk.findings() == [])
    }

    @Test("B8: a device that never consumed a code leaves nothing")
    func deletionOfInactive() throws {
        let desk = try Desk()
        _ = try desk.apply(importing(["d1"]))
        _ = try desk.apply(.deleteDevice(Desk.device("d1")))
        #expect(try desk.record("d1") == nil)
        #expect(try desk.refusal(importing(["d1"])) == nil)
    }

    @Test("B9: a deleted product's devices are refused, its codes do not come back")
    func productDeletion() throws {
        let desk = try Desk()
        try desk.buy(5)
        try desk.buy(2, for: nil)
        _ = try desk.connect("d1")
        #expect(
            try desk.apply(.deleteProduct(Desk.product))
                == .done(.changed(.productDeleted(Desk.product, forfeited: 4)))
        )
        #expect(try desk.connect("d1") == .refused("unknown-product"))
        #expect(try desk.connect("d2") == .refused("unknown-product"))
        #expect(try desk.refusal(.renew(Desk.device("d1"))) == "unknown-product")
        #expect(
            try desk.refusal(.assign(Desk.product, package: Desk.small, quantity: 1))
                == "unknown-product"
        )
        #expect(try desk.refusal(.createProduct(Desk.newProduct("PK1"))) == "already-exists")
        let figures = try desk.read { books, transaction throws(StoreError) in
            try books.figures(of: Desk.acme, in: transaction)
        }
        #expect(figures == AccountFigures(total: 3, used: 1, remaining: 2, unassigned: 2))
        #expect(try desk.findings() == [])
    }

    @Test("B12: a disabled device is refused, and its entitlement runs on")
    func disabled() throws {
        let desk = try Desk()
        try desk.buy(2)
        let until = desk.now.adding(days: 10)
        _ = try desk.connect("d1")
        _ = try desk.apply(.setDisabled(Desk.device("d1"), true))
        #expect(try desk.connect("d1") == .refused("device-disabled"))
        #expect(try desk.record("d1")?.state(at: desk.now) == .disabled)
        #expect(try desk.figures().devicesActive == 0)
        desk.advance(days: 4)
        _ = try desk.apply(.setDisabled(Desk.device("d1"), false))
        #expect(try desk.connect("d1") == .admitted(until: until, consumed: false))
        #expect(try desk.apply(.setDisabled(Desk.device("d1"), false)) == .done(.unchanged))
        #expect(try desk.figures().devicesActive == 1)
        #expect(try desk.findings() == [])
    }

    @Test("B12: deleting a disabled device does not let it in")
    func disabledAndDeleted() throws {
        let desk = try Desk()
        try desk.buy(2)
        _ = try desk.connect("d1")
        _ = try desk.apply(.setDisabled(Desk.device("d1"), true))
        _ = try desk.apply(.deleteDevice(Desk.device("d1")))
        #expect(try desk.connect("d1") == .refused("device-disabled"))
        #expect(try desk.refusal(.setDisabled(Desk.device("d1"), false)) == nil)
        guard case .admitted(_, consumed: false) = try desk.connect("d1") else {
            Issue.record("not admitted")
            return
        }
        #expect(try desk.findings() == [])
    }

    @Test("Import: thousands of rows at once")
    func largeImport() throws {
        let desk = try Desk()
        #expect(try desk.refusal(importing((0..<5_000).map { "d\($0)" })) == nil)
        #expect(try desk.figures().devicesKnown == 5_000)
        let page = try desk.read { books, transaction throws(StoreError) in
            try books.devices(of: Desk.product, at: desk.now, limit: 3, in: transaction)
        }
        #expect(page.elements.map(\.device.text) == ["d0", "d1", "d10"])
        let next = try desk.read { books, transaction throws(StoreError) in
            try books.devices(
                of: Desk.product,
                at: desk.now,
                cursor: page.cursor,
                limit: 3,
                in: transaction
            )
        }
        #expect(next.elements.map(\.device.text) == ["d100", "d1000", "d1001"])
        #expect(try desk.findings() == [])
    }

    @Test("Import: all rows or none, and the refusal names the row")
    func badImport() throws {
        let desk = try Desk()
        _ = try desk.apply(importing(["d3"]))
        #expect(
            try desk.apply(importing(["d1", "d2", "d3"]))
                == .refused(.importRow(row: 3, device: DeviceKey("d3")!, fault: .exists))
        )
        #expect(
            try desk.apply(importing(["d1", "d1"]))
                == .refused(.importRow(row: 2, device: DeviceKey("d1")!, fault: .repeatedRow))
        )
        #expect(try desk.figures().devicesKnown == 1)
        #expect(try desk.record("d1") == nil)
    }

    @Test("Import: a deleted device keeps its entitlement (B8)")
    func importAfterDeletion() throws {
        let desk = try Desk()
        try desk.buy(2)
        _ = try desk.connect("d1")
        _ = try desk.apply(.deleteDevice(Desk.device("d1")))
        #expect(try desk.refusal(importing(["d1"])) == nil)
        #expect(
            try desk.connect("d1") == .admitted(until: desk.now.adding(days: 10), consumed: false)
        )
        #expect(try desk.findings() == [])
    }

    @Test("Sealing keys are adopted once, and another key under a known number is refused")
    func sealingKeys() throws {
        let desk = try Desk()
        func key(_ number: UInt8, _ byte: UInt8) -> SealingKey {
            SealingKey(number: number, fingerprint: [UInt8](repeating: byte, count: 32))!
        }
        func known() throws -> [SealingKey] {
            let transaction = try ReadTransaction(in: desk.environment)
            return try desk.books.sealingKeys(in: transaction)
        }
        #expect(try known().isEmpty)
        let adopted = try desk.apply(.adoptSealingKeys([key(1, 1)]))
        #expect(adopted == .done(.changed(.sealingKeysAdopted([1]))))
        #expect(try desk.apply(.adoptSealingKeys([key(1, 1)])) == .done(.unchanged))
        #expect(try desk.refusal(.adoptSealingKeys([key(7, 7), key(1, 2)])) == "already-exists")
        #expect(try known() == [key(1, 1)])
        let more = try desk.apply(.adoptSealingKeys([key(1, 1), key(200, 3)]))
        #expect(more == .done(.changed(.sealingKeysAdopted([200]))))
        #expect(try known() == [key(1, 1), key(200, 3)])
    }

    @Test("Registration: the same secret is issued until a login has confirmed it, then never")
    func registration() throws {
        let desk = try Desk()
        try desk.buy(1)
        let identity = Desk.device("d1")
        func register(_ secret: String) throws -> Outcome {
            try desk.apply(.registerDevice(identity, secret: SealedSecret(secret)!))
        }
        #expect(try register("one") == .done(.registered(SealedSecret("one")!)))
        #expect(try register("two") == .done(.registered(SealedSecret("one")!)))
        #expect(try desk.figures().consumed == 0)
        _ = try desk.connect("d1")
        #expect(try register("three") == .refused(.secretInUse(identity)))
        _ = try desk.apply(.resetSecret(identity, secret: SealedSecret("four")!))
        #expect(try register("five") == .done(.registered(SealedSecret("four")!)))
        _ = try desk.apply(.confirmSecretUse(identity, SealedSecret("four")!.fingerprint))
        #expect(try register("six") == .refused(.secretInUse(identity)))
    }

    @Test(
        "Registration: a login with a secret that was reset meanwhile does not confirm the new one")
    func resetDuringLogin() throws {
        let desk = try Desk()
        try desk.buy(3)
        let identity = Desk.device("d1")
        let (old, new) = (SealedSecret("old")!, SealedSecret("new")!)
        let activate = Action.activate(identity, confirmsSecret: old.fingerprint)
        // Its very first login is under way, then one inside its validity (readmitted after a
        // deletion), then one that is simply admitted.
        for isFirst in [true, false] {
            _ = try desk.apply(.registerDevice(identity, secret: old))
            _ = try desk.apply(.resetSecret(identity, secret: new))
            if !isFirst { _ = try desk.apply(.deleteDevice(identity)) }
            #expect(try desk.refusal(activate) == nil)
            #expect(try desk.record("d1")?.isSecretConfirmed == false)
            #expect(
                try desk.apply(.confirmSecretUse(identity, old.fingerprint)) == .done(.unchanged))
            // Who resets the secret wants the device to be able to get it.
            let issued = Action.registerDevice(identity, secret: SealedSecret("other")!)
            #expect(try desk.apply(issued) == .done(.registered(new)))
        }
        _ = try desk.apply(.activate(identity, confirmsSecret: new.fingerprint))
        #expect(try desk.record("d1")?.isSecretConfirmed == true)
        // One that is confirmed stays so, whatever comes late.
        #expect(try desk.apply(.confirmSecretUse(identity, old.fingerprint)) == .done(.unchanged))
        #expect(try desk.record("d1")?.isSecretConfirmed == true)
        #expect(try desk.findings() == [])
    }

    @Test("Registration: open for all, imported for known ones, closed for none")
    func registrationPolicy() throws {
        let desk = try Desk()
        func set(_ policy: RegistrationPolicy) throws {
            _ = try desk.apply(
                .updateProduct(Desk.product, ProductUpdate(registration: policy))
            )
        }
        let known = Action.registerDevice(Desk.device("known"), secret: SealedSecret("s")!)
        let new = Action.registerDevice(Desk.device("new"), secret: SealedSecret("s")!)
        _ = try desk.apply(importing(["known"]))
        try set(.closed)
        #expect(try desk.refusal(known) == "registration-not-allowed")
        #expect(try desk.refusal(new) == "registration-not-allowed")
        try set(.imported)
        #expect(
            try desk.apply(known) == .done(.registered(SealedSecret("secret-known")!))
        )
        #expect(try desk.refusal(new) == "registration-not-allowed")
        #expect(try desk.connect("new") == .refused("unknown-device"))
        try set(.open)
        #expect(try desk.refusal(new) == nil)
    }

    @Test("Keys: created, listed, revoked once")
    func keys() throws {
        let desk = try Desk()
        let key = NewKey(
            id: KeyID("k1")!,
            name: "Line 1",
            role: .application,
            account: Desk.acme,
            products: [Desk.product],
            secretHash: SecretHash([UInt8](repeating: 7, count: 32))!
        )
        #expect(try desk.refusal(.createKey(key)) == nil)
        #expect(try desk.refusal(.createKey(key)) == "already-exists")
        #expect(try desk.refusal(.revokeKey(KeyID("k2")!)) == "unknown-key")
        #expect(try desk.refusal(.revokeKey(key.id)) == nil)
        #expect(try desk.apply(.revokeKey(key.id)) == .done(.unchanged))
        let record = try desk.read { books, transaction throws(StoreError) in
            try books.key(key.id, in: transaction)
        }
        #expect(record?.revokedAt == desk.now && record?.secretHash == key.secretHash)
    }

    @Test(
        "B6, B8: a device that is deleted stays on the blacklist, and is on it when it comes back",
        arguments: [true, false])
    func keptBlacklist(isActivated: Bool) throws {
        let desk = try Desk()
        try desk.buy(3)
        let device = Desk.device("d1")
        let row = DeviceImport(device: device.device, secret: SealedSecret("s")!, name: "")
        _ = try desk.apply(.importDevices(device.product, [row]))
        if isActivated { _ = try desk.apply(.activateByHand(device)) }
        _ = try desk.apply(.setDeviceRenewal(device, false))
        #expect(try desk.refusal(.deleteDevice(device)) == nil)
        #expect(try desk.blacklist() == ["d1"])
        #expect(try desk.record("d1")?.isRegistered == false)
        #expect(try desk.findings() == [])
        #expect(try desk.refusal(.importDevices(device.product, [row])) == nil)
        let returned = try #require(try desk.record("d1"))
        #expect(returned.isRegistered && returned.isExceptedFromRenewal)
        #expect(try desk.findings() == [])
        // Taken from it before it is deleted, nothing is left of it.
        _ = try desk.apply(.setDeviceRenewal(device, true))
        _ = try desk.apply(.deleteDevice(device))
        #expect(try desk.blacklist() == [])
        #expect(try (desk.record("d1") == nil) == !isActivated)
    }
}
