import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules E1 and E2, as far as the books have to do with them.
@Suite struct AlertTests {
    private let ann = EmailAddress("ann@example.org")!
    private let bob = EmailAddress("bob@example.org")!

    private func review(_ store: TestStore) throws {
        #expect(try store.apply(.alerts(.review(limit: 1_000))) == .done(.unchanged))
    }

    private func sweep(_ store: TestStore) throws {
        #expect(try store.apply(.alerts(.sweep(limit: 1_000))) == .done(.unchanged))
    }

    /// Which were fired, in order, and whether each is open.
    private func states(_ store: TestStore) throws -> [String] {
        try store.alerts().map { alert in
            let state = alert.record.resolvedAt == nil ? "open" : "resolved"
            return "\(alert.record.place.kind.name) \(alert.record.place.subject) \(state)"
        }
    }

    private func adopt(mails: Bool, _ store: TestStore) throws {
        var settings = AlertSettings()
        settings.mails = mails
        #expect(try store.refusal(.alerts(.adopt(settings))) == nil)
    }

    /// The packages of these tests end within thirty days.
    private func leaveExpiriesOut(_ store: TestStore) throws {
        let off = AlertRule(isOn: false, number: 1)
        #expect(try store.refusal(.alerts(.setRule(TestStore.acme, .nearExpiry, off))) == nil)
    }

