public import Storage

extension Books {
    /// Whether the books balance (rule A10) and every index agrees with its records: sentences that
    /// name what is wrong and where, at most `limit`; none when all is right. Reads the whole store.
    ///
    /// A record that does not decode is a finding too, and so is a part that can't be read.
    public func verify(
        limit: Int = 100,
        in transaction: borrowing some Transaction & ~Copyable
    ) -> [String] {
        var audit = Audit(self, limit: limit)
        audit.check("the log") { (audit) throws(StoreError) in
            try audit.checkLog(in: transaction)
        }
        audit.check("accounts, packages and keys") { (audit) throws(StoreError) in
            try audit.checkTenants(in: transaction)
        }
        audit.check("the codes of accounts") { (audit) throws(StoreError) in
            try audit.checkBatches(in: transaction)
            try audit.checkHoldings(in: transaction)
            try audit.checkRanges(in: transaction)
            try audit.checkAssignments(in: transaction)
        }
        audit.check("imports") { (audit) throws(StoreError) in
            try audit.checkImports(in: transaction)
        }
        audit.check("products and devices") { (audit) throws(StoreError) in
            try audit.checkProducts(in: transaction)
            try audit.checkIndexes(in: transaction)
        }
        audit.check("the totals of accounts") { (audit) throws(StoreError) in
            try audit.checkTotals(in: transaction)
        }
        audit.check("top-up packs") { (audit) throws(StoreError) in
            try audit.checkTopUps(in: transaction)
        }
        audit.check("upgrades") { (audit) throws(StoreError) in
            try audit.checkUpgrades(in: transaction)
        }
        audit.check("answers to idempotency keys") { (audit) throws(StoreError) in
            try audit.checkAnswers(in: transaction)
        }
        return audit.findings
    }
}
