import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// A walk through the books that does everything once, and leaves something in every table.
enum Tour {
    struct Step {
        /// Since the step before.
        let hours: Int64

        /// Made of what the step before was answered.
        let action: (Outcome?) -> Action
    }

    static let sub = AccountID("sub")!
    static let second = ProductKey("PK2")!
    static let third = ProductKey("PK3")!

    /// A store after all steps.
    static func store() throws -> TestStore {
        let store = try TestStore()
        var outcome: Outcome?
        for step in steps {
            let command = Self.command(step, store, after: outcome)
            outcome = try store.apply(command)
            try #require(outcome?.effect != nil, "\(command): \(outcome!)")
        }
        try follow(store)
        return store
    }

    /// The books become those of a cluster of two nodes, which follow each other's stored sessions. The second is taken
    /// out, and the first has what it had.
    private static func follow(_ store: TestStore) throws {
        try join(store)
        let sweep = Command(
            at: store.now, actor: "gateway", action: .topUps(.expire(limit: 0)))
        let commands =
            [sweep]
            + cluster.map { Command(at: store.now, actor: "operator", action: .cluster($0)) }
        try send([(nodes[0], .commands(number: 1, commands))], to: store)
    }

    static let nodes = [NodeName("n1")!, NodeName("n2")!]

    /// In books that are a cluster's, as `join` makes them.
    static var cluster: [ClusterAction] {
        [
            .assignPartitions(.assigned(to: nodes, after: nil), after: 0), .checkpoint(number: 1),
            .report(
                BooksDigest(
                    mark: LogMark(
                        position: 1, chain: ChainHash([UInt8](repeating: 7, count: 32).span)!),
                    tables: [], problems: 0)),
            .followSessions(of: nodes[0], by: nodes[1], after: 0),
            .followSessions(of: nodes[1], by: nodes[0], after: 0),
            .removeNode(nodes[1]), .inheritSessions(of: nodes[1], by: nodes[0], after: 1),
            .settleInheritance(of: nodes[1], by: nodes[0], number: 2),
        ]
    }

    /// The books become those of a cluster in which both nodes have said hello.
    static func join(_ store: TestStore) throws {
        let books = store.books
        try store.environment.write { (transaction) throws(StoreError) in
            try books.join(ClusterID(7), behind: 0, in: transaction)
        }
        try send([(nodes[1], .hello(after: 0)), (nodes[0], .hello(after: 0))], to: store)
    }

    private static func send(
        _ envelopes: [(node: NodeName, content: Envelope.Content)], to store: TestStore
    ) throws {
        let (books, now) = (store.books, store.now)
        try store.environment.write { (transaction) throws(StoreError) in
            for (node, content) in envelopes {
                let mark = try books.mark(in: transaction)!
                let envelope = Envelope(
                    cluster: ClusterID(7), sender: node, epoch: 9, mark: mark, content: content)
                let entry = LogEntry(
                    position: mark.position + 1, at: now, bytes: envelope.bytes)
                let applied = try books.apply(entry, in: transaction)
                guard case .applied(let outcomes) = applied.verdict else { continue }
                #expect(outcomes.allSatisfy { $0.effect != nil }, "\(outcomes)")
            }
        }
    }

    /// The command of a step; sets the store's clock.
    static func command(_ step: Step, _ store: TestStore, after outcome: Outcome?) -> Command {
        store.now = store.now.adding(milliseconds: step.hours * 3_600_000)
        var action = step.action(outcome)
        // The number of its latest assignment only the store knows.
        if case .corrections(.voidAssignment(let account, 0, let cause)) = action {
            let sequence = (try? store.assignments(of: account).last) ?? 0
            action = .corrections(
                .voidAssignment(account, sequence: sequence, cause: cause))
        }
        return Command(
            at: store.now, actor: "test", idempotencyKey: key(of: action), action: action)
    }

