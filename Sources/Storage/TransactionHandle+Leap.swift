internal import CLMDB

extension TransactionHandle {
    /// Calls `body` with the keys and records from `start` on, where it says.
    @usableFromInline
    func leap(
        in table: UInt32,
        from start: Span<UInt8>,
        _ body: (Span<UInt8>, Span<UInt8>, inout KeyWriter) throws(StoreError) -> Leap
    ) throws(StoreError) {
        var cursor = try Cursor(self, table: table)
        var target = KeyWriter()
        var isThere = start.isEmpty ? try cursor.move(MDB_FIRST) : try cursor.seek(start)
        while isThere {
            let key = cursor.currentKey(lentBy: self)
            let record = cursor.currentRecord(lentBy: self)
            target.removeAll()
            switch try lending({ () throws(StoreError) in try body(key, record, &target) }) {
            case .stop: return
            case .next: isThere = try cursor.move(MDB_NEXT)
            case .toTarget:
                precondition(target.span.order(to: key) > 0, "a leap goes forward")
                isThere = try cursor.seek(target.span)
            }
        }
    }

    /// Runs `body` while a record is lent out.
    private func lending(_ body: () throws(StoreError) -> Leap) throws(StoreError) -> Leap {
        lend()
        defer { takeBack() }
        return try body()
    }
}
