import Randomness
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule B16: what a clock that was set wrong may do to the books.
@Suite struct ClockTests {
    private static let day: UInt64 = 86_400_000
    private static let year1970 = Timestamp(milliseconds: 5_000)

    /// A store whose books look at the clock: two codes are left, and d1 is active for ten days.
    private func store() throws -> TestStore {
        let store = try TestStore()
        try store.buy(3)
        try #require(try beat(store) == nil)
        let device = DeviceImport(device: DeviceKey("d2")!, secret: nil)
        _ = try store.apply(.imports(.atOnce(TestStore.product, [device])))
        _ = try store.connect("d1")
        return store
    }

    private func beat(_ store: TestStore, elapsed: UInt64 = 0) throws -> String? {
        try store.refusal(
            .clock(.beat(aheadMilliseconds: Self.day, elapsedMilliseconds: elapsed)))
    }

    private func consumed(_ store: TestStore) throws -> UInt64 { try store.figures().consumed }

    @Test(
        "B16: a clock in 1970, some seconds back, or years ahead consumes nothing, and what runs is served",
        arguments: [-1, -5_000, 86_400_000 + 1, 400 * 86_400_000] as [Int64])
    func wrong(step: Int64) throws {
        let store = try store()
        let doubt = step < 0 ? "clock-behind" : "clock-ahead"
        let (before, until) = (store.now, store.now.adding(days: 10))
        store.now = step == -1 ? Self.year1970 : before.adding(milliseconds: step)
        #expect(try store.connect("d2") == .refused(doubt))
        #expect(try store.connect("stranger") == .refused(doubt))
        #expect(
            try store.refusal(.devices(.activateByHand(TestStore.device("d2")))) == doubt)
        #expect(try store.connect("d1") == .admitted(until: until, consumed: false))
        #expect(try store.apply(.devices(.renew(TestStore.device("d1")))).effect != nil)
        // Nothing ends that only the clock says has ended.
        #expect(
            try store.apply(.devices(.endExpired(limit: 9, graceMilliseconds: 0)))
                == .done(.ended(count: 0, more: false)))
        #expect(
            try store.apply(.devices(.endEntitlement(TestStore.device("d1")))) == .done(.unchanged))
        #expect(try store.figures().devicesActive == 1)
        #expect(try consumed(store) == 1)
        // What is written meanwhile does not take the known time along.
        try store.buy(1)
        #expect(try beat(store) == doubt)
        #expect(try store.connect("d2") == .refused(doubt))
        // Set right, all is as it was.
        store.now = before.adding(milliseconds: 1_000)
        #expect(
            try store.connect("d2") == .admitted(until: store.now.adding(days: 10), consumed: true))
        #expect(try store.findings() == [])
    }

    @Test(
        "A8, B16: what a doubted clock has refused is decided when it is asked again with its key")
    func repeated() throws {
        let store = try store()
        let row = DeviceImport(device: DeviceKey("d2")!, secret: nil)
        _ = try store.apply(.imports(.atOnce(TestStore.product, [row])))
        let action = Action.devices(.activateByHand(TestStore.device("d2")))
        let now = store.now
        store.advance(days: 400)
        guard case .refused(.clock) = try store.apply(action, key: "k") else {
            Issue.record("the clock was believed")
            return
        }
        store.now = now
        guard case .done(let effect) = try store.apply(action, key: "k") else {
            Issue.record("the first answer was for good")
            return
        }
        #expect(try store.apply(action, key: "k") == .repeated(effect))
        #expect(try store.findings() == [])
    }

    @Test("B16: packs don't expire, and upgrades are not paid, by a clock that is doubted")
    func packs() throws {
        let store = try store()
        let expiresAt = store.now.adding(days: 30)
        for kind in TopUpKind.allCases {
            let enter = TopUpAction.enter(
                TestStore.acme, kind, source: .purchase, quantity: 5, expiresAt: expiresAt)
            try #require(try store.refusal(.topUps(enter)) == nil)
        }
        store.advance(days: 400)
        #expect(
            try store.apply(.topUps(.expire(limit: 9))) == .done(.ended(count: 0, more: false)))
        let request = UpgradeAction.request(
            TestStore.device("d1"), UpgradeID("u")!, UpgradeSize(bytes: 1)!)
        #expect(try store.refusal(.upgrades(request)) == "clock-ahead")
        let lease = TopUpAction.lease(
            TestStore.acme, holder: LeaseHolder("g")!, needed: 1, block: 1)
        guard case .done(.leased(let leased)) = try store.apply(.topUps(lease)) else {
            Issue.record("nothing was leased")
            return
        }
        #expect(try store.refusal(.topUps(.settle(lease: leased.id, used: 0))) == nil)
        let totals = try store.read { books, transaction throws(StoreError) in
            try books.topUpTotals(of: TestStore.acme, .messages, in: transaction)
        }
        #expect(totals.expired == 0 && totals.remaining == 5)
        #expect(try store.findings() == [])
    }

    @Test("B16: time that has passed on a clock that nobody sets is believed, however much")
    func elapsed() throws {
        let store = try store()
        store.advance(days: 400)
        #expect(try beat(store) == "clock-ahead")
        #expect(try beat(store, elapsed: 399 * Self.day) == nil)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true))
    }

    @Test("B16: within the limit nothing is asked, and signs of life write no event")
    func believed() throws {
        let store = try store()
        let sequence = try store.lastSequence()
        for _ in 0..<20 {
            store.advance(days: 1)
            #expect(try beat(store) == nil)
        }
        #expect(try store.lastSequence() == sequence)
        #expect(
            try store.connect("d1") == .admitted(until: store.now.adding(days: 10), consumed: true))
        // Commands of several threads are not in the order of their clocks.
        store.now = store.now.adding(milliseconds: -2_000)
        #expect(
            try store.connect("d2") == .admitted(until: store.now.adding(days: 10), consumed: true))
    }

    @Test("B16: an operator confirms the clock, which is an event, and codes are consumed by it")
    func confirmed() throws {
        for step in [-2, 400] as [Int64] {
            let store = try store()
            let before = store.now
            store.advance(days: step)
            #expect(
                try store.connect("d2") == .refused(step < 0 ? "clock-behind" : "clock-ahead"))
            #expect(
                try store.apply(.clock(.confirm))
                    == .done(.changed(.clock(.confirmed(before: before)))))
            #expect(
                try store.connect("d2")
                    == .admitted(until: store.now.adding(days: 10), consumed: true))
            #expect(try beat(store) == nil)
            #expect(try store.findings() == [])
        }
    }

    @Test(
        "B16: whatever clocks do, a time that is doubted consumes and ends nothing",
        arguments: [1, 2, 3, Seed.fresh])
    func property(seed: UInt64) throws {
        let store = try CommandSource.store()
        var source = CommandSource(seed: seed)
        var dice = SplitMix64(seed: seed)
        let ahead = 2 * Self.day
        var known: Timestamp?
        var doubted = 0
        for step in 1...500 {
            var command = source.next()
            switch Int.random(in: 0..<16, using: &dice) {
            case 0:
                command = Command(
                    at: command.at, actor: "test",
                    action: .clock(.beat(aheadMilliseconds: ahead, elapsedMilliseconds: 0)))
            case 1: command = Command(at: command.at, actor: "test", action: .clock(.confirm))
            default: break
            }
            let time = command.at
            let isDoubted =
                known.map { known in
                    time.adding(milliseconds: 3_000) < known
                        || time > known.adding(milliseconds: Int64(ahead))
                } ?? false
            let (sequence, before) = (try store.lastSequence(), try activity(store))
            let outcome = try store.apply(command)
            let after = try activity(store)
            let place: Comment = "seed \(seed), step \(step): \(command)"
            if isDoubted {
                doubted += 1
                let isCorrection = if case .corrections = command.action { true } else { false }
                try #require(after.consumed <= before.consumed, place)
                try #require(isCorrection || after.consumed == before.consumed, place)
            }
            switch (command.action, outcome) {
            case (.clock(.confirm), _): if known != nil { known = time }
            case (.clock(.beat), .refused): try #require(isDoubted, place)
            case (.clock(.beat), _):
                if known == nil {
                    known = max(time, try lastEvent(store))
                } else {
                    known = max(time, known!)
                }
            default:
                if try store.lastSequence() > sequence, !isDoubted, let last = known {
                    known = max(last, time)
                }
            }
            let found = try store.read { books, transaction throws(StoreError) in
                try books.head(in: transaction).knownTime
            }
            try #require(found == known, place)
        }
        #expect(doubted > 10)
        #expect(try store.findings() == [])
    }

    private func activity(_ store: TestStore) throws -> (consumed: UInt64, active: UInt64) {
        var sum: (consumed: UInt64, active: UInt64) = (0, 0)
        for product in CommandSource.products {
            let figures = try store.figures(of: product)
            sum.consumed += figures.consumed
            sum.active += figures.devicesActive
        }
        return sum
    }

    private func lastEvent(_ store: TestStore) throws -> Timestamp {
        try store.read { books, transaction throws(StoreError) in
            let last = try books.lastSequence(in: transaction)
            return try books.events.get(last, in: transaction)?.at ?? store.now
        }
    }

    @Test("B16: books without a sign of life know their last event, and can be ahead of no limit")
    func first() throws {
        let store = try TestStore()
        try store.buy(3)
        let before = store.now
        store.now = Self.year1970
        #expect(try beat(store) == nil)
        #expect(try store.connect("d1") == .refused("clock-behind"))
        store.now = before.adding(days: 3)
        #expect(try beat(store) == "clock-ahead")

        let other = try TestStore()
        try other.buy(3)
        other.advance(days: 100)
        #expect(try beat(other) == nil)
        #expect(try other.connect("d1") != .refused("clock-ahead"))
        // Switched off, nothing is looked at.
        other.advance(days: -100)
        let off = ClockAction.beat(aheadMilliseconds: 0, elapsedMilliseconds: 0)
        #expect(try other.refusal(.clock(off)) == nil)
        #expect(try other.connect("d2") != .refused("clock-ahead"))
    }
}
