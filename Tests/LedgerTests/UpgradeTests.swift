import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules D1 and D2.
@Suite struct UpgradeTests {
    /// 2026-11-15T00:00:00Z, the device `d1` of `PK1` active for ten days, one attempt a month.
    private func store(otaPerMonth: UInt32 = 1) throws -> TestStore {
        let store = try TestStore()
        store.now = Timestamp("2026-11-15T00:00:00Z")!
        if otaPerMonth == 1 {
            try store.buy(5)
        } else {
            let package = PackageID("special")!
            let allowance = Allowance(
                validityDays: 60,
                messagesPerDay: nil,
                otaPerMonth: otaPerMonth,
                storageDays: 7
            )!
            try #require(
                store.refusal(.packages(.create(package, name: "Special", allowance))) == nil
            )
            try store.buy(5, package)
        }
        _ = try store.connect("d1")
        return store
    }

    private func remaining(_ store: TestStore) throws -> UInt64 {
        try store.read { books, transaction throws(StoreError) in
            try books.topUpTotals(of: TestStore.acme, .ota, in: transaction)
        }.remaining
    }

    @Test("D1: an upgrade costs one attempt for each started 5 MiB")
    func cost() {
        let unit = UpgradeSize.attemptBytes
        #expect(UpgradeSize(bytes: 0) == nil)
        #expect(UpgradeSize(bytes: 1)?.attempts == 1)
        for count: UInt64 in [1, 2, 3, 100, 13_107] {
            #expect(UpgradeSize(bytes: count * unit - 1)?.attempts == count)
            #expect(UpgradeSize(bytes: count * unit)?.attempts == count)
            #expect(UpgradeSize(bytes: count * unit + 1)?.attempts == count + 1)
        }
        // The origin's example: 6 MB are two attempts.
        #expect(UpgradeSize(bytes: 6_000_000)?.attempts == 2)
        #expect(UpgradeSize(bytes: UpgradeSize.maximumBytes)?.attempts == 13_108)
        #expect(UpgradeSize(bytes: UpgradeSize.maximumBytes + 1) == nil)
        #expect(UpgradeSize(bytes: .max) == nil)
    }

    @Test("D1: the month's allowance is used first, the rest comes from OTA packs")
    func allowanceFirst() throws {
        let store = try store()
        let pack = try store.topUp(10, .ota, days: 90)
        try store.topUp(1_000, .messages, days: 1)
        #expect(try store.upgrade("u1") == .paid(1, 0))
        #expect(try store.upgrade("u2", megabytes: 6) == .paid(0, 2))
        #expect(try remaining(store) == 8)
        #expect(try store.movements(.ota).first == "deduction 2 #\(pack.id)")
        #expect(try store.upgrades() == ["u2 requested", "u1 requested"])
        #expect(try store.findings() == [])
    }

    @Test("D1: one upgrade may take the allowance and several packs, first-expiring pack first")
    func severalPacks() throws {
        let store = try store(otaPerMonth: 2)
        let late = try store.topUp(10, .ota, days: 90)
        let early = try store.topUp(3, .ota, days: 10)
        #expect(try store.upgrade("u1", megabytes: 5 * 9) == .paid(2, 7))
        #expect(try store.counters(early).used == 3 && store.counters(late).used == 4)
        #expect(try store.findings() == [])
    }

    @Test("D1: all or nothing: what is not enough stays where it is")
    func allOrNothing() throws {
        let store = try store()
        try store.topUp(2, .ota, days: 90)
        let sequence = try store.lastSequence()
        let action = UpgradeAction.request(
            TestStore.device("d1"),
            UpgradeID("u1")!,
            UpgradeSize(bytes: 20 << 20)!
        )
        #expect(
            try store.apply(.upgrades(action))
                == .refused(.upgrades(.exhausted(needed: 4, allowance: 1, packs: 2)))
        )
        #expect(try store.lastSequence() == sequence && store.upgrades() == [])
        try store.topUp(1, .ota, days: 1)
        #expect(try store.upgrade("u1", megabytes: 20) == .paid(1, 3))
        #expect(try store.upgrade("u2") == .refused("ota-exhausted"))
        #expect(try store.findings() == [])
    }

    @Test("D1: an expired pack pays for nothing, also before it is closed")
    func expiredPack() throws {
        let store = try store()
        try store.topUp(10, .ota, days: 1)
        #expect(try store.upgrade("u1", megabytes: 10) == .paid(1, 1))
        store.advance(days: 1)
        #expect(try store.upgrade("u2") == .refused("ota-exhausted"))
    }

    @Test("D1: the largest upgrade takes 13,108 attempts")
    func largest() throws {
        let store = try store()
        try store.topUp(13_107, .ota, days: 9)
        #expect(try store.upgrade("u1", megabytes: 64 << 10) == .paid(1, 13_107))
        #expect(try store.report("u1") == nil)
        #expect(try remaining(store) == 13_107)
        #expect(try store.findings() == [])
    }

    @Test("D1: only a registered, enabled, active device of a product with a package has upgrades")
    func standing() throws {
        let store = try TestStore()
        try store.topUp(10, .ota, days: 90)
        #expect(try store.upgrade("u1", product: "PK9") == .refused("unknown-product"))
        #expect(try store.upgrade("u1") == .refused("unknown-device"))
        _ = try store.apply(.devices(.register(TestStore.device("d1"), secret: SealedSecret("s")!)))
        #expect(try store.upgrade("u1") == .refused("product-has-no-package"))
        try store.buy(2)
        #expect(try store.upgrade("u1") == .refused("device-not-active"))
        _ = try store.connect("d1")
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), true)))
        #expect(try store.upgrade("u1") == .refused("device-disabled"))
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), false)))
        #expect(try store.upgrade("u1") == .paid(1, 0))
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try store.upgrade("u2") == .refused("unknown-device"))
        _ = try store.connect("d1")
        // B8: it comes back with its entitlement, and with what it has used of it.
        #expect(try store.upgrade("u2") == .paid(0, 1))
        store.advance(days: 10)
        #expect(try store.upgrade("u3") == .refused("device-not-active"))
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(try store.upgrade("u3") == .refused("unknown-product"))
        #expect(try store.findings() == [])
    }

    @Test("D2: the month is a calendar month at the product's UTC offset")
    func month() throws {
        let store = try store(otaPerMonth: 2)
        _ = try store.apply(
            .products(.update(TestStore.product, ProductUpdate(dayOffset: UTCOffset(minutes: 480))))
        )
        store.now = Timestamp("2026-11-30T15:59:59.999Z")!
        #expect(try store.upgrade("u1") == .paid(1, 0))
        store.now = Timestamp("2026-11-30T16:00:00Z")!
        #expect(try store.upgrade("u2", megabytes: 10) == .paid(2, 0))
        #expect(try store.upgrade("u3") == .refused("ota-exhausted"))
        // The clock steps back into November, which has one left, and forward again.
        store.now = Timestamp("2026-11-30T15:00:00Z")!
        #expect(try store.upgrade("u3") == .paid(1, 0))
        #expect(try store.upgrade("u4") == .refused("ota-exhausted"))
        store.now = Timestamp("2026-12-31T15:59:00Z")!
        #expect(try store.upgrade("u4") == .refused("ota-exhausted"))
        store.now = Timestamp("2026-12-31T16:00:00Z")!
        #expect(try store.upgrade("u4") == .paid(1, 0))
        #expect(try store.findings() == [])
    }

    @Test("D2: a package upgrade in the middle of the month adds what it allows more")
    func packageUpgrade() throws {
        let store = try store()
        #expect(try store.upgrade("u1") == .paid(1, 0))
        #expect(try store.upgrade("u2") == .refused("ota-exhausted"))
        let allowance = Allowance(
            validityDays: 10,
            messagesPerDay: 100,
            otaPerMonth: 3,
            storageDays: 7
        )!
        let better = PackageID("better")!
        _ = try store.apply(.packages(.create(better, name: "Better", allowance)))
        #expect(try store.refusal(.products(.upgradePackage(TestStore.product, to: better))) == nil)
        #expect(try store.upgrade("u2", megabytes: 10) == .paid(2, 0))
        #expect(try store.upgrade("u3") == .refused("ota-exhausted"))
    }

    @Test("D2: a package without OTA upgrades leaves the packs")
    func noAllowance() throws {
        let store = try store(otaPerMonth: 0)
        #expect(try store.upgrade("u1") == .refused("ota-exhausted"))
        try store.topUp(1, .ota, days: 1)
        #expect(try store.upgrade("u1") == .paid(0, 1))
    }

    @Test("D2: a failed upgrade gives its attempts back to where they came from")
    func failure() throws {
        let store = try store()
        let pack = try store.topUp(5, .ota, days: 90)
        #expect(try store.upgrade("u1", megabytes: 15) == .paid(1, 2))
        #expect(try store.report("u1") == nil)
        #expect(try store.counters(pack).remaining == 5)
        #expect(
            try store.movements(.ota) == [
                "return 2 #\(pack.id)", "deduction 2 #\(pack.id)", "purchase 5 #\(pack.id)",
            ]
        )
        #expect(try store.upgrade("u2", megabytes: 30) == .paid(1, 5))
        #expect(try store.upgrade("u3") == .refused("ota-exhausted"))
        #expect(try store.report("u2", succeeded: true) == nil)
        #expect(try store.upgrade("u3") == .refused("ota-exhausted"))
        #expect(try store.upgrades() == ["u2 succeeded", "u1 failed"])
        #expect(try store.findings() == [])
    }

    @Test("D2: a failure after the month has turned gives nothing to the new month")
    func failureNextMonth() throws {
        let store = try store(otaPerMonth: 1)
        store.now = Timestamp("2026-11-30T23:00:00Z")!
        try store.buy(1)
        _ = try store.connect("d1")
        #expect(try store.upgrade("u1") == .paid(1, 0))
        store.advance(days: 0, milliseconds: 7_200_000)
        #expect(try store.report("u1") == nil)
        #expect(try store.upgrade("u2") == .paid(1, 0))
        #expect(try store.upgrade("u3") == .refused("ota-exhausted"))
        #expect(try store.findings() == [])
    }

    @Test("D2: a failure after the pack has expired: its attempts go back and expire")
    func failureAfterExpiry() throws {
        for closesFirst in [false, true] {
            let store = try store()
            let pack = try store.topUp(5, .ota, days: 1)
            #expect(try store.upgrade("u1", megabytes: 15) == .paid(1, 2))
            store.advance(days: 1)
            if closesFirst { #expect(try store.expireTopUps() == 1) }
            #expect(try store.report("u1") == nil)
            if !closesFirst { #expect(try store.expireTopUps() == 1) }
            let counters = try store.counters(pack)
            #expect(counters.used == 0 && counters.expired == 5 && counters.remaining == 0)
            // What came from the allowance is back, the month is the same.
            #expect(try store.upgrade("u2", megabytes: 10) == .refused("ota-exhausted"))
            #expect(try store.upgrade("u2") == .paid(1, 0))
            #expect(try store.findings() == [])
        }
    }

    @Test("D2: a request repeated is answered as the first was, until the upgrade is reported")
    func repeatedRequest() throws {
        let store = try store()
        try store.topUp(5, .ota, days: 9)
        #expect(try store.upgrade("u1", megabytes: 10) == .paid(1, 1))
        let sequence = try store.lastSequence()
        #expect(try store.upgrade("u1", megabytes: 10) == .again(1, 1))
        #expect(try store.upgrade("u1", megabytes: 11) == .refused("already-exists"))
        // Another device's upgrade of the same name is another upgrade.
        _ = try store.connect("d2")
        #expect(try store.upgrade("u1", of: "d2") == .paid(1, 0))
        #expect(try store.lastSequence() > sequence)
        #expect(try store.report("u1") == nil)
        #expect(try store.upgrade("u1", megabytes: 10) == .refused("upgrade-reported"))
        #expect(try remaining(store) == 5)
    }

    @Test("D2: a report repeated changes nothing, one that contradicts is refused")
    func repeatedReport() throws {
        let store = try store()
        try store.topUp(5, .ota, days: 9)
        #expect(try store.report("u1") == "unknown-upgrade")
        _ = try store.upgrade("u1", megabytes: 10)
        _ = try store.upgrade("u2")
        #expect(try store.report("u1") == nil)
        #expect(try store.report("u2", succeeded: true) == nil)
        let sequence = try store.lastSequence()
        #expect(try store.report("u1") == nil)
        #expect(try store.report("u1", succeeded: true) == "upgrade-reported")
        #expect(try store.report("u2", succeeded: true) == nil)
        #expect(try store.report("u2") == "upgrade-reported")
        #expect(try store.lastSequence() == sequence)
        #expect(try remaining(store) == 4)
        #expect(try store.findings() == [])
    }

    @Test("D2: the outcome counts also when the device is disabled, deleted or its product gone")
    func reportOfLostDevices() throws {
        let store = try store()
        for device in ["d2", "d3"] { _ = try store.connect(device) }
        try store.topUp(6, .ota, days: 9)
        for device in ["d1", "d2", "d3"] {
            #expect(try store.upgrade("u1", of: device, megabytes: 15) == .paid(1, 2))
        }
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d1"), true)))
        #expect(try store.report("u1", of: "d1") == nil)
        _ = try store.apply(.devices(.delete(TestStore.device("d2"))))
        #expect(try store.report("u1", of: "d2") == nil)
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(try store.report("u1", of: "d3") == nil)
        #expect(try remaining(store) == 6)
        #expect(try store.findings() == [])
    }

    @Test("D2: upgrades come in pages, newest first, and each has its own record")
    func pages() throws {
        let store = try store(otaPerMonth: 9)
        for index in 1...5 { _ = try store.upgrade("u\(index)") }
        var found: [String] = []
        var cursor: String?
        repeat {
            let page = try store.read { books, transaction throws(StoreError) in
                try books.upgrades(
                    of: TestStore.device("d1"),
                    cursor: cursor,
                    limit: 2,
                    in: transaction
                )
            }
            found += page.elements.map(\.id.text)
            cursor = page.cursor
        } while cursor != nil
        #expect(found == ["u5", "u4", "u3", "u2", "u1"])
        let one = try store.read { books, transaction throws(StoreError) in
            try books.upgrade(UpgradeID("u3")!, of: TestStore.device("d1"), in: transaction)
        }
        #expect(one?.record.requestedBy == "test" && one?.record.requestedAt == store.now)
        #expect(one?.record.month.description == "2026-11")
    }

    @Test("E3: an upgrade and what it took from each pack are events, in this order")
    func events() throws {
        let store = try store()
        try store.topUp(1, .ota, days: 1)
        try store.topUp(1, .ota, days: 2)
        let before = try store.lastSequence()
        _ = try store.upgrade("u1", megabytes: 15)
        store.advance(days: 1)
        _ = try store.report("u1")
        let events = try store.read { books, transaction throws(StoreError) in
            try books.events(after: before, limit: 100, in: transaction)
        }
        #expect(
            events.map(\.change.name) == [
                "upgrade-requested", "top-up-deducted", "top-up-deducted", "upgrade-failed",
                "top-up-returned", "top-up-expired", "top-up-returned",
            ]
        )
    }

    @Test("A10: the audit finds an upgrade that its month or its packs don't know")
    func damage() throws {
        let store = try store()
        let pack = try store.topUp(5, .ota, days: 9)
        _ = try store.upgrade("u1", megabytes: 15)
        let key = KeyPair(TestStore.device("d1"), UpgradeID("u1")!)
        try store.write { books, transaction throws(StoreError) in
            guard var record = try books.upgrades.get(key, in: transaction) else { return }
            record.state = .failed
            try books.upgrades.put(key, record, in: transaction)
            try books.upgradeOrder.deleteAll(in: transaction)
        }
        let findings = try store.findings()
        #expect(findings.contains { $0.contains("upgrades of PK1.d1 in 2026-11: 1 is not 0") })
        #expect(findings.contains { $0.contains("took from pack \(pack.id)") })
        #expect(findings.contains { $0.contains("not in the device's list") })
    }

    @Test("D2: an upgrade that nobody reports ends after a time, and its attempts stay used")
    func unreported() throws {
        let store = try TestStore()
        try store.buy(1, TestStore.large)
        _ = try store.connect("d1")
        let device = TestStore.device("d1")
        let (first, second) = (UpgradeID("u1")!, UpgradeID("u2")!)
        func request(_ id: UpgradeID) throws -> String? {
            try store.refusal(.upgrades(.request(device, id, UpgradeSize(bytes: 1)!)))
        }
        func expire(days: Int64) throws -> Outcome {
            try store.apply(
                .upgrades(.expire(limit: 10, ageMilliseconds: days * TestStore.day)))
        }
        #expect(try request(first) == nil)
        store.advance(days: 3)
        #expect(try expire(days: 4) == .done(.ended(count: 0, more: false)))
        #expect(try expire(days: 3) == .done(.ended(count: 1, more: false)))
        #expect(try expire(days: 3) == .done(.ended(count: 0, more: false)))
        let found = try store.read { books, transaction throws(StoreError) in
            try books.upgrade(first, of: device, in: transaction)
        }
        #expect(found?.record.state == .unreported && found?.record.reportedAt == store.now)
        #expect(
            try store.apply(.upgrades(.report(device, first, succeeded: false)))
                == .refused(.upgrades(.reported(device, first, .unreported))))
        #expect(try request(second) == "ota-exhausted")
        #expect(try store.findings() == [])
    }
}
