/// One thread's way to read without allocating: a read transaction that is kept between uses.
///
/// Holds a reader slot of the environment for its lifetime, but a snapshot only while
/// `withTransaction` runs, so a thread that sleeps holds back no page.
public struct CachedReader: ~Copyable {
    private let transaction: ReadTransaction

    public init(_ environment: Environment) throws(StoreError) {
        transaction = try ReadTransaction(in: environment)
        transaction.reset()
    }

    /// Runs `body` on a snapshot as of now. Do many lookups in one, rather than one in each: the
    /// first use of every table in a snapshot costs a second, shorter lookup.
    public mutating func withTransaction<Result: ~Copyable>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try transaction.renew()
        defer { transaction.reset() }
        return try body(transaction)
    }
}
