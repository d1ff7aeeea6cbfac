import Storage

/// Codes of all products of an account together (rules A1 and B13).
extension Books {
    /// Codes came to the product, were consumed by it, or are lost with it. No record means none.
    func countCodes(
        of product: ProductRecord,
        gained: UInt64 = 0,
        used: UInt64 = 0,
        lost: UInt64 = 0,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let place = KeyPair(product.account, product.dataCentre)
        var total = try accountTotals.get(place, in: transaction) ?? AccountTotalRecord()
        guard total.remaining + gained >= used + lost else {
            throw .malformed(what: "account \(product.account) with fewer codes than its products")
        }
        total.remaining = total.remaining + gained - used - lost
        total.used += used
        if total == AccountTotalRecord() {
            try accountTotals.delete(place, in: transaction)
        } else {
            try accountTotals.put(place, total, in: transaction)
        }
    }
}
