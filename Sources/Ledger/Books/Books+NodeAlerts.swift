public import Storage
public import Time

/// Alerts about nodes of the gateway, for the operator (rule E2). A node looks at itself, and says what it finds when that
/// is another thing than the books have.
extension Books {
    /// Open alerts of nodes that are looked at for those of removed ones.
    private static var nodeAlertsMaximum: Int { 1_000 }

    /// How far a node's clock may be ahead of the command's.
    private static var backupAheadMilliseconds: Int64 { 60_000 }

    func take(
        _ finding: NodeFinding, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard finding.kind.isOfNode else { return .done(.unchanged) }
        if let doubt = try time(at: command.at, in: transaction).doubt {
            return .refused(.clock(doubt))
        }
        var whole = try alertsAsWhole(in: transaction)
        let operators = finding.recipient.map {
            AlertRecipient(email: $0, language: finding.language)
        }
        try settle(
            AlertPlace(account: nil, kind: finding.kind, subject: .node(finding.node)),
            finding.isCrossed, value: finding.value, threshold: finding.threshold,
            operators: operators.map { [$0] } ?? [], &whole, command, in: transaction)
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
        return .done(.unchanged)
    }

    /// The latest one counts. None is of a time to come: the node's clock was wrong then; nor of a node that was removed.
    func noteBackup(
        of node: NodeName, at time: Timestamp, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let latest = command.at.adding(milliseconds: Self.backupAheadMilliseconds)
        let known = try nodeBackups.get(node, in: transaction)?.at
        let isRemoved = try senders.get(node, in: transaction)?.isRemoved ?? false
        guard !isRemoved, time <= latest, known.map({ $0 < time || $0 > latest }) ?? true else {
            return .done(.unchanged)
        }
        try nodeBackups.put(node, NodeBackupRecord(at: time), in: transaction)
        return .done(.unchanged)
    }

    /// A node that was removed finds nothing any more, and has no backup that counts.
    func resolveRemovedNodes(
        _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var places: [AlertPlace] = []
        try openAlerts.forEach(
            in: transaction, prefix: AlertOwner(nil), limit: Self.nodeAlertsMaximum
        ) { place, _ in
            places.append(place)
            return .proceed
        }
        for place in places {
            guard let node = place.subject.node,
                try senders.get(node, in: transaction)?.isRemoved ?? false
            else { continue }
            try settle(
                place, false, value: 0, threshold: 0, &whole, command, in: transaction)
        }
        var removed: [NodeName] = []
        try nodeBackups.forEach(in: transaction, limit: Self.nodeAlertsMaximum) {
            (node, _) throws(StoreError) in
            if try senders.get(node, in: transaction)?.isRemoved ?? false { removed.append(node) }
            return .proceed
        }
        for node in removed { try nodeBackups.delete(node, in: transaction) }
    }

    /// Whether an alert is open about the node.
    public func isOpen(
        _ kind: AlertKind, of node: NodeName,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try openAlerts.contains(
            AlertPlace(account: nil, kind: kind, subject: .node(node)), in: transaction)
    }

    /// When the node's last backup was whole, or when it was first asked, of one that never made any.
    public func backup(
        of node: NodeName, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Timestamp? {
        try nodeBackups.get(node, in: transaction)?.at
    }
}
