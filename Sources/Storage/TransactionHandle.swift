internal import CLMDB
internal import Glibc

/// An open transaction, lent to a table for the length of a call.
@safe
public struct TransactionHandle: ~Escapable {
    let pointer: OpaquePointer

    /// Nil in a read transaction, whose pages never change.
    let writerState: UnsafeMutablePointer<WriterState>?

    /// Which environment's: a table is only good in its own.
    @usableFromInline let environment: ObjectIdentifier

    /// Of a transaction that is to let go early when all are asked to.
    private let gate: Unmanaged<Gate>?

    @_lifetime(borrow owner)
    init(
        _ pointer: OpaquePointer,
        writerState: UnsafeMutablePointer<WriterState>?,
        environment: ObjectIdentifier,
        gate: Unmanaged<Gate>?,
        owner: borrowing some ~Copyable
    ) {
        // Safe: the owner, a transaction, ends `pointer` in its `deinit` and outlives this value.
        unsafe self.pointer = pointer
        unsafe self.writerState = writerState
        self.environment = environment
        unsafe self.gate = gate
    }

    /// Throws when the environment has to be opened again, for which this transaction has to end.
    func requireTime() throws(StoreError) {
        // Safe: the transaction, which outlives this value, keeps the environment, and that its gate.
        let isWanted = unsafe gate?._withUnsafeGuaranteedRef { $0.isWanted } ?? false
        if isWanted {
            throw .system(code: EINTR, operation: "reading while the store is opened again")
        }
    }

    /// A record's bytes are lent out: until they are back, writing would move them.
    @usableFromInline
    func lend() {
        // Safe: the count lives as long as the environment, which the transaction keeps alive, and
        // is only touched by the thread of the one write transaction.
        unsafe writerState?.pointee.lentRecords += 1
    }

    @usableFromInline
    func takeBack() { unsafe writerState?.pointee.lentRecords -= 1 }

    /// Traps when a record is lent out: a put or delete would change the bytes under its reader.
    private func willWrite() throws(StoreError) {
        guard let state = unsafe writerState else { return }
        precondition(
            unsafe state.pointee.lentRecords == 0,
            "a write inside withRecord or forEach would move the borrowed record"
        )
        try unsafe state.pointee.countWrite()
    }

    /// The number of the table of that name, made if need be (`mdb_dbi_open`).
    func openTable(_ name: String) throws(StoreError) -> UInt32 {
        var table: UInt32 = 0
        // Safe: LMDB copies the name. It wants one transaction at a time to do this, and this is
        // the write transaction.
        let code = unsafe mdb_dbi_open(pointer, name, UInt32(MDB_CREATE), &table)
        try StoreError.check(code, "mdb_dbi_open \(name)")
        // Safe: the count lives as long as the environment, and is only touched by the one writer.
        unsafe writerState?.pointee.noteTable(name, table)
        return table
    }

    /// The number of the table of that name; nil when there is none (`mdb_dbi_open`). In a read
    /// transaction the number is good for that one only.
    func existingTable(_ name: String) throws(StoreError) -> UInt32? {
        var table: UInt32 = 0
        // Safe: LMDB copies the name. It wants one transaction at a time to do this: stores are opened
        // by one thread, which is also the one to ask.
        let code = unsafe mdb_dbi_open(pointer, name, 0, &table)
        guard try StoreError.isFound(code, "mdb_dbi_open \(name)") else { return nil }
        return table
    }

    /// Whether nothing was ever written to the environment: the table of names is empty.
    func isWithoutTables() throws(StoreError) -> Bool {
        var table: UInt32 = 0
        // Safe: no name asks for the table of names, which is always open.
        try StoreError.check(unsafe mdb_dbi_open(pointer, nil, 0, &table), "mdb_dbi_open")
        return try count(in: table) == 0
    }

    /// The record at `key`, borrowed from the map (`mdb_get`).
    @usableFromInline
    @_lifetime(copy self)
    func find(_ key: Span<UInt8>, in table: UInt32) throws(StoreError) -> Span<UInt8>? {
        var found = unsafe MDB_val()
        // Safe: LMDB only reads the key, and only during the call.
        let code = unsafe key.withUnsafeBytes { bytes in
            var name = unsafe MDB_val(borrowing: bytes)
            return unsafe mdb_get(pointer, table, &name, &found)
        }
        guard try StoreError.isFound(code, "mdb_get") else { return nil }
        // Safe: LMDB keeps the bytes until the transaction ends or writes; the first is after this
        // handle's lifetime, the second is trapped by `willWrite` while the record is lent.
        return unsafe found.span(lentBy: self)
    }

