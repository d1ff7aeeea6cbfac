import Storage

/// Which products a question can mean, so that their own indexes are asked and not everybody's.
extension Books {
    /// The products that a filter can mean that says something about products or a device. `nil` when
    /// it says nothing, or when they are too many to be asked one by one: then the list of all is
    /// walked.
    func candidates(
        for filter: ActivationFilter,
        evenIfDeleted: Bool = false,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(key: ProductKey, record: ProductRecord)]? {
        var keys: [ProductKey] = []
        if let products = filter.products {
            keys = Set(products).sorted()
        } else if let accounts = filter.accounts {
            for account in Set(accounts).sorted() where keys.count <= candidateMaximum {
                let room = candidateMaximum + 1 - keys.count
                try accountProducts.forEach(in: transaction, prefix: account, limit: room) {
                    key, _ in
                    keys.append(key.second)
                    return .proceed
                }
            }
            keys.sort()
        } else if filter.productName != nil || filter.device != nil {
            try products.forEach(in: transaction, limit: candidateMaximum + 1) { key, _ in
                keys.append(key)
                return .proceed
            }
        } else {
            return nil
        }
        if keys.count > candidateMaximum { return nil }
        var found: [(key: ProductKey, record: ProductRecord)] = []
        for key in keys {
            if let record = try products.get(key, in: transaction),
                evenIfDeleted || !record.isDeleted, filter.matches(key, record)
            {
                found.append((key, record))
            }
        }
        return found
    }

    /// Of products, for one page: what they cost, some three reads each, comes on top of the page's.
    private var candidateMaximum: Int { max(1, readsPerPage / 2) }
}
