public import Storage
public import Time

/// Authorities: CA certificates of accounts, which vouch for devices' certificates.
extension Books {
    /// Of one account: some to rotate, and one for each factory.
    public static var authoritiesOfAccountMaximum: Int { 10 }

    /// With one subject: a handshake tries no more (`ClientAuthorities.sameNameMaximum`).
    public static var authoritiesOfNameMaximum: Int { 16 }

    /// Of all accounts together. Each is kept in memory, once for all shards.
    public static var authoritiesMaximum: Int { 5_000 }

    /// In bytes, of a certificate as DER.
    public static var authorityMaximumLength: Int { 8_192 }

    /// In bytes, of a certificate's subject for people (`AuthorityCertificate.subject`).
    public static var authoritySubjectMaximumLength: Int { 256 }

    func carryOut(
        _ action: AuthorityAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .register(let authority): try register(authority, command, in: transaction)
        case .setOn(let id, let isOn): try setOn(id, isOn, command, in: transaction)
        case .remove(let id): try removeAuthority(id, command, in: transaction)
        case .revoke(let id, let list): try revoke(id, list, command, in: transaction)
        case .setRules(let id, let rules): try setRules(id, rules, command, in: transaction)
        case .setPinning(let id, let pinning):
            try setPinning(id, pinning, command, in: transaction)
        }
    }

    private func register(
        _ authority: NewAuthority,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: authority.name) { return .refused(refusal) }
        guard authority.certificate.count <= Self.authorityMaximumLength else {
            let maximum = UInt64(Self.authorityMaximumLength)
            return .refused(.commands(.quantityOutOfRange(maximum: maximum)))
        }
        guard authority.subject.utf8.count <= Self.authoritySubjectMaximumLength else {
            let maximum = UInt32(Self.authoritySubjectMaximumLength)
            return .refused(.commands(.nameTooLong(maximumBytes: maximum)))
        }
        // One certificate is one account's: two of them could not be told apart in a handshake.
        if try authorities.contains(authority.id, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "authority \(authority.id)")))
        }
        guard try accounts.contains(authority.account, in: transaction) else {
            return .refused(.accounts(.unknown(authority.account)))
        }
        let counts = [
            (
                try authorityCount(of: authority.account, in: transaction),
                Self.authoritiesOfAccountMaximum
            ),
            (try authorities.count(in: transaction), Self.authoritiesMaximum),
        ]
        for (count, maximum) in counts where count >= maximum {
            return .refused(.authorities(.tooMany(maximum: UInt32(maximum))))
        }
        let namesakes = try allAuthorities(in: transaction)
            .count { $0.record.subject == authority.subject }
        guard namesakes < Self.authoritiesOfNameMaximum else {
            let maximum = UInt32(Self.authoritiesOfNameMaximum)
            return .refused(.authorities(.tooMany(maximum: maximum)))
        }
        let record = AuthorityRecord(authority, registeredAt: command.at)
        try authorities.put(authority.id, record, in: transaction)
        try accountAuthorities.put(
            KeyPair(authority.account, authority.id), EmptyRecord(), in: transaction)
        let change = AuthorityChange.registered(
            authority.id, account: authority.account, notAfter: authority.notAfter)
        let effect = try self.record(.authorities(change), command, in: transaction)
        try takeOverRules(of: authority.id, record, command, in: transaction)
        return .done(effect)
    }

    private func setOn(
        _ id: AuthorityID,
        _ isOn: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        if authority.isOn == isOn { return .done(.unchanged) }
        authority.isOn = isOn
        try authorities.put(id, authority, in: transaction)
        let change = AuthorityChange.updated(id, account: authority.account, isOn: isOn)
        return .done(try record(.authorities(change), command, in: transaction))
    }

    private func removeAuthority(
        _ id: AuthorityID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        try authorities.delete(id, in: transaction)
        try accountAuthorities.delete(KeyPair(authority.account, id), in: transaction)
        try authorityRules.delete(id, in: transaction)
        try pinnings.delete(id, in: transaction)
        let heir = try giveList(of: id, authority, in: transaction)
        let change: AuthorityChange =
            if let heir {
                .removedWithHeir(id, account: authority.account, heir: heir)
            } else {
                .removed(id, account: authority.account)
            }
        return .done(try record(.authorities(change), command, in: transaction))
    }

    private func authorityCount(
        of account: AccountID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Int {
        var count = 0
        try accountAuthorities.forEach(in: transaction, prefix: account) { _, _ in
            count += 1
            return .proceed
        }
        return count
    }
}

/// What the books say about authorities.
extension Books {
    public func authority(
        _ id: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AuthorityRecord? {
        try authorities.get(id, in: transaction)
    }

    /// An account's, by id; those of its sub-accounts are not among them.
    public func authorities(
        of account: AccountID,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<AuthorityView> {
        try page(
            of: accountAuthorities, prefix: account, reads: 7, cursor: cursor, limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            try authorityView(key.second, in: transaction)
        }
    }

    /// An authority with its list of revoked certificates.
    public func authorityView(
        _ id: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AuthorityView? {
        guard let record = try authorities.get(id, in: transaction) else { return nil }
        let holder = try listHolder(of: id, record, in: transaction)
        let list: RevocationListRecord? =
            if let holder { try revocationLists.get(holder, in: transaction) } else { nil }
        return AuthorityView(
            id: id, record: record, rules: try rules(of: id, in: transaction),
            pinning: try pinning(of: id, in: transaction), revocations: list)
    }

    /// All of them, at most `authoritiesMaximum`.
    public func allAuthorities(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(id: AuthorityID, record: AuthorityRecord)] {
        var found: [(id: AuthorityID, record: AuthorityRecord)] = []
        try authorities.forEach(in: transaction) { id, record in
            found.append((id, record))
            return .proceed
        }
        return found
    }
}

extension AuthorityRecord {
    /// How long before its end an authority's certificate is near it, in lists.
    public static var nearEndDays: Int64 { 30 }

    /// Whole days that the certificate has left; 0 when it has ended.
    public func daysLeft(at time: Timestamp) -> UInt64 { notAfter.wholeDays(after: time) }

    /// Whether the certificate has ended, or does within `nearEndDays`.
    public func isNearEnd(at time: Timestamp) -> Bool {
        notAfter < time.adding(milliseconds: Self.nearEndDays * 86_400_000)
    }
}

extension RevocationListRecord {
    /// Whether the next list was due before that time. One that does not say when never is.
    public func isOverdue(at time: Timestamp) -> Bool {
        nextUpdate.map { $0 < time } ?? false
    }
}

extension Timestamp {
    /// Whole days from a time to this one; 0 when it lies behind.
    func wholeDays(after time: Timestamp) -> UInt64 {
        UInt64(max(0, (milliseconds - time.milliseconds) / 86_400_000))
    }
}

/// An authority, what was said of its certificates, and which list of revoked ones holds for it, if one does.
public struct AuthorityView: Sendable {
    public let id: AuthorityID
    public let record: AuthorityRecord
    public let rules: AuthorityRules
    public let pinning: CertificatePinning
    public let revocations: RevocationListRecord?
}
