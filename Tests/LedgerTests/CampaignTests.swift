import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Campaigns: each device has one upgrade, as fast as the rate allows, and too many failures stop them.
@Suite struct CampaignTests {
    private static let version = FirmwareVersion("2.0")!
    private static let spring = CampaignID("spring")!
    private static let product = TestStore.product

    /// `count` active devices d100, d101, ..., and an image.
    private func store(_ count: Int = 30) throws -> TestStore {
        let store = try TestStore()
        store.now = Timestamp("2026-11-15T00:00:00Z")!
        try store.buy(UInt64(count))
        for number in 0..<count { _ = try store.connect("d\(100 + number)") }
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.version)))) == nil)
        return store
    }

    private func create(
        _ store: TestStore, _ filter: CampaignFilter = .all, perMinute: UInt32 = 10,
        stop: Int = 20, id: CampaignID = spring, days: Int64 = 3
    ) throws -> Outcome {
        try store.apply(
            .campaigns(
                .create(
                    NewCampaign(
                        product: Self.product, id: id, version: Self.version, filter: filter,
                        perMinute: perMinute, endsAt: store.now.adding(days: days),
                        stopPercent: UpgradePercent(stop)!))))
    }

    private func turn(_ store: TestStore, _ state: CampaignState) throws -> Outcome {
        try store.apply(.campaigns(.turn(Self.product, Self.spring, state)))
    }

    /// So many seconds pass, and the gateway looks.
    private func pass(_ store: TestStore, seconds: Int64, looks: UInt32 = 500) throws {
        store.now = store.now.adding(milliseconds: 1_000 * seconds)
        _ = try store.apply(.campaigns(.advance(Self.product, Self.spring, looks: looks)))
    }

    private func progress(_ store: TestStore) throws -> CampaignProgressRecord {
        try store.read { books, transaction throws(StoreError) in
            try books.campaign(Self.spring, of: Self.product, in: transaction)!
        }.progress
    }

    private func isDue(_ store: TestStore) throws -> Bool {
        try store.read { books, transaction throws(StoreError) in
            try !books.dueCampaigns(at: store.now, in: transaction).isEmpty
        }
    }

    private func report(_ store: TestStore, _ device: Int, _ succeeded: Bool) throws {
        let outcome = try store.apply(
            .firmware(
                .report(
                    TestStore.device("d\(device)"), Self.spring.upgrade, succeeded: succeeded,
                    UpgradeDetail("")!)))
        #expect(outcome.effect != nil)
    }

    @Test("upgrades are started as the rate has it, each device once, and all reports end it")
    func whole() throws {
        let store = try store()
        #expect(try create(store).effect != nil)
        #expect(try !isDue(store))
        try pass(store, seconds: 5)
        #expect(try progress(store).started == 0)
        try pass(store, seconds: 1)
        #expect(try progress(store).started == 1 && progress(store).cursor?.text == "d100")
        // The time that was over is not lost, and more than a minute's is not caught up with.
        try pass(store, seconds: 30)
        #expect(try progress(store).started == 6)
        try pass(store, seconds: 3_600)
        #expect(try progress(store).started == 16 && !progress(store).isThrough)
        for _ in 0..<3 { try pass(store, seconds: 60) }
        #expect(try progress(store).started == 30 && progress(store).isThrough)
        #expect(try !isDue(store) && progress(store).state == .running)
        #expect(try store.findings() == [])
        for device in 100..<130 { try report(store, device, device % 10 != 3) }
        #expect(try progress(store).succeeded == 27 && progress(store).failed == 3)
        #expect(try progress(store).state == .finished)
        #expect(try turn(store, .paused).effect == nil)
        #expect(try store.findings() == [])
    }

    @Test("what looks at few devices at a time comes to the same")
    func fewLooks() throws {
        let store = try store()
        _ = try create(store, perMinute: 6_000)
        for _ in 0..<12 { try pass(store, seconds: 1, looks: 3) }
        #expect(try progress(store).started == 30 && progress(store).isThrough)
        #expect(try store.findings() == [])
    }

    @Test("a campaign that begins later starts nothing before, also when it was paused meanwhile")
    func later() throws {
        let store = try store()
        let now = store.now
        func campaign(from start: Int64, to end: Int64) -> CampaignAction {
            .create(
                NewCampaign(
                    product: Self.product, id: Self.spring, version: Self.version, filter: .all,
                    perMinute: 60, startsAt: now.adding(milliseconds: 1_000 * start),
                    endsAt: now.adding(milliseconds: 1_000 * end),
                    stopPercent: UpgradePercent(20)!))
        }
        #expect(try store.refusal(.campaigns(campaign(from: 60, to: 60))) == "expiry-passed")
        #expect(try store.refusal(.campaigns(campaign(from: 60, to: 100))) == nil)
        try pass(store, seconds: 30)
        #expect(try turn(store, .paused) != .done(.unchanged))
        #expect(try turn(store, .running) != .done(.unchanged))
        #expect(try !isDue(store))
        try pass(store, seconds: 29)
        #expect(try progress(store).started == 0 && !isDue(store))
        try pass(store, seconds: 1)
        #expect(try progress(store).started == 0 && !isDue(store))
        store.now = store.now.adding(milliseconds: 1_000)
        #expect(try isDue(store))
        try pass(store, seconds: 0)
        #expect(try progress(store).started == 1)
        try pass(store, seconds: 10)
        #expect(try progress(store).started == 11)
        try pass(store, seconds: 60)
        #expect(try progress(store).state == .expired)
        #expect(try store.findings() == [])
    }

    @Test("a campaign is for all devices, for those with metadata, or for those that are named")
    func filters() throws {
        let hall = MetadataEdit(key: MetadataKey("room")!, value: MetadataValue("hall")!)
        let cases: [(CampaignFilter, UInt64, UInt64)] = [
            (.all, 4, 0), (.metadata(hall.key, hall.value!), 1, 0),
            (.devices(["d101", "d103", "d999"].map { DeviceKey($0)! }), 2, 1),
        ]
        for (filter, started, refused) in cases {
            let store = try store(4)
            _ = try store.apply(.metadata(.merge(.device(TestStore.device("d102")), [hall])))
            _ = try create(store, filter)
            try pass(store, seconds: 60)
            #expect(try progress(store).started == started && progress(store).refused == refused)
            #expect(try progress(store).isThrough)
            #expect(try store.findings() == [])
        }
    }

    @Test("too many that did not succeed stop it; before ten have ended nothing does")
    func stops() throws {
        let store = try store()
        _ = try create(store, perMinute: 600)
        try pass(store, seconds: 2)
        #expect(try progress(store).started == 20)
        for device in 100..<109 { try report(store, device, false) }
        #expect(try progress(store).state == .running)
        try report(store, 109, true)
        #expect(try progress(store).state == .failed)
        try pass(store, seconds: 60)
        #expect(try progress(store).started == 20 && !isDue(store))
        // Those that were started go on, and are counted.
        try report(store, 110, true)
        #expect(try progress(store).succeeded == 2)
        #expect(try turn(store, .running).effect == nil)
        #expect(try store.findings() == [])
    }

    @Test("it is paused and resumed, and a pause is not caught up with")
    func pauses() throws {
        let store = try store()
        _ = try create(store)
        try pass(store, seconds: 12)
        #expect(try progress(store).started == 2)
        _ = try turn(store, .paused)
        try pass(store, seconds: 3_600)
        #expect(try progress(store).started == 2 && !isDue(store))
        _ = try turn(store, .running)
        try pass(store, seconds: 6)
        #expect(try progress(store).started == 3)
        #expect(try turn(store, .running) == .done(.unchanged))
        _ = try turn(store, .stopped)
        try pass(store, seconds: 60)
        #expect(try progress(store).started == 3)
        #expect(try store.findings() == [])
    }

    @Test("it ends with its time, with its last upgrade while it is paused, and with its product")
    func ends() throws {
        let store = try store(2)
        _ = try create(store)
        store.advance(days: 4)
        #expect(try isDue(store))
        try pass(store, seconds: 0)
        #expect(try progress(store).state == .expired && !isDue(store))
        let second = try self.store(2)
        _ = try create(second)
        try pass(second, seconds: 60)
        #expect(try progress(second).isThrough)
        _ = try turn(second, .paused)
        try report(second, 100, true)
        _ = try second.apply(.devices(.delete(TestStore.device("d101"))))
        #expect(try progress(second).open == 0 && progress(second).unreported == 1)
        _ = try turn(second, .running)
        #expect(try progress(second).state == .finished)
        #expect(try second.findings() == [])
        let third = try self.store(2)
        _ = try create(third)
        _ = try third.apply(.products(.delete(Self.product)))
        #expect(try progress(third).state == .stopped && !isDue(third))
        #expect(try third.findings() == [])
    }

    /// The devices that stand like that, with why, what they said, and how far they were.
    private func devices(
        _ store: TestStore, _ state: CampaignDeviceState? = nil, limit: Int = 1_000
    ) throws -> [CampaignDevice] {
        var found: [CampaignDevice] = []
        var cursor: String?
        repeat {
            let page = try store.read { books, transaction throws(StoreError) in
                try books.devices(
                    of: Self.spring, of: Self.product, state: state, cursor: cursor, limit: limit,
                    in: transaction)
            }
            #expect(page.elements.count <= limit)
            found += page.elements
            cursor = page.cursor
        } while cursor != nil
        return found
    }

    @Test("what has become of each device is told, and listed by how it stands")
    func outcomes() throws {
        let store = try store(5)
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d102"), true)))
        _ = try create(store, perMinute: 600)
        try pass(store, seconds: 10)
        #expect(try progress(store).started == 4 && progress(store).refused == 1)
        let upgrade = Self.spring.upgrade
        for (device, percent) in [("d100", 40), ("d101", 70)] {
            _ = try store.apply(
                .firmware(
                    .progress(TestStore.device(device), upgrade, UpgradePercent(percent)!)))
        }
        let began = store.now
        store.now = store.now.adding(milliseconds: 5_000)
        let report = FirmwareAction.report(
            TestStore.device("d101"), upgrade, succeeded: false, UpgradeDetail("no room")!)
        _ = try store.apply(.firmware(report))
        try self.report(store, 103, true)
        _ = try store.apply(.devices(.delete(TestStore.device("d104"))))
        let all = try devices(store)
        #expect(all.map { $0.identity.device.text } == (100...104).map { "d\($0)" })
        #expect(
            all.map(\.record.state) == [.requested, .failed, .refused, .succeeded, .unreported])
        #expect(all.map(\.percent.value) == [40, 70, 0, 0, 0])
        #expect(all.map(\.heardAt) == [began, began, nil, nil, nil])
        #expect(all.map { $0.upgrade?.size.attempts } == [1, 1, nil, 1, 1])
        #expect(all.map(\.record.detail.text) == ["", "no room", "", "", ""])
        #expect(all.map(\.record.endedAt) == [nil, store.now, nil, store.now, store.now])
        #expect(all.allSatisfy { $0.record.askedAt == began })
        #expect(
            all.map(\.record.refusal) == [
                nil, nil, .devices(.disabled(TestStore.device("d102"))), nil,
                .devices(.unknown(TestStore.device("d104"))),
            ])
        #expect(try devices(store, limit: 2) == all)
        for device in all {
            #expect(try devices(store, device.record.state, limit: 1) == [device])
        }
        #expect(try store.findings() == [])
    }

    @Test("one campaign that is damaged stops no other one, and is told")
    func damaged() throws {
        for part in ["campaign", "progress"] {
            let store = try store(2)
            let other = CampaignID("other")!
            _ = try create(store)
            _ = try create(store, id: other)
            store.now = store.now.adding(milliseconds: 60_000)
            let key = KeyPair(Self.product, Self.spring)
            _ = try store.environment.write { transaction throws(StoreError) in
                if part == "campaign" {
                    try store.books.campaigns.delete(key, in: transaction)
                } else {
                    try store.books.campaignProgress.delete(key, in: transaction)
                }
            }
            let due = try store.read { books, transaction throws(StoreError) in
                try books.dueCampaigns(at: store.now, in: transaction)
            }
            #expect(due.map(\.id) == [other, Self.spring], "\(part)")
            #expect(due.map { $0.damage == nil } == [true, false], "\(part)")
        }
    }

    @Test("an upgrade that has a campaign's name without being the campaign's is not counted in it")
    func namesakes() throws {
        let store = try store(2)
        let id = Self.spring.upgrade
        let before = TestStore.device("d100")
        #expect(try store.refusal(.firmware(.start(before, id, Self.version))) == nil)
        _ = try create(store)
        try report(store, 100, false)
        #expect(try progress(store).failed == 0 && progress(store).open == 0)
        try pass(store, seconds: 60)
        #expect(try progress(store).started == 1)
        try report(store, 101, true)
        #expect(try progress(store).succeeded == 1 && progress(store).state == .finished)
        #expect(try store.findings() == [])
    }

    @Test(
        "a campaign whose progress is lost holds up neither a device's report nor its product's end"
    )
    func lost() throws {
        let store = try store(2)
        _ = try create(store)
        try pass(store, seconds: 6)
        _ = try store.environment.write { transaction throws(StoreError) in
            try store.books.campaignProgress.delete(
                KeyPair(Self.product, Self.spring), in: transaction)
        }
        try report(store, 100, true)
        #expect(try store.refusal(.products(.delete(Self.product))) == nil)
    }

    @Test("a campaign that starts nothing in a minute, or too much, can't be read")
    func rates() throws {
        let store = try store(1)
        _ = try create(store)
        let key = KeyPair(Self.product, Self.spring)
        let known = try store.read { books, transaction throws(StoreError) in
            try books.campaign(Self.spring, of: Self.product, in: transaction)!.record
        }
        for perMinute in [0, NewCampaign.perMinuteMaximum + 1] {
            let old = known.campaign
            let campaign = NewCampaign(
                product: old.product, id: old.id, version: old.version, filter: old.filter,
                perMinute: perMinute, endsAt: old.endsAt, stopPercent: old.stopPercent)
            let damaged = CampaignRecord(campaign, at: known.createdAt, by: known.createdBy)
            _ = try store.environment.write { transaction throws(StoreError) in
                try store.books.campaigns.put(key, damaged, in: transaction)
            }
            #expect(throws: StoreError.self) { try progress(store) }
        }
    }

    @Test("a campaign is listed by when an upgrade is due next, and read no earlier")
    func turns() throws {
        let store = try store(3)
        _ = try create(store, perMinute: 7)
        func turn() throws -> Timestamp? {
            try store.read { books, transaction throws(StoreError) in
                var found: [Timestamp] = []
                try books.campaignTurns.forEach(in: transaction) { key, _ in
                    found.append(key.first)
                    return .proceed
                }
                #expect(found.count <= 1)
                return found.first
            }
        }
        for expected: UInt64 in 1...3 {
            let next = try #require(try turn())
            store.now = next.adding(milliseconds: -1)
            #expect(try !isDue(store))
            store.now = next
            #expect(try isDue(store))
            try pass(store, seconds: 0)
            #expect(try progress(store).started == expected)
        }
        #expect(try progress(store).isThrough && turn() == nil)
        #expect(try store.findings() == [])
    }

    @Test("what can't be made is refused, and an image stays while a campaign is open")
    func refusals() throws {
        let store = try store(2)
        func name(_ outcome: Outcome) -> String? {
            if case .refused(let refusal) = outcome { refusal.name } else { nil }
        }
        #expect(try create(store).effect != nil)
        #expect(try name(create(store)) == "already-exists")
        #expect(try name(create(store, id: CampaignID("other")!, days: 0)) == "expiry-passed")
        #expect(
            try store.refusal(.firmware(.delete(Self.product, Self.version))) == "firmware-in-use")
        for number in 2...10 {
            #expect(try create(store, id: CampaignID("c\(number)")!).effect != nil)
        }
        #expect(try name(create(store, id: CampaignID("c11")!)) == "too-many-campaigns")
        _ = try turn(store, .stopped)
        #expect(try create(store, id: CampaignID("c11")!).effect != nil)
        #expect(
            try store.refusal(
                .campaigns(.turn(Self.product, CampaignID("none")!, .paused)))
                == "unknown-campaign")
        #expect(try store.findings() == [])
    }
}
