import Ledger
import Linux
import Reactor
import Storage
import Support
import TestFiles
import Testing
import Time

@testable import Gateway

extension WholeGateway {
    /// Rule E2: what the operator is told of a node's certificates and backups.
    @Suite struct NodeAlertTests {
        @Test("E2: certificates that end soon, and backups that are old, are told of and resolved")
        func findings() async throws {
            let clock = ManualClock(wall: .now())
            let directory = TemporaryDirectory()
            try await TestGateway.run(
                time: .manual(clock),
                configure: {
                    $0.tls.expiryWarningDays = 2
                    $0.alerts.operatorAddress = "ops@example.org"
                    $0.alerts.backupDays = 1
                    $0.backup.directories = [directory.path]
                }
            ) { gateway in
                func states() throws -> [String] {
                    try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                        try books.alerts(limit: 100, in: transaction).elements
                    }.map { alert in
                        let state = alert.record.resolvedAt == nil ? "open" : "resolved"
                        return "\(alert.record.place.kind.name) \(alert.record.value) \(state)"
                    }
                }
                /// The books hear of the time, too.
                func pass(_ milliseconds: Int64) async throws {
                    clock.advance(milliseconds: milliseconds)
                    _ = try await gateway.gateway.submit(
                        Command(
                            at: gateway.gateway.now, actor: "test",
                            action: .alerts(.review(limit: 1))))
                }
                for _ in 0..<2 { await gateway.gateway.tellOfNode() }
                #expect(try states() == [], "from the first look on it has a day")
                // The certificates of the tests are good for three days.
                try await pass(86_400_000 + 3_600_000)
                for _ in 0..<2 { await gateway.gateway.tellOfNode() }
                var found = try states()
                #expect(found == ["certificate-ending 1 open", "backup-old 1 open"])
                let backup = try gateway.gateway.backups.start(in: directory.file("b1"))
                while gateway.gateway.backups.backup(backup.id)?.state == .running {
                    try await Task.sleep(for: .milliseconds(5))
                }
                for _ in 0..<2 { await gateway.gateway.tellOfNode() }
                found = try states()
                #expect(found == ["certificate-ending 1 open", "backup-old 1 resolved"])
                try await pass(86_400_000)
                await gateway.gateway.tellOfNode()
                found = try states()
                #expect(
                    found == [
                        "certificate-ending 1 open", "backup-old 1 resolved", "backup-old 1 open",
                    ])
                #expect(try gateway.gateway.ledger.verify() == [])
            }
        }
    }
}
