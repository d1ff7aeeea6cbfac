public import Storage

/// The keys by which tokens of a product's devices are checked, in a table of its own: only a CONNECT with a token reads
/// it.
extension Books {
    public func tokenKey(
        _ id: TokenKeyID,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TokenKeyRecord? {
        try tokenKeys.get(KeyPair(product, id), in: transaction)
    }

    /// By id; at most `TokenKey.countMaximum`.
    public func tokenKeys(
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [TokenKeyRecord] {
        var found: [TokenKeyRecord] = []
        try tokenKeys.forEach(in: transaction, prefix: product) { _, record in
            found.append(record)
            return .proceed
        }
        return found
    }

    /// The same, as a page of a list.
    public func tokenKeys(
        of product: ProductKey,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<TokenKeyRecord> {
        try page(
            of: tokenKeys, prefix: product, cursor: cursor, limit: limit, in: transaction
        ) { $1 }
    }

    func addTokenKey(
        _ key: TokenKey,
        to product: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(product, in: transaction) != nil else {
            return .refused(.products(.unknown(product)))
        }
        let place = KeyPair(product, key.id)
        guard try !tokenKeys.contains(place, in: transaction) else {
            return .refused(
                .commands(.alreadyExists(what: "token key \(key.id) of product \(product)")))
        }
        guard try tokenKeys(of: product, in: transaction).count < TokenKey.countMaximum else {
            return .refused(
                .products(.tooManyTokenKeys(maximum: UInt32(TokenKey.countMaximum))))
        }
        try tokenKeys.put(
            place, TokenKeyRecord(key: key, addedAt: command.at), in: transaction)
        return .done(
            try record(
                .products(.tokenKeyAdded(product, key.id, key.material.algorithm)), command,
                in: transaction))
    }

    func removeTokenKey(
        _ id: TokenKeyID,
        of product: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(product, in: transaction) != nil else {
            return .refused(.products(.unknown(product)))
        }
        let place = KeyPair(product, id)
        guard try tokenKeys.contains(place, in: transaction) else {
            return .refused(.products(.unknownTokenKey(product, id)))
        }
        try tokenKeys.delete(place, in: transaction)
        return .done(
            try record(.products(.tokenKeyRemoved(product, id)), command, in: transaction))
    }
}
