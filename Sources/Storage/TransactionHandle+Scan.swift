internal import CLMDB

extension TransactionHandle {
    /// Calls `body` with the keys and records of `range`, in order, until it stops or `limit` were
    /// seen.
    @usableFromInline
    func scan(
        _ range: ScanRange,
        in table: UInt32,
        limit: Int,
        _ body: (Span<UInt8>, Span<UInt8>) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        var cursor = try Cursor(self, table: table)
        var isThere = try begin(range, &cursor)
        var left = limit
        while isThere && left > 0 {
            let key = cursor.currentKey(lentBy: self)
            guard range.contains(key) else { return }
            let record = cursor.currentRecord(lentBy: self)
            lend()
            defer { takeBack() }
            if try body(key, record) == .stop { return }
            left -= 1
            isThere = try cursor.move(range.isReversed ? MDB_PREV : MDB_NEXT)
        }
    }

    /// Puts the cursor at the range's first key in its direction, or past it if there is none.
    private func begin(
        _ range: ScanRange, _ cursor: inout Cursor
    ) throws(StoreError) -> Bool {
        range.isReversed ? try beginAtUpper(range, &cursor) : try beginAtLower(range, &cursor)
    }

    private func beginAtLower(
        _ range: ScanRange, _ cursor: inout Cursor
    ) throws(StoreError) -> Bool {
        let isPrefixHigher = range.lower.order(to: range.prefix) < 0
        let start = isPrefixHigher ? range.prefix : range.lower
        if start.isEmpty { return try cursor.move(MDB_FIRST) }
        guard try cursor.seek(start) else { return false }
        if range.isAboveLower(cursor.currentKey(lentBy: self)) { return true }
        return try cursor.move(MDB_NEXT)
    }

    private func beginAtUpper(
        _ range: ScanRange, _ cursor: inout Cursor
    ) throws(StoreError) -> Bool {
        var end = KeyWriter()
        end.append(range.prefix)
        let hasEnd = end.advancePastPrefix()
        if range.upper.isEmpty || (hasEnd && end.span.order(to: range.upper) <= 0) {
            if !hasEnd { return try cursor.move(MDB_LAST) }
            return try cursor.seekBackward(end.span, including: false, lentBy: self)
        }
        return try cursor.seekBackward(
            range.upper, including: range.includesUpper, lentBy: self)
    }
}
