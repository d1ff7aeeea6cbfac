import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Firmware images, and upgrades of devices to them: they cost what any upgrade costs, and each ends once.
@Suite struct FirmwareTests {
    private static let device = TestStore.device("d1")
    private static let v1 = FirmwareVersion("1.0")!
    private static let v2 = FirmwareVersion("2.0")!

    /// The device `d1` of `PK1` active, one attempt a month, and an image of 5 MB.
    private func store() throws -> TestStore {
        let store = try TestStore()
        store.now = Timestamp("2026-11-15T00:00:00Z")!
        try store.buy(5)
        _ = try store.connect("d1")
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.v1)))) == nil)
        return store
    }

    private func start(
        _ store: TestStore, _ id: String, _ version: FirmwareVersion = v1,
        of device: DeviceIdentity = device
    ) throws -> Outcome {
        try store.apply(.firmware(.start(device, UpgradeID(id)!, version)))
    }

    private func report(_ store: TestStore, _ id: String, _ succeeded: Bool) throws -> Outcome {
        try store.apply(
            .firmware(
                .report(
                    Self.device, UpgradeID(id)!, succeeded: succeeded, UpgradeDetail("why")!)))
    }

    private func offer(_ store: TestStore) throws -> FirmwareOffer? {
        try store.read { books, transaction throws(StoreError) in
            try books.offer(to: Self.device, in: transaction)
        }
    }

    private func devices(_ store: TestStore, _ version: FirmwareVersion = v1) throws -> UInt64? {
        try store.read { books, transaction throws(StoreError) in
            try books.image(version, of: TestStore.product, in: transaction)
        }?.record.devices
    }

    private func used(_ store: TestStore) throws -> UInt64? {
        try store.read { books, transaction throws(StoreError) in
            try books.upgradeAllowance(of: Self.device, at: store.now, in: transaction)
        }?.used
    }

    @Test("a version of a product is one image for good, as long as it is there")
    func versions() throws {
        let store = try store()
        // The same again, in another file.
        #expect(
            try store.apply(.firmware(.add(Samples.image(Self.v1, file: 9)))) == .done(.unchanged))
        #expect(
            try store.refusal(.firmware(.add(Samples.image(Self.v1, bytes: 1)))) == "already-exists"
        )
        let signed = Samples.image(Self.v1, signature: FirmwareSignature([1])!)
        #expect(try store.refusal(.firmware(.add(signed))) == "already-exists")
        #expect(
            try store.refusal(.firmware(.add(Samples.image(Self.v2, maximum: 1))))
                == "too-many-firmware")
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.v2, maximum: 2)))) == nil)
        #expect(
            try store.refusal(.firmware(.add(Samples.image(of: ProductKey("none")!))))
                == "unknown-product")
        #expect(try store.refusal(.firmware(.delete(TestStore.product, Self.v1))) == nil)
        #expect(
            try store.refusal(.firmware(.delete(TestStore.product, Self.v1))) == "unknown-firmware")
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.v1, bytes: 1)))) == nil)
        #expect(try store.findings() == [])
    }

    @Test(
        "D1, D2: an upgrade to an image is paid for once, and gives its attempts back when it fails"
    )
    func life() throws {
        let store = try store()
        guard case .done(.upgrade(let upgrade)) = try start(store, "u1") else {
            Issue.record("not started")
            return
        }
        #expect(upgrade.record.size.attempts == 1 && upgrade.record.fromAllowance == 1)
        #expect(try start(store, "u1") == .repeated(.upgrade(upgrade)))
        #expect(try used(store) == 1 && devices(store) == 1)
        #expect(try offer(store)?.record.upgrade == UpgradeID("u1")!)
        #expect(try store.findings() == [])
        // One at a time, and the image stays.
        #expect(try start(store, "u2") == .refused(.firmware(.underWay(Self.device, upgrade.id))))
        #expect(
            try store.refusal(.firmware(.delete(TestStore.product, Self.v1))) == "firmware-in-use")
        let percent = UpgradePercent(40)!
        #expect(
            try store.apply(.firmware(.progress(Self.device, upgrade.id, percent)))
                == .done(.unchanged))
        #expect(try offer(store)?.record.percent == percent)
        #expect(
            try store.refusal(.firmware(.progress(Self.device, UpgradeID("u9")!, percent)))
                == "unknown-upgrade")
        guard case .done(.upgrade(let ended)) = try report(store, "u1", false) else {
            Issue.record("not reported")
            return
        }
        #expect(ended.record.state == .failed)
        #expect(try used(store) == 0 && devices(store) == 0 && offer(store) == nil)
        let sequence = try store.lastSequence()
        #expect(try report(store, "u1", false) == .repeated(.upgrade(ended)))
        #expect(try store.lastSequence() == sequence, "what the device says again is no event")
        #expect(try report(store, "u1", true).effect == nil)
        #expect(try start(store, "u1").effect == nil, "an id is good for one upgrade")
        #expect(try start(store, "u2").effect != nil)
        _ = try report(store, "u2", true)
        #expect(try used(store) == 1 && devices(store) == 0)
        #expect(try store.findings() == [])
    }

    @Test("what can't be paid for, or is not active, is not offered anything")
    func refusals() throws {
        let store = try store()
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.v2, bytes: 50 << 20)))) == nil)
        let cases: [(DeviceIdentity, FirmwareVersion, String)] = [
            (Self.device, Self.v2, "ota-exhausted"),
            (Self.device, FirmwareVersion("none")!, "unknown-firmware"),
            (TestStore.device("d9"), Self.v1, "unknown-device"),
            (TestStore.device("d1", of: "none"), Self.v1, "unknown-product"),
        ]
        for (device, version, refusal) in cases {
            #expect(
                try store.refusal(.firmware(.start(device, UpgradeID("u")!, version))) == refusal)
        }
        #expect(try offer(store) == nil && devices(store) == 0 && devices(store, Self.v2) == 0)
        // One that was asked for without an image is not told to the device.
        _ = try store.upgrade("u1")
        #expect(
            try store.refusal(.firmware(.start(Self.device, UpgradeID("u1")!, Self.v1)))
                == "already-exists")
        #expect(try store.findings() == [])
    }

    @Test("D2: an upgrade that the device never reports ends, and its attempts stay used")
    func unreported() throws {
        let store = try store()
        _ = try start(store, "u1")
        store.advance(days: 8)
        let expire = Action.upgrades(.expire(limit: 10, ageMilliseconds: 7 * TestStore.day))
        #expect(try store.apply(expire) == .done(.ended(count: 1, more: false)))
        #expect(try offer(store) == nil && devices(store) == 0 && used(store) == 1)
        #expect(try report(store, "u1", false).effect == nil, "too late")
        #expect(try used(store) == 1)
        #expect(try store.findings() == [])
    }

    @Test("a platform may report for its device, and a device that is deleted is offered nothing")
    func otherEnds() throws {
        let store = try store()
        _ = try start(store, "u1")
        #expect(try store.report("u1", succeeded: false) == nil)
        #expect(try offer(store) == nil && devices(store) == 0)
        _ = try start(store, "u2")
        _ = try store.apply(.devices(.delete(Self.device)))
        #expect(try offer(store) == nil && devices(store) == 0)
        #expect(try store.findings() == [])
        // What was paid can still be given back.
        guard case .done = try report(store, "u2", false) else {
            Issue.record("not reported")
            return
        }
        #expect(try store.findings() == [])
    }

    @Test("a product's images go with it")
    func deletedProduct() throws {
        let store = try store()
        _ = try start(store, "u1")
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(try devices(store) == nil && offer(store) == nil)
        let images = try store.read { books, transaction throws(StoreError) in
            try books.images(in: transaction)
        }
        #expect(images.isEmpty)
        #expect(try store.findings() == [])
        _ = try report(store, "u1", true)
        #expect(try store.findings() == [])
    }
}
