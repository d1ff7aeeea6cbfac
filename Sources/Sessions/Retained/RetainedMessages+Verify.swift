public import Storage

extension RetainedMessages {
    /// Whether every message can be read and lies where its topic says, its expiry is in the index and
    /// nothing else is, and the totals are the sums: sentences that name what is wrong, at most
    /// `limit`. Reads all of it.
    public func verify(
        limit: Int = 100,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [String] {
        var audit = RetainedAudit(self, limit: limit)
        try audit.run(in: transaction)
        return audit.findings
    }
}
