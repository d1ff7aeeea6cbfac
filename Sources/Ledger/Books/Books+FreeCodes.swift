import Storage

/// Rule A7: codes that are given, not bought.
extension Books {
    /// What a package is called that the first free codes make.
    static var freePackageName: String { "Free codes" }

    /// Gives free codes to an account, or to the product straight away; none when `quantity` is 0.
    func grant(
        _ quantity: UInt64,
        on terms: FreeCodeTerms,
        to account: AccountID,
        product: ProductKey? = nil,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard quantity > 0 else { return }
        if try !packages.contains(terms.package, in: transaction) {
            let record = PackageRecord(
                name: Self.freePackageName,
                allowance: terms.allowance,
                createdAt: command.at
            )
            try packages.put(terms.package, record, in: transaction)
            _ = try self.record(
                .packageCreated(terms.package, terms.allowance),
                command,
                in: transaction
            )
        }
        _ = try enter(.grant, account, terms.package, quantity, product, command, in: transaction)
    }
}
