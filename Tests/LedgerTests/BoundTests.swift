import Bytes
import Encoding
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// A command may come out of a log that another program has written: the books take no more of anything than the API does.
@Suite struct BoundTests {
    private static let image = FirmwareVersion("2.0")!

    private static func patterns(_ count: Int) -> [TopicPattern] {
        (0..<count).map { TopicPattern(known: "t\($0)/#") }
    }

    private static func dialect(up: Int, down: Int) -> Action {
        let topics = DeviceTopics.patterns(up: patterns(up), down: patterns(down))
        return .products(
            .setDialect(TestStore.product, Dialect(topics: topics, proofs: .standard)))
    }

    private static func devices(_ count: Int) -> [DeviceKey] {
        (0..<count).map { DeviceKey("d\(10_000 + $0)")! }
    }

    private static func campaign(
        _ id: String, _ filter: CampaignFilter = .all, perMinute: UInt32 = 1
    ) -> Action {
        .campaigns(
            .create(
                NewCampaign(
                    product: TestStore.product, id: CampaignID(id)!, version: image,
                    filter: filter, perMinute: perMinute,
                    endsAt: Timestamp("2030-01-01T00:00:00Z")!, stopPercent: UpgradePercent(20)!)))
    }

    private static func key(_ id: String, products: Int) -> Action {
        .keys(
            .create(
                NewKey(
                    id: KeyID(id)!, name: "Line", role: .application, account: TestStore.acme,
                    products: Array(repeating: TestStore.product, count: products),
                    secretHash: SecretHash([UInt8](repeating: 7, count: 32))!)))
    }

    private static func settings(_ change: (inout AlertSettings) -> Void) -> Action {
        var settings = AlertSettings()
        change(&settings)
        return .alerts(.adopt(settings))
    }

    private static let year = UInt64(Books.overlapMaximumHours) * 3_600_000

    private static func rotate(product overlap: UInt64) -> Action {
        .productSecrets(
            .rotate(
                TestStore.product, secret: SealedSecret("s")!, overlapMilliseconds: overlap))
    }

    private static func rotate(webhook overlap: UInt64) -> Action {
        .webhooks(
            .rotateSecret(
                WebhookID("w")!, secret: SealedSecret("s")!, overlapMilliseconds: overlap))
    }

    private static func authority(_ name: String, subject: Int) -> Action {
        let sample = Samples.authority(name, of: TestStore.acme)
        return .authorities(
            .register(
                NewAuthority(
                    id: sample.id, account: sample.account, name: sample.name,
                    certificate: sample.certificate,
                    subject: String(repeating: "A", count: subject),
                    notBefore: sample.notBefore, notAfter: sample.notAfter)))
    }

    private static func report(_ answer: String = "ok") -> NotificationReport {
        NotificationReport(
            id: 1, status: 250, answer: answer, state: .sent, nextAt: Timestamp(milliseconds: 0))
    }

    private static func sealingKey(_ number: UInt8, _ byte: UInt8) -> SealingKey {
        SealingKey(number: number, fingerprint: [UInt8](repeating: byte, count: 32))!
    }

