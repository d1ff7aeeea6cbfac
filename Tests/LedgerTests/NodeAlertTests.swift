import Replication
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule E2: what nodes find about themselves, for the operator.
@Suite struct NodeAlertTests {
    private let node = NodeName("n1")!
    private let ops = EmailAddress("ops@example.org")!

    private func begun(mails: Bool = true) throws -> TestStore {
        let store = try TestStore()
        var settings = AlertSettings()
        settings.mails = mails
        _ = try store.apply(.alerts(.adopt(settings)))
        return store
    }

    private func finding(
        _ isCrossed: Bool, _ kind: AlertKind = .certificateEnding, of node: NodeName? = nil,
        to recipient: EmailAddress? = nil
    ) -> Action {
        .alerts(
            .find(
                NodeFinding(
                    node: node ?? self.node, kind: kind, isCrossed: isCrossed,
                    value: isCrossed ? 7 : 0, threshold: 30, recipient: recipient ?? ops,
                    language: .chinese)))
    }

    private func states(_ store: TestStore) throws -> [String] {
        try store.read { books, transaction throws(StoreError) in
            try books.alerts(limit: 100, in: transaction).elements
        }.map { alert in
            let state = alert.record.resolvedAt == nil ? "open" : "resolved"
            let letters = alert.notifications.map { "\($0.record.recipient)" }
            let place = alert.record.place
            return "\(place.kind.name) \(place.subject) \(state) \(letters)"
        }
    }

    @Test("E2: what a node finds fires once, is resolved, fires again, and goes to the operator")
    func crossings() throws {
        let store = try begun()
        let mail = "ops@example.org"
        for _ in 0..<2 { #expect(try store.apply(finding(true)) == .done(.unchanged)) }
        #expect(try states(store) == ["certificate-ending node n1 open [\"\(mail)\"]"])
        _ = try store.apply(finding(true, .backupOld))
        _ = try store.apply(finding(true, of: NodeName("n2")!))
        #expect(try states(store).count == 3)
        _ = try store.apply(finding(false))
        #expect(
            try states(store)[0]
                == "certificate-ending node n1 resolved [\"\(mail)\", \"\(mail)\"]")
        _ = try store.apply(finding(true))
        #expect(try states(store).count == 4)
        let open = try store.read { books, transaction throws(StoreError) in
            try books.isOpen(.certificateEnding, of: node, in: transaction)
        }
        #expect(open)
        let letters = try store.read { books, transaction throws(StoreError) in
            try books.notifications(limit: 100, in: transaction).elements
        }
        #expect(letters.allSatisfy { $0.record.account == nil && $0.record.language == .chinese })
        let hidden = try store.read { books, transaction throws(StoreError) in
            try books.notifications(of: [TestStore.acme], limit: 100, in: transaction).elements
        }
        #expect(hidden.isEmpty)
        #expect(try store.findings() == [])
    }

    @Test("E2: without a mail server it is fired and not mailed; an account's kind is not a node's")
    func others() throws {
        let store = try begun(mails: false)
        _ = try store.apply(finding(true))
        _ = try store.apply(finding(true, .codesLow))
        #expect(try states(store) == ["certificate-ending node n1 open []"])
        let rule = Action.alerts(.setRule(TestStore.acme, .backupOld, AlertRule(number: 1)))
        #expect(try store.apply(rule) == .done(.unchanged))
        let kinds = try store.read { books, transaction throws(StoreError) in
            try books.alertRules(of: TestStore.acme, in: transaction)
        }.map(\.kind)
        #expect(!kinds.contains { $0.isOfNode } && kinds.count == 7)
        #expect(try store.findings() == [])
    }

    @Test("E2: the latest backup of a node is remembered")
    func backups() throws {
        let store = try begun()
        func known() throws -> Timestamp? {
            try store.read { books, transaction throws(StoreError) in
                try books.backup(of: node, in: transaction)
            }
        }
        #expect(try known() == nil)
        for (time, expected) in [(300, 300), (200, 300), (301, 301)] {
            let time = Timestamp(milliseconds: Int64(time))
            _ = try store.apply(.alerts(.noteBackup(node, at: time)))
            #expect(try known() == Timestamp(milliseconds: Int64(expected)))
        }
        #expect(try store.findings() == [])
    }

    @Test("E2: two nodes that tell of the same node fire once; a removed one's alerts are resolved")
    func replicas() async throws {
        let cluster = try ClusterOfLedgers(2, on: InProcessLog { ClusterOfLedgers.time })
        try await cluster.begin(codes: 1)
        let second = ClusterOfLedgers.name(1)
        for sender in 0..<2 {
            _ = try await cluster.submit(finding(true, of: second), at: sender)
        }
        func open() throws -> [Bool] {
            try cluster.ledgers[0].read { books, transaction throws(StoreError) in
                try books.alerts(kind: .certificateEnding, limit: 100, in: transaction).elements
            }.map { $0.record.resolvedAt == nil }
        }
        #expect(try open() == [true])
        let backup = Action.alerts(.noteBackup(second, at: ClusterOfLedgers.time))
        func known() throws -> Timestamp? {
            try cluster.ledgers[0].read { books, transaction throws(StoreError) in
                try books.backup(of: second, in: transaction)
            }
        }
        _ = try await cluster.submit(backup, at: 0)
        #expect(try known() != nil)
        _ = try await cluster.submit(.cluster(.removeNode(second)), at: 0)
        #expect(try known() == nil, "its backup goes with the node")
        // What it, or another one, had said before.
        _ = try await cluster.submit(backup, at: 0)
        #expect(try known() == nil)
        _ = try await cluster.submit(.alerts(.sweep(limit: 1_000)), at: 0)
        #expect(try open() == [false])
        #expect(try cluster.ledgers[0].verify() == [])
    }
}
