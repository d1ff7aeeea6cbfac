import Gateway
import MQTT
import Storage
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import Metering
@testable import Sessions

/// A store that an earlier program has written is opened, balances, says what it said, and is written to.
@Suite struct StoreTests {
    static let formats = [1]

    @Test(
        "Stores of each format are checked as they are, and served in the current one",
        arguments: formats)
    func migrated(format: Int) throws {
        let store = try GoldenStore(format: format)
        func check() throws -> Stores.Formats {
            let stores = try Stores(openedIn: store.directory.path)
            defer { stores.shutdown() }
            #expect(try stores.verify(secretKeys: nil) == [])
            return stores.formats
        }
        #expect(try check() == Stores.Formats(ledger: format, usage: format))
        #expect(try check() == Stores.Formats(ledger: format, usage: format))
        do {
            let ledger = try store.ledger()
            #expect(ledger.format == Books.format.current)
            ledger.shutdown()
        }
        #expect(try check() == Stores.Formats(ledger: Books.format.current, usage: format))
    }

    @Test("A ledger that a newer program has written is refused, and nothing is changed")
    func newer() throws {
        let store = try GoldenStore(format: 1)
        do {
            let environment = try Environment(
                path: store.directory.file("ledger"), mapSizeBytes: 1 << 26,
                maximumTables: Books.tableCount)
            let steps = Array(
                repeating: StoreFormat.Migration("later") { _ in }, count: Books.format.current)
            try StoreFormat(migrations: steps).migrate(environment)
        }
        let known = Books.format.current
        let error = StoreError.newerFormat(known + 1, known: known)
        #expect(throws: error) { try store.ledger() }
        #expect(throws: error) { try Stores(openedIn: store.directory.path) }
    }

    @Test("A ledger of each format opens, balances, and knows its devices", arguments: formats)
    func devices(format: Int) throws {
        let ledger = try GoldenStore(format: format).ledger()
        #expect(try ledger.verify() == [])
        func record(_ key: String, of product: String = "PK1") throws -> DeviceRecord? {
            try ledger.read { books, transaction throws(StoreError) in
                try books.device(GoldenStore.device(key, of: product), in: transaction)
            }
        }
        let renewed = try #require(try record("d1"))
        #expect(renewed.isActive && renewed.codesConsumed == 2)
        #expect(renewed.entitlement?.cause == .renewal)
        #expect(renewed.state(at: GoldenStore.time) == .active)
        let deleted = try #require(try record("d2"))
        #expect(!deleted.isRegistered && deleted.isSecretConfirmed && deleted.codesConsumed == 1)
        #expect(try record("d3")?.entitlement?.cause == .manual)
        #expect(try record("d4")?.isDisabled == true)
        #expect(try record("d5")?.state(at: GoldenStore.time) == .inactive)
        #expect(try record("r1")?.secret == SealedSecret(Array("issued".utf8)))
        #expect(try record("i1", of: "PK2")?.isRegistered == true)
        #expect(try record("nobody") == nil)
        ledger.shutdown()
    }

    @Test("A ledger of each format knows its tenants, codes, packs and log", arguments: formats)
    func tenants(format: Int) throws {
        let ledger = try GoldenStore(format: format).ledger()
        try ledger.read { books, transaction throws(StoreError) in
            let person = try books.accounts.get(AccountID("individual")!, in: transaction)
            #expect(person?.name == "One" && person?.kind == .enterprise)
            #expect(person?.email == EmailAddress("ann@example.org"))
            let package = try books.package(PackageID("mega")!, in: transaction)
            #expect(package?.allowance.messagesPerDay == nil)
            let deleted = try books.product(ProductKey("PK3")!, in: transaction)
            #expect(deleted?.isDeleted == true)
            #expect(try books.product(ProductKey("PK2")!, in: transaction)?.name == "Valve")
            #expect(try books.key(KeyID("k2")!, in: transaction)?.revokedAt != nil)
            #expect(try books.leases.count(in: transaction) == 1)
            #expect(try books.upgrades.count(in: transaction) == 3)
            #expect(try books.imports.count(in: transaction) == 4)
            #expect(try books.stagedDevices.count(in: transaction) == 4)
            #expect(try books.sealingKeys(in: transaction).map(\.number) == [1])
            #expect(try books.lastSequence(in: transaction) == 72)
            let events = try books.events(after: 0, limit: 1_000, in: transaction)
            #expect(events.map(\.sequence) == Array(1...72))
            #expect(Set(events.map(\.change.name)).count == 38)
        }
        ledger.shutdown()
    }

