import Bytes
public import Storage

extension Books {
    /// Whether the books balance (rule A10) and every index agrees with its records: sentences that
    /// name what is wrong and where, at most `limit`; none when all is right. Reads the whole store.
    ///
    /// A record that does not decode is a finding too, and so is a part that can't be read.
    ///
    /// - Parameter format: the store's, if it was not brought to the current one: what came later is not
    ///   asked of it.
    public func verify(
        limit: Int = 100,
        format: Int = Books.format.current,
        in transaction: borrowing some Transaction & ~Copyable
    ) -> [String] {
        var audit = Audit(self, limit: limit, format: format)
        audit.check("the log") { (audit) throws(StoreError) in
            try audit.checkLog(in: transaction)
        }
        audit.check("the replicated log") { (audit) throws(StoreError) in
            try audit.checkReplication(in: transaction)
        }
        audit.check("accounts, packages and keys") { (audit) throws(StoreError) in
            try audit.checkTenants(in: transaction)
        }
        audit.check("webhooks") { (audit) throws(StoreError) in
            try audit.checkWebhooks(in: transaction)
        }
        audit.check("authorities") { (audit) throws(StoreError) in
            try audit.checkAuthorities(in: transaction)
        }
        audit.check("alerts") { (audit) throws(StoreError) in
            try audit.checkAlerts(in: transaction)
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
            try audit.checkFirmware(in: transaction)
        }
        audit.check("answers to idempotency keys") { (audit) throws(StoreError) in
            try audit.checkAnswers(in: transaction)
        }
        return audit.findings
    }
}

/// One reading of the whole store that collects what does not agree.
///
/// Nothing that is wrong ends it: a record that does not decode is a finding and counts as missing,
/// and sums wrap around rather than trap. Its memory grows with the number of accounts, lots and
/// top-up packs, and by a bit for each consumed code of one product, not with the devices.
struct Audit {
    let books: Books
    private let limit: Int

    /// The store's.
    let format: Int
    private(set) var findings: [String] = []
    private var known: Set<String> = []

    /// What the log says there should be; found first, compared with the tables later.
    var log = LogTally()

    /// Found on the way through the products, compared with the indexes at the end.
    var devices = DeviceTally()

    /// By product; found before the products are read.
    var staged: [ProductKey: StagedTally] = [:]

    init(_ books: Books, limit: Int, format: Int) {
        self.books = books
        self.limit = limit
        self.format = format
    }

    /// The same finding is named once, however often it is come across.
    mutating func expect(_ condition: Bool, _ finding: @autoclosure () -> String) {
        if condition || findings.count >= limit { return }
        let text = finding()
        if known.insert(text).inserted { findings.append(text) }
    }

    mutating func expectEqual<Value: Equatable>(
        _ left: Value,
        _ right: Value,
        _ subject: @autoclosure () -> String
    ) {
        expect(left == right, "\(subject()): \(left) is not \(right)")
    }
}

/// Reading what may be damaged.
extension Audit {
    /// Runs a part of the check. What the store itself can't read ends that part only, as a finding.
    mutating func check(
        _ subject: String,
        _ body: (inout Audit) throws(StoreError) -> Void
    ) {
        do throws(StoreError) {
            try body(&self)
        } catch {
            expect(false, "\(subject) can't be read to the end: \(error)")
        }
    }

    /// Goes through a table; what does not decode is a finding, and passed over.
    mutating func read<Key: StorageKey, Record: StorageRecord>(
        _ table: Table<Key, Record>,
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (inout Audit, Key, Record) throws(StoreError) -> Void
    ) throws(StoreError) {
        try table.scan(in: transaction) { (keyBytes, recordBytes) throws(StoreError) in
            if let (key, record) = try decode(keyBytes, recordBytes, of: table) {
                try body(&self, key, record)
            }
            return .proceed
        }
    }

    /// The same for the keys that begin with `prefix`.
    mutating func read<Key: StorageKey, Record: StorageRecord>(
        _ table: Table<Key, Record>,
        prefix: some StorageKey,
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (inout Audit, Key, Record) throws(StoreError) -> Void
    ) throws(StoreError) {
        try table.scan(in: transaction, prefix: prefix) {
            (keyBytes, recordBytes) throws(StoreError) in
            if let (key, record) = try decode(keyBytes, recordBytes, of: table) {
                try body(&self, key, record)
            }
            return .proceed
        }
    }

    private mutating func decode<Key: StorageKey, Record: StorageRecord>(
        _ keyBytes: Span<UInt8>,
        _ recordBytes: Span<UInt8>,
        of table: Table<Key, Record>
    ) throws(StoreError) -> (key: Key, record: Record)? {
        var keyReader = ByteReader(keyBytes)
        guard let key = Key(decoding: &keyReader), keyReader.isAtEnd else {
            let digits = Self.digits(of: keyBytes)
            expect(false, "table \(table.name): a key is damaged: \(digits)")
            return nil
        }
        var reader = ByteReader(recordBytes)
        do throws(MalformedRecord) {
            let record = try Record(decoding: &reader)
            guard reader.isAtEnd else { throw .malformed(what: "bytes behind its end") }
            return (key, record)
        } catch {
            expect(false, "table \(table.name): the record of \(key) is damaged: \(error.what)")
            return nil
        }
    }

    /// What `body` finds; `nil` also when a record on the way is damaged, which the reading of its
    /// own table names.
    func find<Found>(
        _ body: () throws(StoreError) -> Found?
    ) throws(StoreError) -> Found? {
        do throws(StoreError) {
            return try body()
        } catch .malformed {
            return nil
        }
    }

    /// The record at `key`, if there is one that can be read.
    func get<Key: StorageKey, Record: StorageRecord>(
        _ key: Key,
        of table: Table<Key, Record>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Record? {
        try find { () throws(StoreError) in try table.get(key, in: transaction) }
    }

    /// Names the entries that an index should not have, when it has another number of them than there
    /// should be; that it has all it should have is found elsewhere.
    ///
    /// - Parameter wasRead: not again, unless it must.
    mutating func expectCount<Key: StorageKey, Record: StorageRecord>(
        of table: Table<Key, Record>,
        _ expected: Int,
        wasRead: Bool = false,
        in transaction: borrowing some Transaction & ~Copyable,
        _ isRight: (borrowing Audit, Key, Record) throws(StoreError) -> Bool
    ) throws(StoreError) {
        let count = try table.count(in: transaction)
        expectEqual(count, expected, "the number of records in table \(table.name)")
        if count == expected && wasRead { return }
        try read(table, in: transaction) { (audit, key, record) throws(StoreError) in
            if count == expected { return }
            let isRight = try isRight(audit, key, record)
            audit.expect(isRight, "table \(table.name): \(key) is too many")
        }
    }

    private static func digits(of bytes: Span<UInt8>) -> String {
        var text = ""
        for index in bytes.indices {
            text += String(bytes[index] >> 4, radix: 16) + String(bytes[index] & 15, radix: 16)
        }
        return text
    }
}
