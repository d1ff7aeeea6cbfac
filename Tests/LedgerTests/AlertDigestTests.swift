import Bytes
import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule E2: devices that are gathered, and told of at most once a day.
@Suite struct AlertDigestTests {
    private static let hour: Int64 = 3_600_000

    /// With a mail server, an address, and only the digests' rules on.
    private func begun() throws -> TestStore {
        let store = try TestStore()
        var settings = AlertSettings()
        settings.mails = true
        _ = try store.apply(.alerts(.adopt(settings)))
        let ann = EmailAddress("ann@example.org")!
        _ = try store.apply(.accounts(.update(TestStore.acme, AccountUpdate(email: ann))))
        for kind in AlertKind.allCases where !kind.isDigest {
            let off = AlertRule(isOn: false, number: 1)
            _ = try store.apply(.alerts(.setRule(TestStore.acme, kind, off)))
        }
        try look(store)
        return store
    }

    /// What the gateway does of its own.
    private func look(_ store: TestStore) throws {
        _ = try store.apply(.alerts(.review(limit: 1_000)))
        _ = try store.apply(.alerts(.sweep(limit: 1_000)))
    }

    private func pass(_ milliseconds: Int64, _ store: TestStore) throws {
        store.now = store.now.adding(milliseconds: milliseconds)
        try look(store)
    }

    private func gather(
        _ kind: AlertKind, _ devices: [String], of product: String = "PK1", _ store: TestStore
    ) throws {
        let devices = devices.map { TestStore.device($0, of: product) }
        #expect(try store.apply(.alerts(.gather(kind, devices))) == .done(.unchanged))
    }

    private func states(_ store: TestStore) throws -> [String] {
        try store.alerts().map { alert in
            let state = alert.record.resolvedAt == nil ? "open" : "resolved"
            return "\(alert.record.place.kind.name) \(alert.record.value) \(state)"
        }
    }

    /// `fired` or `resolved`, in order.
    private func letters(_ store: TestStore) throws -> [String] {
        try store.read { books, transaction throws(StoreError) in
            try books.notifications(limit: 100, in: transaction).elements
        }.map { $0.record.isResolution ? "resolved" : "told" }
    }

