public import Storage

extension Books {
    /// Whether the books balance (rule A10) and every index agrees with its records: sentences that
    /// name what is wrong and where, at most `limit`; none when all is right. Reads the whole store.
    ///
    /// A record that does not decode is a finding too. Throws only what the store itself does.
    public func verify(
        limit: Int = 100,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [String] {
        var audit = Audit(self, limit: limit)
        try audit.checkLog(in: transaction)
        try audit.checkTenants(in: transaction)
        try audit.checkBatches(in: transaction)
        try audit.checkHoldings(in: transaction)
        try audit.checkRanges(in: transaction)
        try audit.checkAssignments(in: transaction)
        try audit.checkImports(in: transaction)
        try audit.checkProducts(in: transaction)
        try audit.checkIndexes(in: transaction)
        try audit.checkTopUps(in: transaction)
        try audit.checkUpgrades(in: transaction)
        try audit.checkAnswers(in: transaction)
        return audit.findings
    }
}