    @Test("E2: low codes fire once, are resolved by new ones, and fire again")
    func codes() throws {
        let store = try TestStore()
        try leaveExpiriesOut(store)
        try review(store)
        try sweep(store)
        #expect(try states(store) == [], "a product without codes is no alert")
        try store.buy(20)
        try review(store)
        for device in 0..<17 { _ = try store.connect("d\(device)") }
        try review(store)
        #expect(try states(store) == [], "three are left, and three are enough")
        _ = try store.connect("d17")
        try review(store)
        #expect(try states(store) == ["codes-low product PK1 open"])
        let alert = try #require(try store.alerts().first)
        #expect(alert.record.value == 2 && alert.record.threshold == 3)
        #expect(alert.productName == "Meter PK1")
        _ = try store.connect("d18")
        try review(store)
        try sweep(store)
        #expect(try states(store).count == 1, "once per crossing")
        try store.buy(30)
        try review(store)
        #expect(try states(store) == ["codes-low product PK1 resolved"])
        // 50 codes: five are enough.
        for device in 19..<46 { _ = try store.connect("d\(device)") }
        try review(store)
        #expect(
            try states(store) == ["codes-low product PK1 resolved", "codes-low product PK1 open"])
        #expect(try store.alerts().last?.record.threshold == 5)
        _ = try store.apply(.products(.delete(TestStore.product)))
        try review(store)
        #expect(try states(store).last == "codes-low product PK1 resolved")
        #expect(try store.findings() == [])
    }

    @Test("E2: what crosses and comes back between two reviews fires nothing")
    func between() throws {
        let store = try TestStore()
        try review(store)
        try store.buy(4)
        for device in 0..<4 { _ = try store.connect("d\(device)") }
        try store.buy(100)
        try review(store)
        #expect(try states(store) == [])
    }

    @Test("E2: a review takes as many events as it is told to, and the next one goes on")
    func parts() throws {
        let store = try TestStore()
        try review(store)
        try store.buy(1)
        _ = try store.connect("d")
        func isDue() throws -> Bool {
            try store.read { books, transaction throws(StoreError) in
                try books.hasAlertsToReview(in: transaction)
            }
        }
        var reviews = 0
        while try isDue(), reviews < 100 {
            _ = try store.apply(.alerts(.review(limit: 1)))
            reviews += 1
        }
        #expect(reviews > 2 && reviews < 10)
        #expect(try states(store) == ["codes-low product PK1 open"])
    }

    @Test("E2: devices near expiry fire, are resolved when none is, and fire again")
    func nearExpiry() throws {
        let store = try TestStore()
        try sweep(store)
        try store.buy(100, TestStore.small)
        _ = try store.apply(
            .alerts(.setRule(TestStore.acme, .nearExpiry, AlertRule(number: 2, days: 3))))
        _ = try store.connect("a")
        _ = try store.connect("b")
        store.now = store.now.adding(milliseconds: 6 * TestStore.day)
        try sweep(store)
        #expect(try states(store) == [])
        store.now = store.now.adding(milliseconds: TestStore.day)
        try sweep(store)
        #expect(try states(store) == ["near-expiry product PK1 open"])
        #expect(try store.alerts().first?.record.value == 2)
        store.now = store.now.adding(milliseconds: 4 * TestStore.day)
        _ = try store.connect("a")
        _ = try store.connect("b")
        try sweep(store)
        #expect(try states(store) == ["near-expiry product PK1 resolved"])
        store.now = store.now.adding(milliseconds: 8 * TestStore.day)
        try sweep(store)
        #expect(
            try states(store)
                == ["near-expiry product PK1 resolved", "near-expiry product PK1 open"])
        #expect(try store.findings() == [])
    }

    @Test("E2: low packs fire, are resolved by another pack, and fire again")
    func packs() throws {
        let store = try TestStore()
        try review(store)
        func enter(_ quantity: UInt64) throws {
            let end = store.now.adding(milliseconds: 100 * TestStore.day)
            #expect(
                try store.refusal(
                    .topUps(
                        .enter(
                            TestStore.acme, .messages, source: .purchase, quantity: quantity,
                            expiresAt: end))) == nil)
        }
        func use(_ units: UInt64) throws {
            let holder = LeaseHolder("g")!
            let outcome = try store.apply(
                .topUps(
                    .lease(TestStore.acme, holder: holder, needed: units, block: units)))
            guard case .done(.leased(let lease)) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(
                try store.refusal(.topUps(.settle(lease: lease.id, used: lease.units))) == nil)
        }
        try enter(100)
        try use(90)
        try review(store)
        #expect(try states(store) == [], "ten are left, and ten are enough")
        try use(1)
        try review(store)
        #expect(try states(store) == ["packs-low packs of messages open"])
        try use(9)
        try review(store)
        #expect(try states(store).count == 1)
        try enter(10)
        try review(store)
        #expect(try states(store) == ["packs-low packs of messages resolved"])
        try use(10)
        try review(store)
        #expect(
            try states(store)
                == ["packs-low packs of messages resolved", "packs-low packs of messages open"])
        #expect(try store.findings() == [])
    }

    @Test("E2: rules are the account's, its parent's, or the configuration's, and can be off")
    func rules() throws {
        let store = try TestStore()
        try leaveExpiriesOut(store)
        let sub = AccountID("sub")!
        _ = try store.apply(
            .accounts(
                .create(NewAccount(id: sub, name: "", kind: .individual, parent: TestStore.acme)))
        )
        func rule(_ account: AccountID) throws -> AlertRuleInForce? {
            try store.read { books, transaction throws(StoreError) in
                try books.alertRules(of: account, in: transaction)
            }.first { $0.kind == .codesLow }
        }
        #expect(try rule(sub)?.source == .configuration)
        let mine = AlertRule(number: 50)
        #expect(try store.refusal(.alerts(.setRule(TestStore.acme, .codesLow, mine))) == nil)
        #expect(
            try store.apply(.alerts(.setRule(TestStore.acme, .codesLow, mine)))
                == .done(.unchanged))
        #expect(try rule(sub)?.source == .parent)
        #expect(try rule(sub)?.rule == mine)
        _ = try store.apply(.alerts(.setRule(sub, .codesLow, AlertRule(number: 1))))
        #expect(try rule(sub)?.source == .account)
        try store.buy(60)
        for device in 0..<11 { _ = try store.connect("d\(device)") }
        try sweep(store)
        #expect(try states(store) == ["codes-low product PK1 open"])
        _ = try store.apply(
            .alerts(.setRule(TestStore.acme, .codesLow, AlertRule(isOn: false, number: 50))))
        try sweep(store)
        #expect(try states(store) == ["codes-low product PK1 resolved"])
        #expect(try store.refusal(.alerts(.resetRule(TestStore.acme, .codesLow))) == nil)
        #expect(
            try store.apply(.alerts(.resetRule(TestStore.acme, .codesLow))) == .done(.unchanged))
        #expect(try rule(TestStore.acme)?.source == .configuration)
        for (rule, refusal) in [
            (AlertRule(number: 0, percent: 101), "quantity-out-of-range"),
            (AlertRule(number: 1, days: 0), "quantity-out-of-range"),
            (AlertRule(number: AlertRule.numberMaximum + 1), "quantity-out-of-range"),
        ] {
            #expect(try store.refusal(.alerts(.setRule(sub, .codesLow, rule))) == refusal)
        }
        let ghost = AccountID("ghost")!
        #expect(
            try store.refusal(.alerts(.setRule(ghost, .codesLow, mine))) == "unknown-account")
        #expect(try store.refusal(.alerts(.resetRule(ghost, .codesLow))) == "unknown-account")
        #expect(try store.refusal(.alerts(.setLanguage(ghost, .chinese))) == "unknown-account")
        #expect(try store.findings() == [])
    }

    /// `acme` has an address and a contact, and one alert is open.
    private func fired(mails: Bool = true) throws -> TestStore {
        let store = try TestStore()
        try leaveExpiriesOut(store)
        try adopt(mails: mails, store)
        _ = try store.apply(.accounts(.update(TestStore.acme, AccountUpdate(email: ann))))
        for email in [bob, EmailAddress("ANN@example.org")!] {
            _ = try store.apply(.accounts(.putContact(TestStore.acme, Contact(email: email))))
        }
        _ = try store.apply(.alerts(.setLanguage(TestStore.acme, .chinese)))
        try store.buy(1)
        _ = try store.connect("d")
        try review(store)
        try sweep(store)
        return store
    }

    private func messages(_ store: TestStore) throws -> [AlertNotification] {
        try store.read { books, transaction throws(StoreError) in
            try books.notifications(limit: 100, in: transaction).elements
        }
    }

    private func due(_ store: TestStore, _ run: GatewayRun = Samples.run) throws -> [UInt64] {
        try store.read { books, transaction throws(StoreError) in
            try books.dueNotifications(at: store.now, of: run, limit: 100, in: transaction)
        }
    }

    private func report(
        _ id: UInt64, _ state: NotificationState, _ store: TestStore,
        as run: GatewayRun = Samples.run
    ) throws {
        let report = NotificationReport(
            id: id, status: 451, answer: "later", state: state,
            nextAt: store.now.adding(milliseconds: 1_000))
        #expect(
            try store.apply(.alerts(.report([report], run: run))) == .done(.unchanged))
    }

    @Test("E1: an alert goes to the account and its contacts, each address once, in their language")
    func recipients() throws {
        #expect(try messages(fired(mails: false)).isEmpty, "without a mail server")
        let store = try fired()
        let messages = try messages(store)
        #expect(messages.map(\.record.recipient) == [ann, bob])
        #expect(messages.allSatisfy { $0.record.language == .chinese && !$0.record.isResolution })
        #expect(try store.alerts().first?.notifications == messages)
        try store.buy(100)
        try review(store)
        #expect(try self.messages(store).map(\.record.isResolution) == [false, false, true, true])
        #expect(try store.findings() == [])
    }

    @Test("E1: a sub-account without an address has its parent's")
    func parents() throws {
        let store = try fired()
        let sub = AccountID("sub")!
        _ = try store.apply(
            .accounts(
                .create(NewAccount(id: sub, name: "", kind: .individual, parent: TestStore.acme)))
        )
        func recipients() throws -> [EmailAddress] {
            try store.read { books, transaction throws(StoreError) in
                try books.alertRecipients(of: sub, in: transaction).map(\.email)
            }
        }
        #expect(try recipients() == [ann, bob])
        let eve = EmailAddress("eve@example.org")!
        _ = try store.apply(.accounts(.update(sub, AccountUpdate(email: eve))))
        #expect(try recipients() == [eve, EmailAddress("ANN@example.org")!, bob])
        let language = try store.read { books, transaction throws(StoreError) in
            try books.language(of: sub, in: transaction)
        }
        #expect(language == .chinese)
    }

    @Test("E1: a contact is written to in its own language, or in the account's")
    func contactLanguages() throws {
        let store = try fired()
        let set = Action.alerts(.setContactLanguage(TestStore.acme, bob, .english))
        #expect(try store.refusal(set) == nil)
        #expect(try store.apply(set) == .done(.unchanged))
        // The account's own address is a contact's, too.
        #expect(
            try store.refusal(.alerts(.setContactLanguage(TestStore.acme, ann, .english))) == nil)
        let eve = EmailAddress("eve@example.org")!
        _ = try store.apply(.accounts(.putContact(TestStore.acme, Contact(email: eve))))
        try store.buy(100)
        try review(store)
        let told = try messages(store).suffix(3).map(\.record)
        #expect(
            told.map { "\($0.recipient) \($0.language.name)" }
                == ["ann@example.org en", "bob@example.org en", "eve@example.org zh"])
        let ghost = EmailAddress("ghost@example.org")!
        #expect(
            try store.refusal(.alerts(.setContactLanguage(TestStore.acme, ghost, .english)))
                == "unknown-contact")
        _ = try store.apply(.accounts(.removeContact(TestStore.acme, bob)))
        _ = try store.apply(.accounts(.putContact(TestStore.acme, Contact(email: bob))))
        let languages = try store.read { books, transaction throws(StoreError) in
            try books.alertRecipients(of: TestStore.acme, in: transaction)
        }
        #expect(languages.first { $0.email == bob }?.language == .chinese)
        #expect(try store.findings() == [])
    }

    @Test("E2: a message is begun once, tried again at its time, sent, and not begun any more")
    func sending() throws {
        let store = try fired()
        #expect(try due(store) == [1, 2])
        let other = GatewayRun(node: NodeName("n2")!, number: 1)
        _ = try store.apply(.alerts(.begin([1, 2], run: Samples.run)))
        _ = try store.apply(.alerts(.begin([1, 2], run: other)))
        func begun(by run: GatewayRun) throws -> [UInt64] {
            try store.read { books, transaction throws(StoreError) in
                try books.begunNotifications([1, 2], of: run, in: transaction)
            }.map(\.id)
        }
        #expect(try begun(by: Samples.run) == [1, 2])
        #expect(try begun(by: other) == [])
        try report(1, .sent, store, as: other)
        #expect(try messages(store)[0].record.state == .underWay, "it is not that run's")
        try report(1, .sent, store)
        try report(2, .waiting, store)
        #expect(try messages(store).map(\.record.state) == [.sent, .waiting])
        #expect(try messages(store)[1].record.failures == 1)
        #expect(try due(store) == [])
        store.now = store.now.adding(milliseconds: 1_000)
        #expect(try due(store) == [2])
        _ = try store.apply(.alerts(.begin([1, 2], run: Samples.run)))
        #expect(try begun(by: Samples.run) == [2])
        try report(2, .givenUp, store)
        #expect(try messages(store)[1].record.state == .givenUp)
        #expect(try store.refusal(.alerts(.retry(1))) == "notification-not-given-up")
        #expect(try store.refusal(.alerts(.retry(9))) == "unknown-notification")
        #expect(try store.refusal(.alerts(.retry(2))) == nil)
        #expect(try due(store) == [2])
        #expect(try messages(store)[1].record.attempts == 2)
        #expect(try store.findings() == [])
    }

    @Test(
        "E2: what a run has begun is begun again by the next one of its node, or after ten minutes")
    func crashes() throws {
        let store = try fired()
        _ = try store.apply(.alerts(.begin([1, 2], run: Samples.run)))
        let next = GatewayRun(node: Samples.run.node, number: 301)
        let other = GatewayRun(node: NodeName("n2")!, number: 1)
        #expect(try due(store) == [] && due(store, next) == [1, 2] && due(store, other) == [])
        _ = try store.apply(.alerts(.begin([1], run: next)))
        #expect(try messages(store)[0].record.unknownOutcomes == 1)
        store.now = store.now.adding(milliseconds: Books.notificationTakeoverMilliseconds)
        #expect(try due(store, other) == [1, 2])
        _ = try store.apply(.alerts(.begin([1, 2], run: other)))
        #expect(try messages(store).map(\.record.unknownOutcomes) == [2, 1])
        try report(1, .sent, store, as: next)
        #expect(try messages(store)[0].record.state == .underWay)
        #expect(try store.findings() == [])
    }

    @Test("E2: gateways that review and sweep the same books at once fire each alert once")
    func replicas() async throws {
        let cluster = try ClusterOfLedgers(2, on: InProcessLog { ClusterOfLedgers.time })
        try await cluster.begin(codes: 4)
        _ = try await cluster.submit(.alerts(.adopt(Samples.alertSettings)), at: 0)
        for device in 0..<4 {
            _ = try await cluster.submit(
                .devices(.activate(TestStore.device("d\(device)"), confirmsSecret: nil)),
                at: device % 2)
            for node in 0..<2 {
                _ = try await cluster.submit(.alerts(.review(limit: 1_000)), at: node)
                _ = try await cluster.submit(.alerts(.sweep(limit: 1_000)), at: node)
            }
        }
        try await cluster.expectSameBooks()
        for ledger in cluster.ledgers {
            let kinds = try ledger.read { books, transaction throws(StoreError) in
                try books.alerts(limit: 100, in: transaction).elements.map(\.record.place.kind)
            }
            #expect(kinds.filter { $0 == .codesLow }.count == 1)
            #expect(try ledger.verify() == [])
        }
    }
}