    @Test(
        "E2: refused devices fire once, are resolved when codes are there, and fire again a day later"
    )
    func refused() throws {
        let store = try begun()
        try gather(.refusedForCode, ["b", "a", "b"], store)
        #expect(try states(store) == ["refused-for-code 2 open"])
        let alert = try #require(try store.alerts().first)
        #expect(alert.record.place.subject == .product(TestStore.product))
        #expect(
            alert.record.digest == [
                AlertDigestLine(
                    product: TestStore.product, devices: 2,
                    first: [DeviceKey("a")!, DeviceKey("b")!])
            ])
        try gather(.refusedForCode, ["c"], store)
        try pass(Self.hour, store)
        #expect(try letters(store) == ["told"], "once a day")
        try store.buy(5)
        try look(store)
        #expect(try states(store) == ["refused-for-code 2 resolved"])
        try gather(.refusedForCode, ["c"], store)
        #expect(try states(store).count == 1, "there are codes again: it is let in")
        for device in 0..<5 { _ = try store.connect("d\(device)") }
        try gather(.refusedForCode, ["x"], store)
        try pass(Self.hour, store)
        #expect(try states(store).count == 1, "within a day it is not told of again")
        #expect(try store.findings() == [])
        try pass(22 * Self.hour, store)
        #expect(
            try states(store) == ["refused-for-code 2 resolved", "refused-for-code 1 open"])
        #expect(try letters(store) == ["told", "resolved", "told"])
        #expect(try store.findings() == [])
    }

    @Test("E2: while devices are refused it is told of once a day, and two days without end it")
    func days() throws {
        let store = try begun()
        try gather(.refusedForCode, ["a"], store)
        for device in 0..<23 {
            try pass(Self.hour, store)
            try gather(.refusedForCode, ["d\(device)", "a"], store)
        }
        #expect(try letters(store) == ["told"])
        try pass(Self.hour, store)
        #expect(try states(store) == ["refused-for-code 24 open"])
        #expect(try store.alerts().first?.record.repeatedAt == store.now)
        #expect(try letters(store) == ["told", "told"])
        let kinds = try store.read { books, transaction throws(StoreError) in
            try books.events(after: 0, limit: 1_000, in: transaction)
        }.map(\.change.name)
        #expect(kinds.filter { $0 == "alert-repeated" }.count == 1)
        #expect(kinds.filter { $0 == "alert-fired" }.count == 1)
        try pass(45 * Self.hour, store)
        #expect(try states(store) == ["refused-for-code 24 open"])
        try pass(2 * Self.hour, store)
        #expect(try states(store) == ["refused-for-code 24 resolved"])
        #expect(try letters(store) == ["told", "told", "resolved"])
        #expect(try store.findings() == [])
        try pass(2 * TestStore.day, store)
        let rest = try store.read { books, transaction throws(StoreError) in
            try books.alertDigests.count(in: transaction)
        }
        #expect(rest == 0)
    }

    @Test("E2: a device that is seen once a day, sooner or later, is one alert that goes on")
    func oncePerDay() throws {
        let store = try begun()
        for hours: Int64 in [25, 23, 26, 22, 25] {
            try gather(.refusedForCode, ["meter"], store)
            for _ in 0..<hours { try pass(Self.hour, store) }
        }
        #expect(try states(store) == ["refused-for-code 1 open"])
        #expect(try !letters(store).contains("resolved"))
        #expect(try letters(store).count > 2)
        #expect(try store.findings() == [])
    }

    @Test("E2: devices at their limit are one digest of the account, with what each product has")
    func limits() throws {
        let store = try begun()
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        let rule = AlertRule(number: 3)
        _ = try store.apply(.alerts(.setRule(TestStore.acme, .atDailyLimit, rule)))
        try gather(.atDailyLimit, ["a"], store)
        try gather(.atDailyLimit, ["a", "b"], of: "PK2", store)
        #expect(try states(store) == ["at-daily-limit 3 open"])
        let lines = try store.alerts().first?.record.digest ?? []
        #expect(lines.map(\.product.text) == ["PK2", "PK1"] && lines.map(\.devices) == [2, 1])
        try gather(.atDailyLimit, ["a", "b"], of: "PK2", store)
        try pass(23 * Self.hour, store)
        try gather(.atDailyLimit, ["c"], store)
        try pass(Self.hour, store)
        #expect(try states(store) == ["at-daily-limit 3 open"])
        #expect(try letters(store) == ["told", "told"])
        #expect(try store.findings() == [])
        _ = try store.apply(.products(.delete(ProductKey("PK2")!)))
        try gather(.atDailyLimit, ["z"], of: "PK2", store)
        try pass(48 * Self.hour, store)
        #expect(try states(store) == ["at-daily-limit 3 resolved"])
        try pass(Self.hour, store)
        try gather(.atDailyLimit, ["a", "b", "c"], store)
        #expect(try states(store) == ["at-daily-limit 3 resolved", "at-daily-limit 3 open"])
        let off = AlertRule(isOn: false, number: 1)
        _ = try store.apply(.alerts(.setRule(TestStore.acme, .atDailyLimit, off)))
        try look(store)
        try gather(.atDailyLimit, ["d"], store)
        #expect(try states(store).last == "at-daily-limit 3 resolved")
        #expect(try store.findings() == [])
    }

    @Test("E2: of a product no more than 1,000 devices are kept, and what is no digest keeps none")
    func bounds() throws {
        let store = try begun()
        let rule = AlertRule(number: 900_000)
        _ = try store.apply(.alerts(.setRule(TestStore.acme, .refusedForCode, rule)))
        try gather(.refusedForCode, (0..<900).map { "a\($0)" }, store)
        #expect(try states(store).isEmpty)
        try gather(.refusedForCode, (0..<900).map { "b\($0)" }, store)
        #expect(try states(store) == ["refused-for-code 1000 open"])
        try gather(.codesLow, ["a"], store)
        try gather(.refusedForCode, ["a"], of: "PK9", store)
        #expect(try store.alerts().count == 1)
        #expect(try store.findings() == [])
    }

    @Test("E2: nodes that saw the same devices fire one digest, and count each device once")
    func replicas() async throws {
        let cluster = try ClusterOfLedgers(2, on: InProcessLog { ClusterOfLedgers.time })
        try await cluster.begin(codes: 1)
        _ = try await cluster.submit(
            .devices(.activate(TestStore.device("z"), confirmsSecret: nil)), at: 0)
        _ = try await cluster.submit(.alerts(.adopt(Samples.alertSettings)), at: 0)
        _ = try await cluster.submit(
            .alerts(.setRule(TestStore.acme, .refusedForCode, AlertRule(number: 3))), at: 0)
        for (node, names) in [(0, ["a", "b"]), (1, ["b", "a"]), (1, ["c"]), (0, ["c", "d"])] {
            let devices = names.map { TestStore.device($0) }
            _ = try await cluster.submit(.alerts(.gather(.refusedForCode, devices)), at: node)
            _ = try await cluster.submit(.alerts(.sweep(limit: 1_000)), at: 1 - node)
        }
        try await cluster.expectSameBooks()
        for ledger in cluster.ledgers {
            let fired = try ledger.read { books, transaction throws(StoreError) in
                try books.alerts(limit: 100, in: transaction).elements
            }.filter { $0.record.place.kind == .refusedForCode }
            #expect(fired.map(\.record.value) == [3])
            #expect(try ledger.verify() == [])
        }
    }

    @Test("E2: what waits for its time is not read for what is due, and what was begun is found")
    func due() throws {
        let store = try begun()
        for device in 0..<3 {
            try gather(.refusedForCode, ["a"], store)
            try pass(49 * Self.hour, store)
            try pass(Self.hour * Int64(device), store)
        }
        let run = Samples.run
        let next = GatewayRun(node: run.node, number: run.number + 1)
        func due(_ run: GatewayRun, limit: Int = 100) throws -> [UInt64] {
            try store.read { books, transaction throws(StoreError) in
                try books.dueNotifications(at: store.now, of: run, limit: limit, in: transaction)
            }
        }
        let all = try due(run)
        try #require(all.count == 6)
        #expect(try due(run, limit: 2) == Array(all.prefix(2)) && due(run, limit: 0) == [])
        _ = try store.apply(.alerts(.begin([all[5]], run: run)))
        #expect(try due(run) == Array(all.prefix(5)))
        #expect(try due(next, limit: 2) == [all[5], all[0]])
        store.now = store.now.adding(milliseconds: Books.notificationTakeoverMilliseconds)
        #expect(try Set(due(run)) == Set(all) && due(run).count == 6)
        #expect(try store.findings() == [])
    }

    @Test("E2: what a digest told of is kept while mail about it is to be sent, up to four times")
    func delayed() throws {
        let store = try begun()
        func record() throws -> AlertRecord { try #require(try store.alerts().first).record }
        func messages() throws -> [AlertNotification] {
            try store.read { books, transaction throws(StoreError) in
                try books.notifications(limit: 100, in: transaction).elements
            }
        }
        func devices(of message: AlertNotification) throws -> [String] {
            try record().telling(at: message.record.createdAt).digest.flatMap(\.first).map(\.text)
        }
        try gather(.refusedForCode, ["d0"], store)
        #expect(try record().earlier == [])
        // The mail server is away for a day.
        for day in 1...2 {
            for device in 0...day { try gather(.refusedForCode, ["d\(day)-\(device)"], store) }
            try pass(24 * Self.hour, store)
        }
        let told = try messages().map { try devices(of: $0) }
        #expect(told == [["d0"], ["d1-0", "d1-1"], ["d2-0", "d2-1", "d2-2"]])
        let values = try messages().map { try record().telling(at: $0.record.createdAt).value }
        #expect(values == [1, 2, 3])
        #expect(try store.findings() == [])
        // It is back; what was sent is kept no longer than to the next digest.
        let run = Samples.run
        let ids = try messages().map(\.id)
        _ = try store.apply(.alerts(.begin(ids, run: run)))
        let sent = ids.map {
            NotificationReport(id: $0, status: 250, answer: "", state: .sent, nextAt: store.now)
        }
        _ = try store.apply(.alerts(.report(sent, run: run)))
        for day in 3...8 {
            try gather(.refusedForCode, ["d\(day)"], store)
            try pass(24 * Self.hour, store)
            #expect(try record().earlier.count == min(day - 3, 4))
        }
        let rest = try messages().suffix(6).map { try devices(of: $0) }
        #expect(rest == [["d4"], ["d4"], ["d5"], ["d6"], ["d7"], ["d8"]])
        #expect(try store.findings() == [])
    }

    @Test("E2: a digest of many products reads of each no more than it tells of")
    func fronts() throws {
        var record = AlertDigestRecord()
        record.devices = (0..<1_000).map { DeviceKey("d\($0)")! }
        record.seenAt = Timestamp(milliseconds: 7)
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        // Nothing is there behind the first names.
        for length in [80, buffer.count] {
            var reader = ByteReader(buffer.span.extracting(0..<length))
            guard length == buffer.count else {
                #expect(throws: MalformedRecord.self) { try AlertDigestFront(decoding: &reader) }
                continue
            }
            let front = try AlertDigestFront(decoding: &reader)
            #expect(front.devices == 1_000 && front.first == Array(record.devices.prefix(10)))
            #expect(reader.offset < 60)
        }
        buffer = ByteBuffer()
        AlertDigestRecord().encode(into: &buffer)
        var reader = ByteReader(buffer.span)
        let front = try AlertDigestFront(decoding: &reader)
        #expect(front.devices == 0 && front.first == [])
    }

    @Test("a store of an earlier format learns which messages are under way")
    func migration() throws {
        let store = try begun()
        try gather(.refusedForCode, ["a"], store)
        _ = try store.apply(.alerts(.begin([1], run: Samples.run)))
        _ = try store.environment.write { transaction throws(StoreError) in
            try store.books.begunNotifications.delete(1, in: transaction)
        }
        try StoreFormat(migrations: Array(Books.format.migrations.prefix(10)))
            .migrate(store.environment)
        let older = try store.read { books, transaction throws(StoreError) in
            books.verify(format: 11, in: transaction)
        }
        #expect(older == [])
        #expect(try !store.findings().isEmpty)
        try Books.format.migrate(store.environment)
        #expect(try store.findings() == [])
    }
}
