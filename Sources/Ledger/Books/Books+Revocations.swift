public import Storage

/// Revoked certificates: each authority's list, as the account has given it last.
extension Books {
    /// In one list: with serial numbers of 20 bytes the command that brings it has 420,000 bytes.
    public static var revokedOfAuthorityMaximum: Int { 20_000 }

    /// In the lists of all accounts together: some 130 bytes each.
    public static var revokedMaximum: Int { 1_000_000 }

    func revoke(
        _ id: AuthorityID,
        _ list: RevocationList,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        let former = try revocationLists.get(id, in: transaction)
        if let former, former.isNewer(than: list) { return .refused(.authorities(.listOlder(id))) }
        let others = try revokedCertificates.count(in: transaction) - Int(former?.count ?? 0)
        for (count, maximum) in [
            (list.serials.count, Self.revokedOfAuthorityMaximum),
            (others + list.serials.count, Self.revokedMaximum),
        ] where count > maximum {
            return .refused(.authorities(.tooManyRevoked(maximum: UInt32(maximum))))
        }
        try forgetRevoked(by: id, except: Set(list.serials), in: transaction)
        for serial in list.serials {
            _ = try revokedCertificates.insert(
                KeyPair(id, serial), EmptyRecord(), in: transaction)
        }
        let record = RevocationListRecord(list, takenAt: command.at)
        try revocationLists.put(id, record, in: transaction)
        let change = AuthorityChange.revoked(
            id, account: authority.account, count: record.count, nextUpdate: record.nextUpdate)
        return .done(try self.record(.authorities(change), command, in: transaction))
    }

    /// Takes certificates out of an authority's list.
    func forgetRevoked(
        by id: AuthorityID,
        except kept: Set<AuthorityNumber> = [],
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var gone: [AuthorityNumber] = []
        try revokedCertificates.forEach(in: transaction, prefix: id) { key, _ in
            if !kept.contains(key.second) { gone.append(key.second) }
            return .proceed
        }
        for serial in gone {
            try revokedCertificates.delete(KeyPair(id, serial), in: transaction)
        }
    }
}

/// What the books say about revoked certificates.
extension Books {
    /// Whether the authority's list names the certificate with that serial number. One look-up, whatever has become of the
    /// time that the list was to be followed by another at.
    public func isRevoked(
        _ serial: AuthorityNumber,
        by id: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try revokedCertificates.contains(KeyPair(id, serial), in: transaction)
    }
}
