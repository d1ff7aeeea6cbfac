import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule C6, the ledger's side.
@Suite struct TopUpTests {
    @Test("C6: a pack is bought or given, and the list of changes says so")
    func entering() throws {
        let store = try TestStore()
        let bought = try store.topUp(1_000, days: 30)
        let given = try store.topUp(5, .ota, days: 60, source: .gift)
        #expect(try store.packs().map(\.place) == [bought, given])
        #expect(try store.packs(.ota).map(\.record.source) == [.gift])
        #expect(try store.packs(.messages).map { $0.available(at: store.now) } == [1_000])
        #expect(try store.packs()[0].record.actor == "test")
        #expect(
            try store.movements() == ["gift 5 #\(given.id)", "purchase 1000 #\(bought.id)"]
        )
        #expect(try store.movements(.messages) == ["purchase 1000 #\(bought.id)"])
        #expect(try store.lastSequence() == given.id)
        #expect(try store.findings() == [])
    }

    @Test("C6: a pack has 1 to 10^12 units, an account, and an end after now")
    func refusals() throws {
        let store = try TestStore()
        func enter(
            _ quantity: UInt64,
            _ account: AccountID = TestStore.acme,
            milliseconds: Int64 = 1
        ) throws -> String? {
            try store.refusal(
                .topUps(
                    .enter(
                        account,
                        .messages,
                        source: .purchase,
                        quantity: quantity,
                        expiresAt: store.now.adding(milliseconds: milliseconds)
                    )
                )
            )
        }
        #expect(try enter(0) == "quantity-out-of-range")
        #expect(try enter(Books.topUpMaximum + 1) == "quantity-out-of-range")
        #expect(try enter(.max) == "quantity-out-of-range")
        #expect(try enter(1, AccountID("nobody")!) == "unknown-account")
        #expect(try enter(1, milliseconds: 0) == "expiry-passed")
        #expect(try store.packs() == [] && store.movements() == [])
        #expect(try enter(Books.topUpMaximum) == nil)
        #expect(try enter(1) == nil)
        #expect(try store.findings() == [])
    }

    @Test("A8: entering a pack twice under one idempotency key makes one")
    func idempotency() throws {
        let store = try TestStore()
        func enter(_ quantity: UInt64) throws -> Outcome {
            try store.apply(
                .topUps(
                    .enter(
                        TestStore.acme,
                        .messages,
                        source: .purchase,
                        quantity: quantity,
                        expiresAt: Timestamp(milliseconds: 1_800_000_000_000)
                    )
                ),
                key: "order-7"
            )
        }
        let first = try enter(100)
        store.advance(days: 400)
        #expect(try enter(100) == .repeated(#require(first.effect)))
        #expect(try enter(101) == .refused(.commands(.idempotencyKeyReused)))
        #expect(try store.packs().count == 1)
    }

    @Test("C6: units come from the pack that expires first, whenever it was bought")
    func firstExpiringFirst() throws {
        let store = try TestStore()
        let late = try store.topUp(10, days: 30)
        let early = try store.topUp(10, days: 5)
        let middle = try store.topUp(10, days: 9)
        #expect(try store.packs().map(\.place) == [early, middle, late])
        #expect(try store.lease(10)?.pack == early.id)
        #expect(try store.lease(4)?.pack == middle.id)
        #expect(try store.lease(4)?.pack == middle.id)
        let rest = try #require(try store.lease(4))
        #expect(rest.pack == middle.id && rest.units == 2 && rest.expiresAt == middle.expiresAt)
        #expect(try store.lease(4)?.pack == late.id)
        #expect(try store.packs(openAt: store.now).map(\.place) == [late])
        #expect(try store.findings() == [])
    }

    @Test("C6: an OTA pack holds no messages")
    func kinds() throws {
        let store = try TestStore()
        try store.topUp(10, .ota, days: 5)
        #expect(try store.lease(1) == nil)
    }

    @Test("C6: a lease is a block, at most a quarter of what is left, at least what is needed")
    func leaseSizes() throws {
        let store = try TestStore()
        let pack = try store.topUp(1_000, days: 5)
        #expect(try store.lease(1, block: 100)?.units == 100)
        #expect(try store.lease(150, block: 100)?.units == 150)
        #expect(try store.lease(1, block: 10_000)?.units == 187)
        #expect(try store.lease(0, block: 0)?.units == 1)
        #expect(try store.lease(500, block: 0)?.units == 500)
        #expect(try store.counters(pack).remaining == 62)
        #expect(try store.lease(0, block: .max)?.units == 15)
        #expect(try store.lease(.max, block: .max)?.units == 47)
        #expect(try store.lease(0) == nil)
        #expect(try store.counters(pack).leased == 1_000)
        #expect(try store.findings() == [])
    }

    @Test("C6: a lease never takes more than its pack has, though the account has more")
    func leaseOfOnePack() throws {
        let store = try TestStore()
        try store.topUp(3, days: 5)
        try store.topUp(1_000, days: 6)
        #expect(try store.lease(8, block: 100)?.units == 3)
        #expect(try store.lease(5, block: 100)?.units == 100)
    }

    @Test("C6: what was used of a lease is deducted, the rest goes back to the pack")
    func settling() throws {
        let store = try TestStore()
        let pack = try store.topUp(100, days: 5)
        let lease = try #require(try store.lease(40))
        var counters = try store.counters(pack)
        #expect(counters.remaining == 60 && counters.leased == 40)
        try store.settle(lease, used: 25)
        counters = try store.counters(pack)
        #expect(counters.remaining == 75 && counters.leased == 0 && counters.used == 25)
        let unused = try #require(try store.lease(40))
        try store.settle(unused, used: 0)
        #expect(
            try store.movements() == ["deduction 25 #\(pack.id)", "purchase 100 #\(pack.id)"]
        )
        #expect(try store.findings() == [])
    }

    @Test("C6: a lease is settled once, and not for more than its units")
    func settlingTwice() throws {
        let store = try TestStore()
        let pack = try store.topUp(100, days: 5)
        let lease = try #require(try store.lease(40))
        #expect(
            try store.apply(.topUps(.settle(lease: lease.id, used: 41)))
                == .refused(.topUps(.leaseExceeded(lease: lease.id, units: 40)))
        )
        try store.settle(lease, used: 40)
        #expect(try store.refusal(.topUps(.settle(lease: lease.id, used: 0))) == "unknown-lease")
        #expect(try store.refusal(.topUps(.settle(lease: pack.id, used: 0))) == "unknown-lease")
        #expect(try store.counters(pack).used == 40)
    }

    @Test("C6: a crash never grants more than was bought: abandoned leases count as used")
    func abandoning() throws {
        let store = try TestStore()
        let pack = try store.topUp(100, days: 5)
        let (mine, other) = (TestStore.holder, LeaseHolder("gateway-2")!)
        let settled = try #require(try store.lease(10, holder: mine))
        try store.settle(settled, used: 4)
        for units: UInt64 in [20, 30] { _ = try store.lease(units, holder: mine) }
        let kept = try #require(try store.lease(8, holder: other))
        #expect(
            try store.apply(.topUps(.abandon(holder: mine, limit: 1)))
                == .done(.ended(count: 1, more: true))
        )
        #expect(
            try store.apply(.topUps(.abandon(holder: mine, limit: 10)))
                == .done(.ended(count: 1, more: false))
        )
        #expect(
            try store.apply(.topUps(.abandon(holder: mine, limit: 10)))
                == .done(.ended(count: 0, more: false))
        )
        let counters = try store.counters(pack)
        #expect(counters.used == 54 && counters.leased == 8 && counters.remaining == 38)
        #expect(try store.lease(.max)?.units == 38)
        try store.settle(kept, used: 8)
        #expect(try store.findings() == [])
    }

    @Test("C6: an expired pack gives nothing, also before it is closed")
    func expiredPack() throws {
        let store = try TestStore()
        let pack = try store.topUp(10, days: 1)
        store.advance(days: 1, milliseconds: -1)
        #expect(try store.lease(1)?.units == 1)
        #expect(try store.expireTopUps() == 0)
        store.advance(days: 0, milliseconds: 1)
        #expect(try store.lease(1) == nil)
        #expect(try store.packs(openAt: store.now) == [])
        #expect(try store.packs().map { $0.available(at: store.now) } == [0])
        #expect(try store.expireTopUps() == 1)
        let counters = try store.counters(pack)
        #expect(counters.remaining == 0 && counters.expired == 9 && counters.leased == 1)
        #expect(try store.movements().first == "expiry 9 #\(pack.id)")
        #expect(try store.expireTopUps() == 0)
        #expect(try store.findings() == [])
    }

    @Test("C6: a lease settled after the expiry: the used units are deducted, the others expire")
    func settlingAfterExpiry() throws {
        let store = try TestStore()
        let pack = try store.topUp(100, days: 1)
        let early = try #require(try store.lease(40))
        let late = try #require(try store.lease(20))
        store.advance(days: 1)
        // Before the pack is closed, and after.
        try store.settle(early, used: 30)
        #expect(try store.counters(pack).expired == 10)
        #expect(try store.expireTopUps() == 1)
        try store.settle(late, used: 5)
        let counters = try store.counters(pack)
        #expect(counters.used == 35 && counters.expired == 65 && counters.remaining == 0)
        #expect(
            try store.movements().prefix(5).map { $0.prefix { $0 != "#" } } == [
                "expiry 15 ", "deduction 5 ", "expiry 40 ", "expiry 10 ", "deduction 30 ",
            ]
        )
        #expect(try store.findings() == [])
    }

    @Test("C6: packs expire in order, at most as many as the limit at once, with one event each")
    func expiryLimit() throws {
        let store = try TestStore()
        let packs = try [5, 3, 4, 9].map { try store.topUp(7, days: $0) }
        store.advance(days: 6)
        let before = try store.lastSequence()
        #expect(
            try store.apply(.topUps(.expire(limit: 2))) == .done(.ended(count: 2, more: true))
        )
        #expect(try store.counters(packs[0]).remaining == 7)
        #expect(
            try store.apply(.topUps(.expire(limit: 2))) == .done(.ended(count: 1, more: false))
        )
        #expect(try store.lastSequence() == before + 3)
        #expect(try store.lease(1)?.pack == packs[3].id)
        #expect(try store.findings() == [])
    }

    @Test("C6: a clock that steps back revives no unit that has expired")
    func clockBack() throws {
        let store = try TestStore()
        let pack = try store.topUp(10, days: 1)
        let lease = try #require(try store.lease(4))
        store.advance(days: 2)
        #expect(try store.expireTopUps() == 1)
        store.advance(days: -2)
        #expect(try store.lease(1) == nil)
        try store.settle(lease, used: 1)
        // What was leased had not expired, and the pack has time left by this clock.
        #expect(try store.counters(pack).remaining == 3)
        store.advance(days: 1)
        #expect(try store.expireTopUps() == 1)
        #expect(try store.counters(pack).expired == 9)
        #expect(try store.findings() == [])
    }

    @Test("C6: totals are the sums over the account's packs of one kind")
    func totals() throws {
        let store = try TestStore()
        try store.topUp(10, days: 1)
        try store.topUp(20, days: 2)
        try store.topUp(3, .ota, days: 2)
        let lease = try #require(try store.lease(6))
        _ = try store.lease(2)
        try store.settle(lease, used: 5)
        store.advance(days: 1)
        _ = try store.expireTopUps()
        let totals = try store.read { books, transaction throws(StoreError) in
            try books.topUpTotals(of: TestStore.acme, .messages, in: transaction)
        }
        #expect(totals.quantity == 30 && totals.remaining == 20 && totals.leased == 2)
        #expect(totals.used == 5 && totals.expired == 3)
    }

    @Test("C6: packs and changes come in pages, changes newest first, of one kind or both")
    func pages() throws {
        let store = try TestStore()
        for index in 1...9 {
            try store.topUp(UInt64(index), index % 3 == 0 ? .ota : .messages, days: Int64(index))
        }
        var found: [UInt64] = []
        var cursor: String?
        repeat {
            let page = try store.read { books, transaction throws(StoreError) in
                try books.topUpChanges(
                    of: TestStore.acme, cursor: cursor, limit: 2, in: transaction)
            }
            #expect(page.elements.count <= 2)
            found += page.elements.map(\.units)
            cursor = page.cursor
        } while cursor != nil
        #expect(found == [9, 8, 7, 6, 5, 4, 3, 2, 1])
        found = []
        repeat {
            let page = try store.read { books, transaction throws(StoreError) in
                try books.topUps(of: TestStore.acme, cursor: cursor, limit: 4, in: transaction)
            }
            found += page.elements.map(\.record.counters.quantity)
            cursor = page.cursor
        } while cursor != nil
        #expect(found == [1, 2, 4, 5, 7, 8, 3, 6, 9])
        let kind = try store.read { books, transaction throws(StoreError) in
            try books.topUpChanges(of: TestStore.acme, kind: .ota, limit: 2, in: transaction)
        }
        #expect(kind.elements.map(\.units) == [9, 6] && kind.cursor != nil)
        #expect(throws: StoreError.malformed(what: "cursor")) {
            try store.read { books, transaction throws(StoreError) in
                try books.topUpChanges(of: TestStore.acme, cursor: "x", limit: 2, in: transaction)
            }
        }
    }

    @Test(
        "A10: the audit finds a pack that does not balance, and one that its changes don't explain")
    func damage() throws {
        let store = try TestStore()
        let pack = try store.topUp(10, days: 1)
        _ = try store.lease(4)
        try store.write { books, transaction throws(StoreError) in
            var record = try books.topUp(at: pack, in: transaction)
            record.counters.remaining += 1
            try books.topUps.put(pack, record, in: transaction)
        }
        #expect(try store.findings().contains { $0.contains("quantity is not remaining") })
        try store.write { books, transaction throws(StoreError) in
            var record = try books.topUp(at: pack, in: transaction)
            record.counters.remaining -= 3
            record.counters.used += 2
            try books.topUps.put(pack, record, in: transaction)
            try books.openTopUps.delete(pack, in: transaction)
        }
        let findings = try store.findings()
        #expect(findings.contains { $0.contains("against its leases and changes") })
        #expect(findings.contains { $0.contains("not among the open ones") })
        #expect(findings.contains { $0.contains("totals of the messages packs of account acme") })
    }

    @Test("C6: the list of changes says which devices used the units of a pack, as the holder told")
    func uses() throws {
        let store = try TestStore()
        _ = try store.apply(
            .topUps(
                .enter(
                    TestStore.acme, .messages, source: .purchase, quantity: 40,
                    expiresAt: store.now.adding(days: 9))))
        let lease = TopUpAction.lease(
            TestStore.acme, holder: LeaseHolder("gateway")!, needed: 10, block: 1)
        guard case .done(.leased(let held)) = try store.apply(.topUps(lease)) else {
            Issue.record("no lease")
            return
        }
        func use(_ device: String, _ units: UInt64) -> TopUpUse {
            TopUpUse(device: TestStore.device(device), units: units)
        }
        for uses in [
            [use("d1", 8)], [use("d1", 4), use("d2", 4)], [use("d1", .max), use("d2", 2)],
        ] {
            #expect(
                try store.apply(.topUps(.settle(lease: held.id, used: 7, uses: uses)))
                    == .refused(.topUps(.leaseExceeded(lease: held.id, units: 10))))
        }
        // Of one unit it is not known whose it was.
        let uses = [use("d1", 4), use("d2", 2)]
        _ = try store.apply(.topUps(.settle(lease: held.id, used: 7, uses: uses)))
        let changes = try store.read { books, transaction throws(StoreError) in
            try books.topUpChanges(of: TestStore.acme, limit: 9, in: transaction).elements
        }
        #expect(changes.map(\.change.uses) == [uses, []] && changes[0].units == 7)
        #expect(try store.findings() == [])
    }
}
