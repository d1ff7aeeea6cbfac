import Storage

/// Accounts, packages and keys: as many as the log has made, each with what it refers to.
extension Audit {
    mutating func checkTenants(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try checkAccounts(in: transaction)
        try checkKeys(in: transaction)
        try expectMade(books.packages, log.packages, in: transaction) { change in
            if case .packageCreated(let id, _) = change { [id] } else { [] }
        }
        try expectMade(books.sealingKeys, log.sealingKeys, in: transaction) { change in
            if case .sealingKeysAdopted(let numbers) = change {
                numbers.map { UInt32($0) }
            } else {
                []
            }
        }
    }

    private mutating func checkAccounts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var children = 0
        try read(books.accounts, in: transaction) {
            (audit, id, account) throws(StoreError) in
            guard let parent = account.parent else { return }
            children += 1
            let above = try audit.get(parent, of: audit.books.accounts, in: transaction)
            audit.expect(
                above != nil && above?.parent == nil,
                "account \(parent), of which \(id) is a sub-account, is not there or one itself")
            let isListed = try audit.books.subAccounts.contains(
                KeyPair(parent, id), in: transaction)
            audit.expect(isListed, "account \(id) is not among the sub-accounts of \(parent)")
        }
        try expectMade(books.accounts, log.accounts, in: transaction) { change in
            if case .accountCreated(let id, _, _) = change { [id] } else { [] }
        }
        try expectCount(of: books.subAccounts, children, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.accounts, in: transaction)?.parent
                == key.first
        }
    }

    private mutating func checkKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var owned = 0
        try read(books.keys, in: transaction) { (audit, id, key) throws(StoreError) in
            guard let account = key.account else { return }
            owned += 1
            let isKnown = try audit.books.accounts.contains(account, in: transaction)
            audit.expect(isKnown, "key \(id) is of account \(account), which is not there")
            let isListed = try audit.books.accountKeys.contains(
                KeyPair(account, id), in: transaction)
            audit.expect(isListed, "key \(id) is not among those of account \(account)")
        }
        try expectMade(books.keys, log.keys, in: transaction) { change in
            if case .keyCreated(let id, _) = change { [id] } else { [] }
        }
        try expectMade(books.keys, log.revokedKeys, in: transaction) { change in
            if case .keyRevoked(let id) = change { [id] } else { [] }
        } where: {
            $0.revokedAt != nil
        }
        try expectCount(of: books.accountKeys, owned, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.keys, in: transaction)?.account == key.first
        }
    }
}
