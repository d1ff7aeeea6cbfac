internal import CLMDB

/// A position in a table, for the length of one scan: whoever opens it lets go of it before the
/// transaction ends.
@safe
struct Cursor: ~Copyable {
    private let pointer: OpaquePointer
    private var key = unsafe MDB_val()
    private var record = unsafe MDB_val()

    /// Opens a cursor (`mdb_cursor_open`).
    init(_ handle: TransactionHandle, table: UInt32) throws(StoreError) {
        var pointer: OpaquePointer?
        // Safe: the transaction is open as long as its handle may be used.
        let code = unsafe mdb_cursor_open(handle.pointer, table, &pointer)
        try StoreError.check(code, "mdb_cursor_open")
        unsafe self.pointer = pointer.unsafelyUnwrapped
    }

    deinit {
        // Safe: closed once, while its transaction is open: `scan` alone makes cursors, inside one.
        unsafe mdb_cursor_close(pointer)
    }

    /// Moves; false when there is nothing there (`mdb_cursor_get`).
    mutating func move(_ operation: MDB_cursor_op) throws(StoreError) -> Bool {
        // Safe: both values are filled during the call.
        let code = unsafe mdb_cursor_get(pointer, &key, &record, operation)
        if code == MDB_NOTFOUND { return false }
        try StoreError.check(code, "mdb_cursor_get")
        return true
    }

    /// Moves to the first key at or after `target`; false when there is none.
    mutating func seek(_ target: Span<UInt8>) throws(StoreError) -> Bool {
        // Safe: LMDB reads the target during the call, and then points `key` into the map.
        let code = unsafe target.withUnsafeBytes { bytes in
            unsafe key = MDB_val(borrowing: bytes)
            return unsafe mdb_cursor_get(pointer, &key, &record, MDB_SET_RANGE)
        }
        if code == MDB_NOTFOUND { return false }
        try StoreError.check(code, "mdb_cursor_get")
        return true
    }

    /// Moves to the last key before `target`, or at it when that is `including`.
    mutating func seekBackward(
        _ target: Span<UInt8>,
        including: Bool,
        lentBy handle: TransactionHandle
    ) throws(StoreError) -> Bool {
        guard try seek(target) else { return try move(MDB_LAST) }
        if including && currentKey(lentBy: handle).order(to: target) == 0 { return true }
        return try move(MDB_PREV)
    }

    /// The key and the record where the cursor is, after a move that answered true.
    @_lifetime(copy handle)
    func currentKey(lentBy handle: TransactionHandle) -> Span<UInt8> {
        // Safe: LMDB keeps the bytes until the transaction ends or writes; whoever lends them to
        // others counts that in `handle`.
        unsafe key.span(lentBy: handle)
    }

    @_lifetime(copy handle)
    func currentRecord(lentBy handle: TransactionHandle) -> Span<UInt8> {
        unsafe record.span(lentBy: handle)
    }
}
