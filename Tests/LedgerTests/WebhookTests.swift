import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule E4, as far as the books have to do with it.
@Suite(.computes) struct WebhookTests {
    private let hook = WebhookID("w")!

    private func shown(_ store: TestStore) throws -> Webhook? {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.webhook(hook, in: transaction)
    }

    private func attempts(_ store: TestStore) throws -> [UInt64] {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.webhookAttempts(of: hook, in: transaction).map(\.number)
    }

    private func lastSequence(_ store: TestStore) throws -> UInt64 {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.lastSequence(in: transaction)
    }

    @Test("E4: a webhook begins behind its own creation, and is gone with its attempts")
    func life() throws {
        let store = try TestStore()
        #expect(
            try store.refusal(
                .webhooks(.create(Samples.webhook("w", of: AccountID("x")!))))
                == "unknown-account")
        let create = Action.webhooks(.create(Samples.webhook("w", of: TestStore.acme)))
        #expect(try store.refusal(create) == nil)
        #expect(try store.refusal(create) == "already-exists")
        #expect(try shown(store)?.progress.sequence == lastSequence(store))
        let report = Samples.report("w", sequence: 1, attempts: 3)
        #expect(try store.apply(.webhooks(.report([report]))) == .done(.unchanged))
        #expect(try attempts(store) == [3, 2, 1])
        #expect(try store.refusal(.webhooks(.delete(hook))) == nil)
        #expect(try store.refusal(.webhooks(.delete(hook))) == "unknown-webhook")
        #expect(try attempts(store) == [])
        #expect(try store.apply(.webhooks(.report([report]))) == .done(.unchanged))
        #expect(try attempts(store) == [])
        #expect(try store.findings() == [])
    }

    @Test("E4: an account has 20 webhooks, and all together 1,000")
    func limits() throws {
        let store = try TestStore()
        for number in 0..<20 {
            let webhook = Samples.webhook("a\(number)", of: TestStore.acme)
            #expect(try store.refusal(.webhooks(.create(webhook))) == nil)
        }
        let more = Action.webhooks(.create(Samples.webhook("more", of: TestStore.acme)))
        #expect(try store.refusal(more) == "too-many-webhooks")
        for account in 0..<49 {
            let id = AccountID("t\(account)")!
            _ = try store.apply(
                .accounts(.create(NewAccount(id: id, name: "", kind: .individual))))
            for number in 0..<20 {
                let webhook = Samples.webhook("t\(account)-\(number)", of: id)
                #expect(try store.refusal(.webhooks(.create(webhook))) == nil)
            }
        }
        let other = Action.webhooks(.create(Samples.webhook("other", of: nil)))
        #expect(try store.refusal(other) == "too-many-webhooks")
        _ = try store.apply(.webhooks(.delete(WebhookID("a0")!)))
        #expect(try store.refusal(other) == nil)
        #expect(try store.findings() == [])
    }

    @Test("E4: progress never goes back, and a change has what failed tried anew")
    func progress() throws {
        let store = try TestStore()
        _ = try store.apply(.webhooks(.create(Samples.webhook("w", of: nil))))
        for number in 0..<9 {
            _ = try store.apply(
                .accounts(
                    .create(
                        NewAccount(id: AccountID("n\(number)")!, name: "", kind: .individual))))
        }
        let last = try lastSequence(store)
        func report(_ sequence: UInt64) throws -> Webhook? {
            _ = try store.apply(
                .webhooks(.report([Samples.report("w", sequence: sequence, attempts: 0)])))
            return try shown(store)
        }
        #expect(try report(last - 2)?.progress.sequence == last - 2)
        #expect(try shown(store)?.progress.failures == 3)
        #expect(try report(last - 5)?.progress.sequence == last - 2)
        #expect(try report(last + 500)?.progress.sequence == last)
        _ = try store.apply(.webhooks(.update(hook, WebhookUpdate(name: "Other"))))
        #expect(try shown(store)?.progress.failures == 0)
        #expect(try shown(store)?.progress.retryAt == nil)
        #expect(try shown(store)?.progress.sequence == last)
        _ = try store.apply(.webhooks(.update(hook, WebhookUpdate(skips: true))))
        #expect(try shown(store)?.progress.sequence == lastSequence(store))
        #expect(try store.apply(.webhooks(.update(hook, WebhookUpdate()))) == .done(.unchanged))
    }

    @Test("E4: of attempts the last hundred are kept")
    func attemptsKept() throws {
        let store = try TestStore()
        _ = try store.apply(.webhooks(.create(Samples.webhook("w", of: nil))))
        for _ in 0..<3 {
            _ = try store.apply(
                .webhooks(.report([Samples.report("w", sequence: 1, attempts: 70)])))
        }
        #expect(try attempts(store) == (111...210).reversed())
        #expect(try store.findings() == [])
    }

    @Test("E4: the secret before the last signs as long as it was said")
    func rotation() throws {
        let store = try TestStore()
        _ = try store.apply(.webhooks(.create(Samples.webhook("w", of: nil))))
        func rotate(_ secret: String, _ overlap: UInt64) throws -> WebhookRecord? {
            _ = try store.apply(
                .webhooks(
                    .rotateSecret(
                        hook, secret: SealedSecret(secret)!, overlapMilliseconds: overlap)))
            return try shown(store)?.record
        }
        let rotated = try rotate("t", 1_000)
        #expect(rotated?.secret == SealedSecret("t"))
        #expect(rotated?.formerSecret(at: store.now) == SealedSecret("s"))
        #expect(rotated?.formerSecret(at: store.now.adding(milliseconds: 1_000)) == nil)
        #expect(try rotate("u", 0)?.formerSecret(at: store.now) == nil)
    }

    @Test("E4: all kinds of changes have a name that a webhook can ask for")
    func names() {
        #expect(Set(Samples.changes.map(\.name)).subtracting(Change.names) == [])
        // Two have the bytes of another kind, told apart by a value inside.
        #expect(
            Set(Change.names).subtracting(Samples.changes.map(\.name))
                == ["top-up-given", "upgrade-succeeded"])
        #expect(Change.names.sorted() == Change.names)
        #expect(Change.names.count <= Books.webhookKindsMaximum)
    }

    @Test("E4: an account sees events of its own, and of its sub-accounts, products and devices")
    func scope() throws {
        let store = try TestStore()
        let sub = AccountID("sub")!
        for account in [
            NewAccount(id: sub, name: "", kind: .individual, parent: TestStore.acme),
            NewAccount(id: AccountID("other")!, name: "", kind: .individual),
        ] {
            _ = try store.apply(.accounts(.create(account)))
        }
        _ = try store.apply(.products(.create(TestStore.newProduct("PS", account: sub))))
        let key = NewKey(
            id: KeyID("k")!, name: "", role: .application, account: sub, products: nil,
            secretHash: SecretHash(Array(0..<32))!)
        _ = try store.apply(.keys(.create(key)))
        let transaction = try ReadTransaction(in: store.environment)
        for change in [
            Change.devices(.registered(TestStore.device("d", of: "PS"))),
            .keys(.revoked(KeyID("k")!)), .accounts(.certified(sub)),
            .productSecrets(.revoked(ProductKey("PS")!)),
            .webhooks(.deleted(hook, account: sub)),
        ] {
            let scope = try store.books.scope(of: change, in: transaction)
            #expect(scope == EventScope(account: sub, parent: TestStore.acme), "\(change)")
            #expect(scope.isSeen(by: sub) && scope.isSeen(by: TestStore.acme))
            #expect(!scope.isSeen(by: AccountID("other")!))
        }
        let own = try store.books.scope(
            of: .devices(.deleted(TestStore.device("d"))), in: transaction)
        #expect(own.isSeen(by: TestStore.acme) && !own.isSeen(by: sub))
        for change in [Change.clock(.confirmed(before: nil)), .limits(.adopted(BooksLimits()))] {
            let scope = try store.books.scope(of: change, in: transaction)
            #expect(!scope.isSeen(by: TestStore.acme) && !scope.isSeen(by: sub))
        }
    }

    @Test(
        "a webhook's URL is http or https, with a host, and holds no password",
        arguments: [
            ("https://example.org", true), ("HTTPS://example.org:8443/a?b=c", true),
            ("http://[2001:db8::1]:80/", true), ("https://10.0.0.1/x", true),
            ("ftp://example.org", false), ("https://", false), ("https:///x", false),
            ("https://a:b@example.org", false), ("https://example.org/#x", false),
            ("https://example.org:0/", false), ("https://example.org:65536", false),
            ("https://exa mple.org", false), ("https://example.org/\r\nX: y", false),
            ("https://[::1", false), ("", false), ("https://ä.org", false),
            ("https://example.org\\@evil", false),
        ])
    func urls(_ text: String, _ isOne: Bool) {
        #expect((WebhookURL(text) != nil) == isOne)
    }
}