    @Test("A ledger of each format goes on: devices connect, answers repeat", arguments: formats)
    func writing(format: Int) throws {
        let store = try GoldenStore(format: format)
        let ledger = try store.ledger()
        func carryOut(_ action: Action, key: String? = nil) throws -> Outcome {
            try ledger.carryOut(
                Command(
                    at: GoldenStore.time.adding(seconds: 60), actor: "test", idempotencyKey: key,
                    action: action))
        }
        let device = GoldenStore.device("d5")
        guard
            case .done(.entitled(let entitlement, consumed: true)) = try carryOut(
                .devices(.activate(device, confirmsSecret: nil)))
        else {
            Issue.record("d5 was not activated")
            return
        }
        #expect(entitlement.period == 1 && entitlement.cause == .first)
        guard
            case .done(.entitled(_, consumed: false)) = try carryOut(
                .devices(.activate(GoldenStore.device("d1"), confirmsSecret: nil)))
        else {
            Issue.record("d1 has no running entitlement")
            return
        }
        let acme = AccountID("acme")!
        let purchase = Action.codes(
            .purchase(acme, package: PackageID("small")!, quantity: 20, product: nil)
        )
        guard case .repeated = try carryOut(purchase, key: "key-20") else {
            Issue.record("an answer was forgotten")
            return
        }
        guard case .done = try carryOut(purchase, key: "another") else {
            Issue.record("nothing can be bought")
            return
        }
        #expect(try carryOut(.imports(.move(limit: 100))).effect != nil)
        #expect(try ledger.verify() == [])
        // Its entitlement was ended, and no code may be consumed for it.
        let excepted = GoldenStore.device("d2")
        let refusal = try carryOut(.devices(.activate(excepted, confirmsSecret: nil)))
        #expect(refusal == .refused(.devices(.renewalOff(excepted))))
        #expect(try ledger.verify() == [])
        let active = try ledger.read { books, transaction throws(StoreError) in
            try books.device(device, in: transaction)?.isActive
        }
        #expect(active == true)
        ledger.shutdown()
    }

    @Test("Counts of each format open, add up, and grow", arguments: formats)
    func counts(format: Int) throws {
        let shared = try GoldenStore(format: format).usage()
        let store = try UsageStore(in: shared)
        #expect(try store.verify() == [])
        let (device, day) = (GoldenStore.device("d1"), GoldenStore.day)
        let days = [
            DayUsage(day: day, used: 90),
            DayUsage(day: day.adding(days: 1), used: 100, topUp: 25),
            DayUsage(day: day.adding(days: 2), used: 7),
        ]
        #expect(try store.usage(of: device)?.days == days)
        let told = try store.usage(of: GoldenStore.device("d2"))
        #expect(told?.days.map(\.isNoticed) == [true])
        #expect(try store.total(of: device.product, on: day.adding(days: 1)) == 225)
        var meter = Meter { [store] in try? store.usage(of: $0) }
        let today = day.adding(days: 2)
        let slot = meter.hold(device, on: today)
        _ = meter.charge(slot, units: 3, allowance: 100, day: today)
        let batch = meter.nextBatch(at: GoldenStore.time)
        store.submit(try #require(batch)) { _ in }
        store.shutdown()
        #expect(try store.usage(of: device)?.used(on: today) == 10)
        #expect(try store.verify() == [])
    }

    @Test("Sessions of each format open whole, and end", arguments: formats)
    func sessions(format: Int) throws {
        let shared = try GoldenStore(format: format).usage()
        let store = try SessionStore(in: shared)
        #expect(try store.verify() == [])
        let figures = try store.figures()
        #expect(figures.sessions == 3 && figures.removals == 1 && figures.receivedIdentifiers == 2)
        var reader = try store.reader()
        let name = SessionName(product: "PK1".utf8Span.span, device: "d1".utf8Span.span)
        let found = try reader.session(name)
        let session = try #require(found)
        #expect(session.queueCount == 3 && session.sentBelow == 3)
        let will = try #require(session.record.will)
        #expect(will.message.payload == Array("gone".utf8) && will.delaySeconds == 30)
        #expect(session.record.subscriptions.map(\.identifier) == [5, nil])
        let application = SessionName(key: "k1".utf8Span.span, clientID: "app".utf8Span.span)
        let other = try reader.record(of: #require(application))
        #expect(other?.version == .v3_1_1 && other?.endedAt == nil)
        let due = try reader.due(at: GoldenStore.time.adding(days: 40_000), limit: 100)
        #expect(due.count == 2 && due.contains { $0.name == name })
        let number = store.newNumber()
        #expect(number == SessionNumber(5))
        store.submit([.remove(name, SessionNumber(1))]) { _ in }
        store.sweepRemovals()
        shared.shutdown()
        let left = try reader.session(name)
        #expect(left == nil)
        #expect(try store.verify() == [])
    }

    @Test("Retained messages of each format open, are found, and replaced", arguments: formats)
    func retained(format: Int) throws {
        let shared = try GoldenStore(format: format).usage()
        let limits = RetainedLimits(messages: 100, bytes: 1 << 20)
        let store = try RetainedStore(in: shared, limits: limits)
        #expect(try store.verify() == [])
        #expect(try store.totals().messages == 4)
        let messages = try RetainedMessages(in: shared.environment)
        func found(_ topic: String) throws -> Message? {
            try shared.environment.read { transaction throws(StoreError) in
                try messages.message(
                    of: topic.utf8Span.span, now: GoldenStore.time, in: transaction)
            }
        }
        #expect(try found("d/PK1/d1/up/state")?.payload == Array("on".utf8))
        #expect(try found("d/PK1/d1/up/old") == nil, "it is over")
        let properties = try found("d/PK1/d1/down/set")?.properties
        #expect(properties == [0x03, 0, 1, 0x61])
        let long = String(repeating: "long/", count: 100)
        #expect(try found(long)?.payload == Array("long".utf8))
        let message = Message(topic: Array(long.utf8), payload: [1], qos: .atMostOnce)
        store.put(message, now: GoldenStore.time) { _ in }
        shared.shutdown()
        #expect(try found(long)?.payload == [1])
        #expect(try store.verify() == [])
    }
}