    /// Stores `record` at `key`; false when `overwriting` is not allowed and there is one
    /// (`mdb_put`).
    @usableFromInline
    func store(
        _ record: Span<UInt8>,
        at key: Span<UInt8>,
        in table: UInt32,
        overwriting: Bool
    ) throws(StoreError) -> Bool {
        try willWrite()
        let flags = overwriting ? 0 : UInt32(MDB_NOOVERWRITE)
        // Safe: LMDB copies the key and the record during the call.
        let code = unsafe key.withUnsafeBytes { keyBytes in
            unsafe record.withUnsafeBytes { recordBytes in
                var name = unsafe MDB_val(borrowing: keyBytes)
                var value = unsafe MDB_val(borrowing: recordBytes)
                return unsafe mdb_put(pointer, table, &name, &value, flags)
            }
        }
        if !overwriting && code == MDB_KEYEXIST { return false }
        try StoreError.check(code, "mdb_put")
        return true
    }

    /// Removes the record at `key`; false when there is none (`mdb_del`).
    @usableFromInline
    func remove(_ key: Span<UInt8>, in table: UInt32) throws(StoreError) -> Bool {
        try willWrite()
        // Safe: LMDB only reads the key, and only during the call.
        let code = unsafe key.withUnsafeBytes { bytes in
            var name = unsafe MDB_val(borrowing: bytes)
            return unsafe mdb_del(pointer, table, &name, nil)
        }
        return try StoreError.isFound(code, "mdb_del")
    }

    /// Removes every record of the table (`mdb_drop`).
    @usableFromInline
    func removeAll(in table: UInt32) throws(StoreError) {
        try willWrite()
        try StoreError.check(unsafe mdb_drop(pointer, table, 0), "mdb_drop")
    }

    /// How many records the table has; kept by LMDB, not counted (`mdb_stat`).
    @usableFromInline
    func count(in table: UInt32) throws(StoreError) -> Int {
        var figures = MDB_stat()
        try StoreError.check(unsafe mdb_stat(pointer, table, &figures), "mdb_stat")
        return figures.ms_entries
    }
}

extension Environment {
    /// Commits a transaction that changes next to nothing.
    ///
    /// LMDB uses the pages that a commit has freed again only in the second transaction after it.
    /// With the map full, the first one cannot be had by a larger write: it would fail, and an
    /// aborted transaction does not count.
    func turnOver() throws(StoreError) {
        try write { transaction throws(StoreError) in
            let code = unsafe Environment.touch(transaction.handle.pointer)
            try StoreError.check(code, "mdb_put")
        }
    }
}

extension Environment {
    /// Writes one small record beside the names of the tables: the fewest pages a change can take. Answers LMDB's
    /// code.
    static func touch(_ transaction: OpaquePointer?) -> Int32 {
        var table: UInt32 = 0
        // Safe: no name asks for the table of names, which is always open.
        let code = unsafe mdb_dbi_open(transaction, nil, 0, &table)
        if code != MDB_SUCCESS { return code }
        let key: InlineArray<2, UInt8> = [0, UInt8(ascii: "t")]
        let record: InlineArray<1, UInt8> = [0]
        // Safe: LMDB copies the key and the record during the call.
        return unsafe key.span.withUnsafeBytes { keyBytes in
            unsafe record.span.withUnsafeBytes { recordBytes in
                var name = unsafe MDB_val(borrowing: keyBytes)
                var value = unsafe MDB_val(borrowing: recordBytes)
                return unsafe mdb_put(transaction, table, &name, &value, 0)
            }
        }
    }
}

extension MDB_val {
    /// A value for LMDB to read during one call; it does not write through it.
    init(borrowing bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: bytes.count,
            mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        )
    }

    /// The bytes LMDB has pointed this value at, for as long as `owner` may be used; that it keeps
    /// them until then, the caller guarantees.
    @_lifetime(copy owner)
    func span(lentBy owner: TransactionHandle) -> Span<UInt8> {
        // Safe: LMDB answers `mv_size` initialised bytes at `mv_data`, or none.
        let bytes = unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size)
        let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
        return unsafe _overrideLifetime(span, copying: owner)
    }
}
