internal import CLMDB

extension Environment {
    /// Commits a transaction that changes next to nothing.
    ///
    /// LMDB uses the pages that a commit has freed again only in the second transaction after it.
    /// With the map full, the first one cannot be had by a larger write: it would fail, and an
    /// aborted transaction does not count.
    func turnOver() throws(StoreError) {
        try write { transaction throws(StoreError) in
            try transaction.handle.touch()
        }
    }
}

extension TransactionHandle {
    /// Writes one small record beside the names of the tables: the fewest pages a change can take.
    func touch() throws(StoreError) {
        var table: UInt32 = 0
        // Safe: no name asks for the table of names, which is always open.
        try StoreError.check(unsafe mdb_dbi_open(pointer, nil, 0, &table), "mdb_dbi_open")
        let key: InlineArray<2, UInt8> = [0, UInt8(ascii: "t")]
        let record: InlineArray<1, UInt8> = [0]
        _ = try store(record.span, at: key.span, in: table, overwriting: true)
    }
}
