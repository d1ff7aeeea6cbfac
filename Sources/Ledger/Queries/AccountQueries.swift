public import Storage

/// Rule A1: `total = used + remaining`; unassigned codes are part of remaining. Codes that went with
/// a deleted product unconsumed (rule B9) are in none of them.
public struct AccountFigures: Hashable, Sendable {
    public let total: UInt64
    public let used: UInt64
    public let remaining: UInt64
    public let unassigned: UInt64
}

/// What the books say about accounts.
extension Books {
    public func account(
        _ id: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountRecord? {
        try accounts.get(id, in: transaction)
    }

    /// By id. With a `parent`, only its sub-accounts.
    public func accounts(
        parent: AccountID? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(id: AccountID, record: AccountRecord)> {
        guard let parent else {
            return try page(of: accounts, cursor: cursor, limit: limit, in: transaction) {
                ($0, $1)
            }
        }
        return try page(
            of: subAccounts, prefix: parent, reads: 2, cursor: cursor, limit: limit, in: transaction
        ) { (key, _) throws(StoreError) in
            try accounts.get(key.second, in: transaction).map { (key.second, $0) }
        }
    }

    /// The ids of all sub-accounts of one account: at most `subAccountMaximum`.
    public func subAccounts(
        of parent: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AccountID] {
        var found: [AccountID] = []
        try subAccounts.forEach(in: transaction, prefix: parent) { key, _ in
            found.append(key.second)
            return .proceed
        }
        return found
    }

    /// An account, and behind it its sub-accounts: what a key that is bound to it reaches.
    public func family(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AccountID] {
        [account] + (try subAccounts(of: account, in: transaction))
    }

    /// Who gets the account's alerts besides its owner, by address. A sub-account's are its parent's
    /// (rule E1).
    public func contacts(
        of account: AccountID,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(email: EmailAddress, record: ContactRecord)> {
        let owner = try contactOwner(of: account, in: transaction) ?? account
        return try page(
            of: contacts, prefix: owner, cursor: cursor, limit: limit, in: transaction
        ) { ($0.second, $1) }
    }

    /// One of them; `nil` when there is none of that address. Letters are the same, large or small, for
    /// those who write to people, whatever a mailbox may make of them.
    public func contact(
        _ email: EmailAddress,
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (email: EmailAddress, record: ContactRecord)? {
        let held = try contacts(of: account, limit: 1_000, in: transaction).elements
        let text = email.text.lowercased()
        return held.first { $0.email == email } ?? held.first { $0.email.text.lowercased() == text }
    }

    /// Whose list a contact of the account is on: an account and its sub-accounts have one (rule E1).
    /// `nil` when there is no such account.
    func contactOwner(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountID? {
        try accounts.get(account, in: transaction).map { $0.parent ?? account }
    }

    /// Rule A1, summed over the account's packages and data centres. With a data centre, only what is
    /// counted there (rule B13): products that are at home in it, and the unassigned codes of an
    /// account that is.
    public func figures(
        of account: AccountID,
        at dataCentre: DataCentreID? = nil,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountFigures {
        func counts(_ home: DataCentreID?) -> Bool { dataCentre == nil || dataCentre == home }
        var unassigned: UInt64 = 0
        if counts(try accounts.get(account, in: transaction)?.dataCentre) {
            try holdings.forEach(in: transaction, prefix: account) { _, holding in
                unassigned += holding.unassigned
                return .proceed
            }
        }
        var (used, remaining) = (UInt64(0), unassigned)
        // Data centres are few.
        try accountTotals.forEach(in: transaction, prefix: account) { place, total in
            guard counts(place.second) else { return .proceed }
            used += total.used
            remaining += total.remaining
            return .proceed
        }
        return AccountFigures(
            total: used + remaining,
            used: used,
            remaining: remaining,
            unassigned: unassigned
        )
    }

    /// The account's codes by package.
    public func holdings(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(package: PackageID, record: HoldingRecord)] {
        var found: [(PackageID, HoldingRecord)] = []
        try holdings.forEach(in: transaction, prefix: account) { key, record in
            found.append((key.second, record))
            return .proceed
        }
        return found
    }

    /// The account's products, deleted ones among them, in order.
    public func productKeys(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [ProductKey] {
        var found: [ProductKey] = []
        try accountProducts.forEach(in: transaction, prefix: account) { key, _ in
            found.append(key.second)
            return .proceed
        }
        return found
    }
}
