import Ledger
import Linux
import Reactor
import Storage
import TLS
import Time

// What the operator is told of this node (rule E2): certificates that end, backups that are old.
extension Gateway {
    /// Looks at this node, and tells the books what they don't have yet.
    func tellOfNode() async {
        // By a doubted clock nothing is near its end (rule B16).
        guard isLedgerReached, commons.clock.doubt == nil else { return }
        do throws(StoreError) {
            try await tellOfLastBackup()
            for finding in try findings() {
                let isOpen = try ledger.read { books, transaction throws(StoreError) in
                    try books.isOpen(finding.kind, of: finding.node, in: transaction)
                }
                if isOpen != finding.isCrossed { try await tell(.find(finding)) }
            }
        } catch {
            commons.log?.say(
                .warning, "the books can't be told of certificates and backups now",
                .init("error", "\(error)"))
        }
    }

    /// The books remember it longer than this process. Who is to be told of an old one is, too, when there never was one.
    private func tellOfLastBackup() async throws(StoreError) {
        let now = now
        let known = try notedBackup().flatMap { $0 <= now ? $0 : nil }
        let first = known == nil && configuration.alerts.backupDays != nil ? now : nil
        if let time = lastBackupSinceStart(at: now) ?? first, known.map({ $0 < time }) ?? true {
            try await tell(.noteBackup(commons.node, at: time))
        }
    }

    /// By a clock that was wrong then it may have been made in time to come.
    private func lastBackupSinceStart(at now: Timestamp) -> Timestamp? {
        backups.all.filter { $0.state == .done }.compactMap(\.finishedAt).filter { $0 <= now }.max()
    }

    /// When the node's last backup was whole, of this process or of one before; `nil`: none is known.
    var lastBackup: Timestamp? {
        let now = now
        var times = [lastBackupSinceStart(at: now)]
        do throws(StoreError) {
            times.append(try notedBackup())
        } catch {
            // That the books can't be read is said by readiness and the log.
        }
        return times.compactMap { $0 }.filter { $0 <= now }.max()
    }

    private func notedBackup() throws(StoreError) -> Timestamp? {
        let node = commons.node
        return try ledger.read { books, transaction throws(StoreError) in
            try books.backup(of: node, in: transaction)
        }
    }

    private func findings() throws(StoreError) -> [NodeFinding] {
        let alerts = configuration.alerts
        let now = now
        func finding(_ kind: AlertKind, _ isCrossed: Bool, value: Int64, threshold: Int)
            -> NodeFinding
        {
            NodeFinding(
                node: commons.node, kind: kind, isCrossed: isCrossed,
                value: UInt64(max(0, value)), threshold: UInt64(threshold),
                recipient: alerts.operatorAddress.flatMap(EmailAddress.init),
                language: alerts.operatorLanguage == .zh ? .chinese : .english)
        }
        let warning = configuration.tls.expiryWarningDays
        let ending = certificates.filter {
            switch CertificateStanding($0, at: now, warningDays: warning) {
            case .endsSoon, .ended: true
            case .good, .notBegun: false
            }
        }
        let end = ending.map(\.notAfterSeconds).min() ?? 0
        let left = (end - now.milliseconds / 1_000) / 86_400
        var age: Int64 = 0
        if alerts.backupDays != nil, let last = try notedBackup() {
            age = now.milliseconds(since: last) / 86_400_000
        }
        return [
            finding(
                .certificateEnding, alerts.operatorAddress != nil && !ending.isEmpty, value: left,
                threshold: warning),
            finding(
                .backupOld, alerts.backupDays.map { age >= Int64($0) } ?? false, value: age,
                threshold: alerts.backupDays ?? 0),
        ]
    }

    private func tell(_ action: AlertAction) async throws(StoreError) {
        _ = try await ledger.submit(
            Command(at: now, actor: Command.gatewayActor, action: .alerts(action)))
    }
}
