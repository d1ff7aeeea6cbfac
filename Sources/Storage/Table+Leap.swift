/// Records in ascending order, leaving out what the reader knows it does not want.
extension Table {
    /// Calls `body` with the bytes of keys and records, borrowed from the map, from the first key at
    /// or after `start` on (the first of all if that is empty). Before it answers `.toTarget`, it
    /// writes a key into the writer, which it gets empty.
    ///
    /// In a write transaction a put or delete in `body` traps.
    @inlinable
    public func leap(
        in transaction: borrowing some Transaction & ~Copyable,
        from start: Span<UInt8>,
        _ body: (Span<UInt8>, Span<UInt8>, inout KeyWriter) throws(StoreError) -> Leap
    ) throws(StoreError) {
        try checked(transaction.handle).leap(in: identifier, from: start, body)
    }
}