    private static func key(of action: Action) -> String? {
        switch action {
        case .codes(.purchase(_, _, let quantity, _)), .codes(.assign(_, _, let quantity)):
            "key-\(quantity)"
        default: nil
        }
    }

    static var steps: [Step] {
        tenants + codes + devices + packs + endings + people + imports + corrections + alertSteps
            + firmware + notes
    }

    private static func steps(_ actions: [Action]) -> [Step] {
        actions.map { action in Step(hours: 1) { _ in action } }
    }

    private static var tenants: [Step] {
        steps([
            .accounts(
                .create(NewAccount(id: sub, name: "Sub", kind: .enterprise, parent: TestStore.acme))
            ),
            .packages(
                .create(
                    PackageID("mega")!, name: "Mega",
                    Allowance(
                        validityDays: 30, messagesPerDay: nil, otaPerMonth: 4, storageDays: 9)!)
            ),
            .products(.create(TestStore.newProduct("PK2"))),
            .products(.create(TestStore.newProduct("PK3", account: sub))),
            .keys(.create(key("k1", account: TestStore.acme))),
            .keys(.create(key("k2", account: nil))),
            .keys(.rename(KeyID("k1")!, "First")),
            .keys(
                .adoptSealingKeys([
                    SealingKey(number: 1, fingerprint: [UInt8](repeating: 9, count: 32))!
                ])
            ),
        ])
    }

    private static func key(_ id: String, account: AccountID?) -> NewKey {
        NewKey(
            id: KeyID(id)!, name: "Key \(id)", role: .application, account: account,
            products: [TestStore.product], secretHash: SecretHash(Array(0..<32))!)
    }

