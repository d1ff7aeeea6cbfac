public import Storage

/// What the books say about codes: how they came, where they went.
extension Books {
    /// The account's batches of codes, oldest first.
    public func purchases(
        of account: AccountID,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Purchase> {
        try page(
            of: purchases, prefix: account, reads: 2, cursor: cursor, limit: limit, in: transaction
        ) { (key, _) throws(StoreError) in
            try batches.get(key.second, in: transaction)
                .map { Purchase(first: ActivationCode(serial: key.second), record: $0) }
        }
    }

    /// The batch that a code came with (rule A9); `nil` when there is no such code.
    public func purchase(
        of code: ActivationCode,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Purchase? {
        var found: Purchase?
        try batches.forEach(
            in: transaction,
            to: .including(code.serial),
            reversed: true,
            limit: 1
        ) { first, record in
            if code.serial - first < record.quantity {
                found = Purchase(first: ActivationCode(serial: first), record: record)
            }
            return .stop
        }
        return found
    }

    /// How many codes can be assigned to the product (rule A6): of its package, or, before it has
    /// one, of each package that the account holds unassigned codes of. Empty when there are none, or
    /// no such product.
    public func assignable(
        to key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        guard let product = try existing(key, in: transaction) else { return [] }
        var found: [Assignable] = []
        try holdings.forEach(in: transaction, prefix: product.account) { key, holding in
            let fits = product.package == nil || product.package == key.second
            if fits, holding.unassigned > 0 {
                found.append(Assignable(package: key.second, quantity: holding.unassigned))
            }
            return .proceed
        }
        return found
    }
}
