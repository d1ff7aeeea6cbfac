public import Bytes

/// A named table of an environment: records by key, in the order of the keys' bytes.
///
/// Open it once and keep it; it is a small value that all threads may use. Every verb works inside
/// a transaction of the same environment.
@frozen
public struct Table<Key: StorageKey, Record: StorageRecord>: Sendable {
    public let name: String
    @usableFromInline let identifier: UInt32
    @usableFromInline let environment: ObjectIdentifier

    /// Opens the table, and creates it if it is not there, in a write transaction of its own
    /// (`mdb_dbi_open`). The environment's `maximumTables` limits how many.
    public init(_ name: String, in environment: Environment) throws(StoreError) {
        self.name = name
        self.identifier = try environment.write { transaction throws(StoreError) in
            try transaction.handle.openTable(name)
        }
        self.environment = ObjectIdentifier(environment)
    }

    /// The same in a transaction under way: the table is there for others once that is committed.
    public init(_ name: String, in transaction: borrowing WriteTransaction) throws(StoreError) {
        self.name = name
        identifier = try transaction.handle.openTable(name)
        environment = transaction.handle.environment
    }

    /// The record at `key`, decoded; nil when there is none.
    @inlinable
    public func get(
        _ key: Key,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Record? {
        let handle = checked(transaction.handle)
        let name = KeyWriter(key)
        guard let bytes = try handle.find(name.span, in: identifier) else { return nil }
        return try Self.decodeRecord(bytes)
    }

    /// Lends the record's bytes at `key` to `body`, straight from the map; nil when there is none.
    /// In a write transaction `body` must not write: that traps.
    @inlinable
    public func withRecord<Result: ~Copyable>(
        _ key: Key,
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (Span<UInt8>) throws(StoreError) -> Result
    ) throws(StoreError) -> Result? {
        let handle = checked(transaction.handle)
        let name = KeyWriter(key)
        guard let bytes = try handle.find(name.span, in: identifier) else { return nil }
        handle.lend()
        defer { handle.takeBack() }
        return try body(bytes)
    }

    @inlinable
    public func contains(
        _ key: Key,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        let name = KeyWriter(key)
        return try checked(transaction.handle).find(name.span, in: identifier) != nil
    }

    /// Stores `record` at `key`, in place of one that is there.
    @inlinable
    public func put(
        _ key: Key,
        _ record: Record,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        _ = try store(key, record, in: transaction, overwriting: true)
    }

    /// Stores `record` at `key` unless there is one; answers whether it did.
    @inlinable
    public func insert(
        _ key: Key,
        _ record: Record,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        try store(key, record, in: transaction, overwriting: false)
    }

    /// Removes the record at `key`; answers whether there was one.
    @inlinable
    @discardableResult
    public func delete(
        _ key: Key,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        let name = KeyWriter(key)
        return try checked(transaction.handle).remove(name.span, in: identifier)
    }

    /// Removes every record; the table stays.
    @inlinable
    public func deleteAll(in transaction: borrowing WriteTransaction) throws(StoreError) {
        try checked(transaction.handle).removeAll(in: identifier)
    }

    /// How many records there are: a figure that LMDB keeps, at the cost of a lookup.
    @inlinable
    public func count(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Int {
        try checked(transaction.handle).count(in: identifier)
    }

    @inlinable
    func store(
        _ key: Key,
        _ record: Record,
        in transaction: borrowing WriteTransaction,
        overwriting: Bool
    ) throws(StoreError) -> Bool {
        let handle = checked(transaction.handle)
        let name = KeyWriter(key)
        var bytes = ByteBuffer(capacity: 256)
        record.encode(into: &bytes)
        return try handle.store(bytes.span, at: name.span, in: identifier, overwriting: overwriting)
    }

    /// The handle, when it is of this table's environment; another's would read another table.
    @inlinable
    @_lifetime(copy handle)
    func checked(_ handle: TransactionHandle) -> TransactionHandle {
        precondition(handle.environment == environment, "a table of another environment")
        return handle
    }
}