    private static var codes: [Step] {
        steps([
            .codes(.purchase(TestStore.acme, package: TestStore.small, quantity: 20, product: nil)),
            .codes(
                .purchase(
                    TestStore.acme, package: TestStore.small, quantity: 5,
                    product: TestStore.product)),
            .codes(.purchase(sub, package: TestStore.large, quantity: 4, product: third)),
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 3)),
            .codes(.assign(second, package: TestStore.small, quantity: 6)),
        ])
    }

    private static var devices: [Step] {
        let rows = (1...5).map {
            DeviceImport(device: DeviceKey("d\($0)")!, secret: SealedSecret("secret-\($0)"))
        }
        return steps(
            [
                .imports(.atOnce(TestStore.product, rows)),
                .devices(.register(TestStore.device("r1"), secret: SealedSecret("issued")!)),
            ]
                + ["d1", "d2", "d3"].map {
                    .devices(.activate(TestStore.device($0), confirmsSecret: nil))
                }
                + [
                    .devices(.activate(TestStore.device("e1", of: "PK2"), confirmsSecret: nil)),
                    .devices(.activate(TestStore.device("f1", of: "PK3"), confirmsSecret: nil)),
                    .devices(
                        .confirmSecretUse(
                            TestStore.device("d2"), SealedSecret("secret-2")!.fingerprint)),
                    .devices(
                        .resetSecret(TestStore.device("d3"), secret: SealedSecret("another")!)),
                    .devices(.setDisabled(TestStore.device("d4"), true)),
                    .devices(.setRenewal(TestStore.device("d2"), false)),
                ])
    }

    private static var packs: [Step] {
        let start = Timestamp(milliseconds: 1_700_000_000_000)
        let (one, two) = (LeaseHolder("gateway-1")!, LeaseHolder("gateway-2")!)
        func enter(_ kind: TopUpKind, _ quantity: UInt64, days: Int64) -> Action {
            .topUps(
                .enter(
                    TestStore.acme, kind, source: days < 10 ? .gift : .purchase, quantity: quantity,
                    expiresAt: start.adding(days: days)))
        }
        func request(_ id: String, megabytes: UInt64) -> Action {
            .upgrades(
                .request(
                    TestStore.device("d1"), UpgradeID(id)!, UpgradeSize(bytes: megabytes << 20)!))
        }
        let lease = Action.topUps(.lease(TestStore.acme, holder: one, needed: 5, block: 9))
        return steps([
            enter(.messages, 7, days: 3), enter(.messages, 100, days: 60),
            enter(.ota, 10, days: 60), lease,
        ]) + [
            Step(hours: 1) { outcome in
                guard case .done(.leased(let lease)) = outcome else { return lease }
                return .topUps(
                    .settle(
                        lease: lease.id, used: 2,
                        uses: [TopUpUse(device: TestStore.device("d1"), units: 2)]))
            }
        ]
            + steps([
                .topUps(.lease(TestStore.acme, holder: two, needed: 2, block: 0)),
                .topUps(.abandon(holder: two, limit: 10)),
                request("u1", megabytes: 5), request("u2", megabytes: 8),
                .upgrades(.report(TestStore.device("d1"), UpgradeID("u1")!, succeeded: true)),
                .upgrades(.report(TestStore.device("d1"), UpgradeID("u2")!, succeeded: false)),
                request("u3", megabytes: 7),
            ]) + [
                Step(hours: 72) { _ in .topUps(.expire(limit: 10)) },
                Step(hours: 1) { _ in lease },
            ]
    }

    private static var endings: [Step] {
        [Step(hours: 240) { _ in .devices(.renew(TestStore.device("d1"))) }]
            + steps([
                .devices(.endEntitlement(TestStore.device("d2"))),
                .devices(.endExpired(limit: 1, graceMilliseconds: 0)),
                .devices(.activateByHand(TestStore.device("d3"))),
                .devices(
                    .activateByCertificate(
                        TestStore.device("e1", of: "PK2"),
                        ShownCertificate(authority: nil, fingerprint: Samples.fingerprint), at: nil)
                ),
                .devices(.delete(TestStore.device("d2"))),
                .products(.update(second, ProductUpdate(name: "Valve"))),
                .products(.nameUplink(second, UplinkStream("VALVES"))),
                .products(.setDialect(second, Samples.dialects[0])),
                .products(.setLimits(second, Samples.traffic[1])),
                .devices(.setLimits(TestStore.device("d3"), Samples.traffic[0])),
                .products(.addTokenKey(second, Samples.tokenKeys[0])),
                .products(.addTokenKey(second, Samples.tokenKeys[2])),
                .products(.addTokenKey(second, Samples.tokenKeys[1])),
                .products(.removeTokenKey(second, Samples.tokenKeys[1].id)),
                .products(.addTokenKey(third, Samples.tokenKeys[1])),
                .products(.countState(second, true)),
                .products(.setUncounted(second, Samples.uncounted)),
                .devices(
                    .changeDesired(
                        TestStore.device("d3"),
                        DesiredEdit(Samples.patch(#"{"on":true}"#), isMerge: true))),
                .products(.upgradePackage(second, to: TestStore.large)),
                .products(.delete(third)),
                .keys(.revoke(KeyID("k2")!)),
            ])
    }

    static let individual = AccountID("individual")!
    static let ann = EmailAddress("ann@example.org")!
    static let room = MetadataKey("room")!

    /// Their free codes are 30 to 34, and 35 to 39 when they are certified.
    private static var people: [Step] {
        let free = FreeCodeTerms(
            policy: .perAccount, package: PackageID("free")!,
            allowance: Allowance(
                validityDays: 30, messagesPerDay: 50, otaPerMonth: 1, storageDays: 7)!)
        let bob = Contact(email: EmailAddress("bob@example.org")!, name: "Bob")
        return steps([
            .accounts(
                .create(
                    NewAccount(
                        id: individual, name: "Individual", kind: .individual, email: ann,
                        freeCodes: free))
            ),
            .accounts(.update(individual, AccountUpdate(name: "One"))),
            .accounts(.certify(individual, freeCodes: free)),
            .accounts(.putContact(individual, Contact(email: ann, name: "Ann"))),
            .accounts(.putContact(individual, bob)),
            .accounts(.removeContact(individual, bob.email)),
            .metadata(
                .merge(
                    .account(individual),
                    [
                        MetadataEdit(key: room, value: MetadataValue("7")),
                        MetadataEdit(key: MetadataKey("gone")!, value: MetadataValue("")),
                    ])),
            .metadata(
                .merge(
                    .account(individual), [MetadataEdit(key: MetadataKey("gone")!, value: nil)])),
        ])
    }

    static let fourth = ProductKey("PK4")!

    /// Of PK4, of `individual`: codes 40 and 41 were consumed by g1 and g2, 41 is the product's again,
    /// 42 to 46 are void, and g3 has the entitlement of g1.
    static let image = FirmwareVersion("2.0")!

    private static var firmware: [Step] {
        let device = TestStore.device("g3", of: "PK4")
        let other = FirmwareVersion("1.0")!
        return steps([
            .topUps(
                .enter(
                    individual, .ota, source: .gift, quantity: 3,
                    expiresAt: Timestamp(milliseconds: 1_800_000_000_000))),
            .firmware(.add(Samples.image(other, of: fourth))),
            .firmware(.add(Samples.image(image, of: fourth, file: 8))),
            .firmware(.delete(fourth, other)),
            .firmware(.start(device, UpgradeID("f1")!, image)),
            .firmware(.report(device, UpgradeID("f1")!, succeeded: false, UpgradeDetail("no")!)),
            .firmware(.start(device, UpgradeID("f2")!, image)),
            .firmware(.progress(device, UpgradeID("f2")!, UpgradePercent(30)!)),
            .campaigns(.create(Samples.campaign("autumn", of: fourth))),
            .campaigns(.advance(fourth, CampaignID("autumn")!, looks: 10)),
            .campaigns(.create(Samples.campaign("winter", of: fourth))),
            .campaigns(.turn(fourth, CampaignID("winter")!, .paused)),
            .campaigns(.turn(fourth, CampaignID("winter")!, .running)),
        ])
    }

    /// Of PK2, of g3, and of g1, which has other metadata later.
    private static var notes: [Step] {
        let seven = MetadataEdit(key: room, value: MetadataValue("7"))
        let eight = MetadataEdit(key: room, value: MetadataValue("8"))
        let first = TestStore.device("g1", of: "PK4")
        return steps([
            .metadata(.merge(.product(second), [seven])),
            .metadata(.merge(.device(TestStore.device("g3", of: "PK4")), [seven])),
            .metadata(.merge(.device(first), [seven])),
            .metadata(.merge(.device(first), [eight])),
        ])
    }

    private static var alertSteps: [Step] { steps(alerts(of: individual)) }

    private static var corrections: [Step] {
        var limits = BooksLimits()
        limits.registrationsPerDay = 100
        let mega = PackageID("mega")!
        func device(_ key: String) -> DeviceIdentity { TestStore.device(key, of: "PK4") }
        return steps([
            .limits(.adopt(limits)),
            .products(.create(TestStore.newProduct("PK4", account: individual))),
            .codes(.purchase(individual, package: mega, quantity: 7, product: nil)),
            .codes(.assign(fourth, package: mega, quantity: 2)),
            .devices(.activate(device("g1"), confirmsSecret: nil)),
            .devices(.activate(device("g2"), confirmsSecret: nil)),
            .codes(.assign(fourth, package: mega, quantity: 1)),
            .corrections(.voidAssignment(individual, sequence: 0, cause: "another product")),
            .corrections(
                .voidPurchase(individual, first: ActivationCode(serial: 40), cause: "refund")),
            .corrections(.voidConsumption(device("g2"), cause: "a wrong clock")),
            .devices(.register(device("g3"), secret: SealedSecret("issued")!)),
            .corrections(.move(device("g1"), to: DeviceKey("g3")!, cause: "repaired")),
            .productSecrets(
                .rotate(fourth, secret: SealedSecret("rotated")!, overlapMilliseconds: 1_000)),
            .productSecrets(.revoke(fourth)),
            .upgrades(
                .request(device("g3"), UpgradeID("u9")!, UpgradeSize(bytes: 1)!)),
            .upgrades(.expire(limit: 1, ageMilliseconds: 0)),
            .clock(.beat(aheadMilliseconds: 86_400_000, elapsedMilliseconds: 0)),
            .clock(.confirm),
            .clock(.beat(aheadMilliseconds: 0, elapsedMilliseconds: 0)),
            .answers(.remember(key: "key-7", answer: [1, 2, 3])),
            .webhooks(.create(Samples.webhook("w1", of: TestStore.acme))),
            .webhooks(.update(WebhookID("w1")!, WebhookUpdate(name: "Hook 1"))),
            .webhooks(
                .rotateSecret(
                    WebhookID("w1")!, secret: SealedSecret("t")!, overlapMilliseconds: 300)),
            .webhooks(.create(Samples.webhook("w2", of: nil))),
            .webhooks(.create(Samples.webhook("w3", of: individual))),
            .webhooks(.delete(WebhookID("w3")!)),
            .webhooks(.report([Samples.report("w1", sequence: 7, attempts: 3)])),
            .authorities(.register(Samples.authority("a1", of: TestStore.acme))),
            .authorities(.setOn(Samples.authority("a1", of: TestStore.acme).id, false)),
            .authorities(
                .revoke(
                    Samples.authority("a1", of: TestStore.acme).id, Samples.revocations([7, 9]))),
            .authorities(
                .register(
                    Samples.authority(
                        "a3", of: individual,
                        certificate: Samples.certificate(name: 1, key: 1, serial: 1)))),
            .authorities(
                .revoke(
                    Samples.authority("a3", of: individual).id, Samples.revocations([3, 4, 5]))),
            .authorities(
                .register(
                    Samples.authority(
                        "a4", of: individual,
                        certificate: Samples.certificate(name: 1, key: 1, serial: 2)))),
            .authorities(.remove(Samples.authority("a3", of: individual).id)),
            .authorities(
                .setRules(
                    Samples.authority("a1", of: TestStore.acme).id,
                    Samples.rules("cn:${pk}.${dk}"))),
            .authorities(
                .setPinning(Samples.authority("a1", of: TestStore.acme).id, .listed)),
            .devices(.setPins(device("g3"), [Samples.fingerprint])),
            .authorities(.register(Samples.authority("a2", of: individual))),
            .authorities(
                .setRules(Samples.authority("a2", of: individual).id, Samples.rules("cn:${dk}"))),
            .authorities(
                .revoke(
                    Samples.authority("a2", of: individual).id, Samples.revocations([1]))),
            .authorities(.remove(Samples.authority("a2", of: individual).id)),
            .authorities(
                .setRules(Samples.authority("a4", of: individual).id, Samples.rules("cn:${dk}"))),
            .authorities(
                .setPinning(Samples.authority("a4", of: individual).id, .firstUse)),
            .authorities(
                .register(
                    Samples.authority(
                        "a5", of: individual,
                        certificate: Samples.certificate(name: 1, key: 1, serial: 3)))),
            .devices(.rename(device("g3"), "Hall")),
            .devices(.deleteMessages(device("g3"))),
            .packages(.rename(mega, "Mega 2")),
            .topUps(
                .enter(
                    individual, .ota, source: .gift, quantity: 3,
                    expiresAt: Timestamp(milliseconds: 1_800_000_000_000))),
        ]) + [
            Step(hours: 1) { outcome in
                guard case .done(.changed(.topUps(let change))) = outcome else {
                    return .topUps(.expire(limit: 1))
                }
                return .corrections(
                    .voidTopUp(individual, pack: change.pack.id, cause: "a mistake"))
            }
        ]
    }
}
