import Storage
import Time

/// Alerts about accounts' authorities (rule E2): certificates that end soon, and lists of revoked ones whose successors
/// are due.
extension Books {
    /// Looks at what events have touched. Those that were removed are looked at by a doubted clock, too: nothing else
    /// would come back to them.
    func lookAtAuthorities(
        _ touched: TouchedAuthorities, _ whole: inout AlertsRecord, _ command: Command,
        isTimely: Bool, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let removed = touched.removed.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
        for key in removed {
            if try !accountAuthorities.contains(key, in: transaction) {
                try lookAt(key.second, of: key.first, &whole, command, in: transaction)
            }
        }
        guard isTimely else { return }
        for account in touched.accounts.sorted() {
            var found: [AuthorityID] = []
            try accountAuthorities.forEach(in: transaction, prefix: account) { key, _ in
                found.append(key.second)
                return .proceed
            }
            for id in found {
                try lookAt(id, of: account, &whole, command, in: transaction)
            }
        }
    }

    /// At most `authoritiesMaximum`.
    func lookAtAllAuthorities(
        _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var found: [KeyPair<AccountID, AuthorityID>] = []
        try accountAuthorities.forEach(in: transaction) { key, _ in
            found.append(key)
            return .proceed
        }
        for key in found {
            try lookAt(key.second, of: key.first, &whole, command, in: transaction)
        }
    }

    private func lookAt(
        _ id: AuthorityID, of account: AccountID, _ whole: inout AlertsRecord,
        _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let known = try authorities.get(id, in: transaction)
        let authority = known?.account == account ? known : nil
        func settle(
            _ kind: AlertKind, _ isCrossed: Bool, value: UInt64, threshold: UInt64,
            _ whole: inout AlertsRecord
        ) throws(StoreError) {
            try self.settle(
                AlertPlace(account: account, kind: kind, subject: .authority(id)), isCrossed,
                value: value, threshold: threshold, &whole, command, in: transaction)
        }
        var rule = try rule(.authorityEnding, of: account, whole, in: transaction).rule
        let isEnding =
            if let authority, rule.isOn {
                try isEnding(authority, id, within: rule.days, command, in: transaction)
            } else {
                false
            }
        try settle(
            .authorityEnding, isEnding, value: authority?.daysLeft(at: command.at) ?? 0,
            threshold: UInt64(rule.days), &whole)
        rule = try self.rule(.revocationListDue, of: account, whole, in: transaction).rule
        let list: RevocationListRecord? =
            if authority != nil { try revocationLists.get(id, in: transaction) } else { nil }
        let isDue =
            if let authority, let list, rule.isOn, list.isDue(within: rule.days, at: command.at) {
                try isAnyOn(authority, id, in: transaction)
            } else {
                false
            }
        try settle(
            .revocationListDue, isDue,
            value: list?.nextUpdate?.wholeDays(after: command.at) ?? 0,
            threshold: UInt64(rule.days), &whole)
    }

    /// Whether the authority is on, or another one of its name and key: its list is about what that vouches for, too.
    private func isAnyOn(
        _ authority: AuthorityRecord, _ id: AuthorityID,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        if authority.isOn { return true }
        for other in try namesakes(of: id, authority, in: transaction) {
            if try authorities.get(other, in: transaction)?.isOn == true { return true }
        }
        return false
    }

    /// Whether devices would be let in no more within the days: by none of the authority's name and key. One that is
    /// switched off lets none in as it is.
    private func isEnding(
        _ authority: AuthorityRecord, _ id: AuthorityID, within days: UInt32,
        _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        let end = command.at.adding(milliseconds: Int64(days) * 86_400_000)
        guard authority.isOn, authority.notAfter <= end else { return false }
        for other in try namesakes(of: id, authority, in: transaction) {
            if let record = try authorities.get(other, in: transaction), record.isOn,
                record.notAfter > end
            {
                return false
            }
        }
        return true
    }
}

extension RevocationListRecord {
    /// Whether the next list is to come within the days, or within a quarter of the time that this one is for, if that
    /// is less: a list for a day is not due all the time.
    fileprivate func isDue(within days: UInt32, at time: Timestamp) -> Bool {
        guard let nextUpdate else { return false }
        let quarter = max(0, nextUpdate.milliseconds(since: thisUpdate) / 4)
        let margin = min(Int64(days) * 86_400_000, quarter)
        return nextUpdate <= time.adding(milliseconds: margin)
    }
}

/// Authorities that events are about.
struct TouchedAuthorities {
    /// All that the accounts have are looked at: one may take another one's place.
    private(set) var accounts: Set<AccountID> = []
    private(set) var removed: Set<KeyPair<AccountID, AuthorityID>> = []

    mutating func note(_ change: AuthorityChange) {
        switch change {
        case .removed(let id, let account), .removedWithHeir(let id, let account, _):
            removed.insert(KeyPair(account, id))
        case .registered, .updated, .revoked: break
        // They make nothing end, sooner or later.
        case .rulesSet, .pinningSet: return
        }
        accounts.insert(change.account)
    }
}