    private func store() throws -> TestStore {
        let store = try TestStore()
        store.now = Timestamp("2026-11-15T00:00:00Z")!
        #expect(try store.refusal(.firmware(.add(Samples.image(Self.image)))) == nil)
        #expect(
            try store.refusal(.webhooks(.create(Samples.webhook("w", of: TestStore.acme)))) == nil)
        return store
    }

    @Test("what may be the most is taken")
    func most() throws {
        let store = try store()
        let actions: [Action] = [
            .products(.setUncounted(TestStore.product, Self.patterns(32))),
            Self.dialect(up: 32, down: 0), Self.dialect(up: 0, down: 1),
            Self.campaign("a", perMinute: 6_000),
            Self.campaign("b", .devices(Self.devices(1_000))),
            Self.key("k1", products: 1_000), Self.key("k2", products: 0),
            Self.rotate(product: Self.year), Self.rotate(webhook: Self.year),
            Self.settings { $0.codesPercent = 100 },
            .alerts(.begin(Array(1...100), run: Samples.run)),
            .alerts(.report(Array(repeating: Self.report(), count: 100), run: Samples.run)),
            .alerts(
                .gather(
                    .atDailyLimit,
                    Self.devices(1_000).map {
                        DeviceIdentity(product: TestStore.product, device: $0)
                    })),
            Self.authority("a1", subject: 256),
            .keys(.adoptSealingKeys([Self.sealingKey(1, 9), Self.sealingKey(1, 9)])),
        ]
        for action in actions { #expect(try store.refusal(action) == nil, "\(action)") }
        #expect(try store.findings() == [])
    }

    @Test("what is more is refused, and changes nothing")
    func more() throws {
        let store = try store()
        let actions: [Action] = [
            .products(.setUncounted(TestStore.product, Self.patterns(33))),
            Self.dialect(up: 32, down: 1), Self.dialect(up: 0, down: 0),
            // So many texts are longer than a set of patterns can count.
            Self.dialect(up: 1_000, down: 0),
            // A rate of nothing would be divided by.
            Self.campaign("a", perMinute: 0), Self.campaign("a", perMinute: 6_001),
            Self.campaign("b", .devices([])), Self.campaign("b", .devices(Self.devices(1_001))),
            Self.key("k1", products: 1_001),
            // With the time of the command that would be more than a time can be.
            Self.rotate(product: .max), Self.rotate(webhook: .max),
            Self.rotate(product: Self.year + 1), Self.rotate(webhook: Self.year + 1),
            Self.settings { $0.codesPercent = 101 }, Self.settings { $0.packsPercent = .max },
            Self.settings { $0.nearExpiryDays = 0 },
            Self.settings { $0.codesNumber = AlertRule.numberMaximum + 1 },
            .alerts(.begin(Array(1...101), run: Samples.run)),
            .alerts(.report(Array(repeating: Self.report(), count: 101), run: Samples.run)),
            .alerts(
                .gather(
                    .atDailyLimit,
                    Self.devices(1_001).map {
                        DeviceIdentity(product: TestStore.product, device: $0)
                    })),
        ]
        let before = try store.lastSequence()
        for action in actions {
            #expect(try store.refusal(action) == "quantity-out-of-range", "\(action)")
        }
        #expect(try store.refusal(Self.authority("a1", subject: 257)) == "name-too-long")
        #expect(
            try store.refusal(
                .keys(.adoptSealingKeys([Self.sealingKey(1, 9), Self.sealingKey(1, 8)])))
                == "already-exists")
        #expect(try store.lastSequence() == before)
        #expect(try store.findings() == [])
    }

    @Test("C6: the end of a lease names as many devices as it may")
    func uses() throws {
        let store = try TestStore()
        _ = try store.topUp(10_000, days: 30)
        let leased = try store.apply(
            .topUps(
                .lease(
                    TestStore.acme, holder: LeaseHolder(.alone), needed: 2_000, block: 2_000)))
        guard case .done(.leased(let lease)) = leased else {
            Issue.record("no lease: \(leased)")
            return
        }
        func settle(_ count: Int) throws -> String? {
            let uses = Self.devices(count).map { device in
                TopUpUse(
                    device: DeviceIdentity(product: TestStore.product, device: device), units: 1)
            }
            return try store.refusal(.topUps(.settle(lease: lease.id, used: 2_000, uses: uses)))
        }
        #expect(try settle(1_025) == "quantity-out-of-range")
        #expect(try settle(1_024) == nil)
        #expect(try store.findings() == [])
    }

    @Test("a campaign has its devices in order, each once, also one that was read")
    func order() throws {
        let devices = ["d3", "d1", "d3", "d2"].map { DeviceKey($0)! }
        guard case .campaigns(.create(let campaign)) = Self.campaign("a", .devices(devices)) else {
            preconditionFailure("a campaign is created")
        }
        let inOrder = CampaignFilter.devices(["d1", "d2", "d3"].map { DeviceKey($0)! })
        #expect(campaign.filter == inOrder)
        var buffer = ByteBuffer()
        buffer.append(fields: campaign.product, campaign.id, campaign.version)
        buffer.append(fields: CampaignFilter.devices(devices))
        buffer.append(fields: campaign.perMinute, campaign.endsAt, campaign.stopPercent)
        var reader = ByteReader(buffer.span)
        #expect(try NewCampaign(from: &reader) == campaign)
    }

    @Test("of a long text for people the end is left out, and no character is cut in two")
    func texts() {
        let long = String(repeating: "ä", count: 127) + "b€"
        let cut = String(repeating: "ä", count: 127) + "b"
        #expect(Self.report(long).answer == cut)
        #expect(Self.report(cut + "c").answer == cut + "c")
        let attempt = WebhookAttempt(
            cause: .event, sequence: 1, at: Timestamp(milliseconds: 0), number: 1, status: 0,
            milliseconds: 0, error: long, nextAt: nil)
        #expect(attempt.error == cut)
        #expect("€".prefix(bytes: 2) == "" && "€".prefix(bytes: 3) == "€")
    }
}
