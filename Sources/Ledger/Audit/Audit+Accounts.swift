import Storage

/// The accounts, their sub-accounts, contacts and keys.
extension Audit {
    /// A sub-account is in its parent's list, has a parent without one, and is what that one is.
    mutating func checkAccounts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var listed = 0
        try books.accounts.forEach(in: transaction) { (id, account) throws(StoreError) in
            audit.expect(
                account.certifiedAt == nil || account.kind == .enterprise,
                "account \(id) was certified and is no enterprise"
            )
            guard let parent = account.parent else { return .proceed }
            listed += 1
            let record = try audit.books.accounts.get(parent, in: transaction)
            audit.expect(
                record != nil && record?.parent == nil,
                "the parent of account \(id), \(parent), is a sub-account or not there"
            )
            audit.expect(
                record == nil || record?.kind == account.kind,
                "account \(id) is not of the kind that its parent \(parent) is"
            )
            audit.expect(
                try audit.books.subAccounts.contains(KeyPair(parent, id), in: transaction),
                "account \(id) is not among the sub-accounts of \(parent)"
            )
            return .proceed
        }
        self = audit
        expectEqual(
            try books.subAccounts.count(in: transaction),
            listed,
            "the number of sub-accounts"
        )
        try checkContacts(in: transaction)
        try checkKeys(in: transaction)
    }

    /// Rule E1: lists are kept for accounts that are no sub-accounts, and have a limit.
    private mutating func checkContacts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var counts: [AccountID: Int] = [:]
        try books.contacts.forEach(in: transaction) { key, _ in
            counts[key.first, default: 0] += 1
            return .proceed
        }
        for (id, count) in counts.sorted(by: { $0.key < $1.key }) {
            let account = try books.accounts.get(id, in: transaction)
            audit.expect(
                account != nil && account?.parent == nil,
                "contacts are kept for \(id), which is a sub-account or not there"
            )
            audit.expect(
                count <= Books.contactMaximum,
                "account \(id) has \(count) contacts, over the limit"
            )
        }
        self = audit
    }

    /// What a key is bound to exists.
    private mutating func checkKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var bound = 0
        try books.keys.forEach(in: transaction) { (id, key) throws(StoreError) in
            if let account = key.account {
                bound += 1
                audit.expect(
                    try audit.books.accountKeys.contains(KeyPair(account, id), in: transaction),
                    "key \(id) is not among those of account \(account)"
                )
                audit.expect(
                    try audit.books.accounts.contains(account, in: transaction),
                    "key \(id) is bound to account \(account), which is not there"
                )
            }
            for product in key.products ?? [] {
                audit.expect(
                    try audit.books.products.contains(product, in: transaction),
                    "key \(id) is bound to product \(product), which is not there"
                )
            }
            return .proceed
        }
        self = audit
        expectEqual(
            try books.accountKeys.count(in: transaction),
            bound,
            "the number of keys of accounts"
        )
    }
}
