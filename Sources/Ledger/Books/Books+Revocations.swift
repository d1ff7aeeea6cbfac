public import Storage

/// Revoked certificates: each authority's list, as the account has given it last. Those of an account's authorities that
/// have one name and one key, as a certificate that was renewed and its successor, have one list among them, which one of
/// them holds: it is about what the key has signed in that name (RFC 5280, 6.3.3).
extension Books {
    /// In one list: with serial numbers of 20 bytes the command that brings it has 420,000 bytes.
    public static var revokedOfAuthorityMaximum: Int { 20_000 }

    /// In the lists of an account's authorities and of its sub-accounts' together: some 130 bytes each, so 13 MB.
    public static var revokedOfAccountMaximum: Int { 100_000 }

    func revoke(
        _ id: AuthorityID,
        _ list: RevocationList,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        let holder = try listHolder(of: id, authority, in: transaction) ?? id
        let former = try revocationLists.get(holder, in: transaction)
        if let former, former.isNewer(than: list) { return .refused(.authorities(.listOlder(id))) }
        if let refusal = try refusal(
            of: list, instead: former, account: authority.account, in: transaction)
        {
            return .refused(.authorities(refusal))
        }
        let known = try revoked(by: holder, in: transaction)
        let named = Set(list.serials)
        if let former, former.isSame(as: list), known == named { return .done(.unchanged) }
        for serial in known.subtracting(named).sorted() {
            try revokedCertificates.delete(KeyPair(holder, serial), in: transaction)
        }
        for serial in list.serials where !known.contains(serial) {
            try revokedCertificates.put(
                KeyPair(holder, serial), EmptyRecord(), in: transaction)
        }
        let record = RevocationListRecord(list, takenAt: command.at)
        try revocationLists.put(holder, record, in: transaction)
        let change = AuthorityChange.revoked(
            holder, account: authority.account, count: record.count,
            nextUpdate: record.nextUpdate)
        return .done(try self.record(.authorities(change), command, in: transaction))
    }

    /// Why a list that takes the place of `former` can't be taken: it, or those of the account's owner together, are too
    /// long. One that is not longer than the one before is not asked for the sum, so that nothing keeps it out.
    ///
    /// The sum is made anew: at most 10 look-ups for each account of the owner's, some milliseconds with 300 sub-accounts,
    /// while a list of 20,000 takes longer to be written.
    private func refusal(
        of list: RevocationList, instead former: RevocationListRecord?, account: AccountID,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> AuthorityRefusal? {
        guard list.serials.count <= Self.revokedOfAuthorityMaximum else {
            return .tooManyRevoked(maximum: UInt32(Self.revokedOfAuthorityMaximum))
        }
        let (new, old) = (UInt64(list.serials.count), former?.count ?? 0)
        guard new > old else { return nil }
        let owner = try root(of: account, in: transaction).id
        let count = try revokedCount(of: owner, in: transaction) - old + new
        guard count <= UInt64(Self.revokedOfAccountMaximum) else {
            return .tooManyRevokedOfAccount(owner, maximum: UInt32(Self.revokedOfAccountMaximum))
        }
        return nil
    }

    /// How many certificates the lists of an account and of its sub-accounts name.
    private func revokedCount(
        of owner: AccountID, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> UInt64 {
        var count: UInt64 = 0
        for account in try family(of: owner, in: transaction) {
            try accountAuthorities.forEach(in: transaction, prefix: account) {
                (key, _) throws(StoreError) in
                count += try revocationLists.get(key.second, in: transaction)?.count ?? 0
                return .proceed
            }
        }
        return count
    }

    /// What the list names that an authority holds.
    private func revoked(
        by holder: AuthorityID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Set<AuthorityNumber> {
        var found: Set<AuthorityNumber> = []
        try revokedCertificates.forEach(in: transaction, prefix: holder) { key, _ in
            found.insert(key.second)
            return .proceed
        }
        return found
    }

    /// The list of an authority that was just removed goes to another one that it holds for, which is the answer, and else
    /// is forgotten.
    func giveList(
        of id: AuthorityID, _ authority: AuthorityRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> AuthorityID? {
        guard let list = try revocationLists.get(id, in: transaction) else { return nil }
        let heir = try namesakes(of: id, authority, in: transaction).first
        let isWanted =
            if let heir { try !revocationLists.contains(heir, in: transaction) } else { false }
        for serial in try revoked(by: id, in: transaction).sorted() {
            try revokedCertificates.delete(KeyPair(id, serial), in: transaction)
            if let heir, isWanted {
                try revokedCertificates.put(KeyPair(heir, serial), EmptyRecord(), in: transaction)
            }
        }
        try revocationLists.delete(id, in: transaction)
        guard let heir, isWanted else { return nil }
        try revocationLists.put(heir, list, in: transaction)
        return heir
    }
}

/// What the books say about revoked certificates.
extension Books {
    /// The account's other authorities with the same name and the same key, in order; at most nine.
    public func namesakes(
        of id: AuthorityID, _ authority: AuthorityRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AuthorityID] {
        try others(beside: id, authority, in: transaction).namesakes(of: authority) {
            other throws(StoreError) in
            try authorities.get(other, in: transaction)
        }
    }

    /// The account's other authorities, in order.
    private func others(
        beside id: AuthorityID, _ authority: AuthorityRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AuthorityID] {
        var others: [AuthorityID] = []
        try accountAuthorities.forEach(in: transaction, prefix: authority.account) { key, _ in
            if key.second != id { others.append(key.second) }
            return .proceed
        }
        return others
    }

    /// Which authority holds the list that is about this one's certificates: itself, or another one with its name and key.
    public func listHolder(
        of id: AuthorityID, _ authority: AuthorityRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AuthorityID? {
        if try revocationLists.contains(id, in: transaction) { return id }
        // Each CONNECT asks this: names and keys are read of those alone that have a list.
        var holders: [AuthorityID] = []
        for other in try others(beside: id, authority, in: transaction)
        where try revocationLists.contains(other, in: transaction) {
            holders.append(other)
        }
        return try holders.namesakes(of: authority) { other throws(StoreError) in
            try authorities.get(other, in: transaction)
        }.first
    }

    /// Whether the list that is about the authority's certificates names the one with that serial number, whatever has
    /// become of the time that the list was to be followed by another at.
    public func isRevoked(
        _ serial: AuthorityNumber,
        by id: AuthorityID,
        _ authority: AuthorityRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        guard let holder = try listHolder(of: id, authority, in: transaction) else { return false }
        return try isNamed(serial, inListOf: holder, in: transaction)
    }

    /// The same of the list that the authority itself holds. One look-up.
    public func isNamed(
        _ serial: AuthorityNumber, inListOf holder: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try revokedCertificates.contains(KeyPair(holder, serial), in: transaction)
    }
}

extension [AuthorityID] {
    /// Those of them with the name and the key of `authority`.
    ///
    /// - Parameter record: of one of them.
    fileprivate func namesakes(
        of authority: AuthorityRecord,
        _ record: (AuthorityID) throws(StoreError) -> AuthorityRecord?
    ) throws(StoreError) -> [AuthorityID] {
        guard !isEmpty, let issuer = authority.issuer else { return [] }
        var found: [AuthorityID] = []
        for other in self {
            // The text is looked at first, as that costs nothing.
            if let record = try record(other), record.subject == authority.subject,
                record.issuer == issuer
            {
                found.append(other)
            }
        }
        return found
    }
}
