internal import Bytes

/// The format of a store as a whole: which tables there are, and what their records mean.
///
/// A record's version says how that one record is laid out, and its decoder takes every older one. What
/// concerns more than a record, a new index, say, is a step of the format: it has a number, which is in
/// the store, and a migration from the number before. A store without a number is of format 1.
public struct StoreFormat: Sendable {
    /// Takes a store from one format to the next.
    public struct Migration: Sendable {
        /// What is different in the format that it leads to.
        public let change: String
        let migrate: @Sendable (borrowing WriteTransaction) throws(StoreError) -> Void

        /// - Parameter migrate: writes the change. It must give the same store whenever and wherever it
        ///   runs, and opens tables with `Table.init(_:in:)` of the transaction. Records are taken a
        ///   batch at a time (`Table.rewrite`), as a store may be larger than the memory.
        public init(
            _ change: String,
            _ migrate: @escaping @Sendable (borrowing WriteTransaction) throws(StoreError) -> Void
        ) {
            self.change = change
            self.migrate = migrate
        }
    }

    /// The first leads from format 1 to format 2, and so on.
    public let migrations: [Migration]

    public init(migrations: [Migration]) { self.migrations = migrations }

    /// What this program writes.
    public var current: Int { migrations.count + 1 }

    /// Brings the store there to the current format, in one transaction: all steps are in it after a
    /// crash, or none. A new store is of the current format at once. Call it before anything else opens
    /// the environment's tables.
    ///
    /// Throws `.newerFormat`, having changed nothing, when a newer program has written the store.
    /// - Returns: the format that it had.
    @discardableResult
    public func migrate(_ environment: Environment) throws(StoreError) -> Int {
        let found = try require(in: environment)
        let isNumbered = try environment.read { transaction throws(StoreError) in
            try Self.number(in: transaction.handle) != nil
        }
        if isNumbered && found == current { return found }
        while true {
            do throws(StoreError) {
                try write(to: environment, from: found)
                return found
            } catch .mapFull {
                // All of it is one change, which may need more than is left.
                if !environment.grow() { throw .mapFull }
            }
        }
    }

    private func write(to environment: Environment, from found: Int) throws(StoreError) {
        try environment.write { transaction throws(StoreError) in
            for migration in migrations.dropFirst(found - 1) { try migration.migrate(transaction) }
            let table = try Table<UInt32, FormatRecord>(Self.table, in: transaction)
            try table.put(Self.key, FormatRecord(number: current), in: transaction)
        }
    }

    /// The format of the store there, as it is; of a new one, the current format.
    ///
    /// Throws `.newerFormat` when this program doesn't know it.
    public func require(in environment: Environment) throws(StoreError) -> Int {
        let found = try environment.read { transaction throws(StoreError) in
            if let number = try Self.number(in: transaction.handle) { return number }
            return try transaction.handle.isWithoutTables() ? current : 1
        }
        if found > current { throw .newerFormat(found, known: current) }
        return found
    }

    private static let table = "format"
    private static let key: UInt32 = 0

    private static func number(in handle: TransactionHandle) throws(StoreError) -> Int? {
        guard let table = try handle.existingTable(Self.table) else { return nil }
        let key = KeyWriter(Self.key)
        guard let bytes = try handle.find(key.span, in: table) else {
            throw .malformed(what: "format number")
        }
        return try Table<UInt32, FormatRecord>.decodeRecord(bytes).number
    }
}

/// The one record of the table `format`. Its layout is for good: older programs read it.
struct FormatRecord: StorageRecord {
    let number: Int

    init(number: Int) { self.number = number }

    func encode(into buffer: inout ByteBuffer) { buffer.append(UInt32(number)) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        number = Int(try reader.takeUInt32())
        guard number > 0 else { throw .malformed(what: "format number") }
    }
}

extension Table {
    /// Writes each record anew, in its present layout, and as `change` leaves it. For migrations: holds
    /// `batch` records in memory at a time.
    public func rewrite(
        in transaction: borrowing WriteTransaction,
        batch: Int = 1_024,
        _ change: (Key, inout Record) throws(StoreError) -> Void = { _, _ in }
    ) throws(StoreError) {
        precondition(batch > 0)
        var start = KeyBound<Key>.unbounded
        var records: [(key: Key, record: Record)] = []
        repeat {
            records.removeAll(keepingCapacity: true)
            try forEach(in: transaction, from: start, limit: batch) { key, record in
                records.append((key, record))
                return .proceed
            }
            for index in records.indices {
                try change(records[index].key, &records[index].record)
                try put(records[index].key, records[index].record, in: transaction)
            }
            if let last = records.last { start = .excluding(last.key) }
        } while records.count == batch
    }
}
