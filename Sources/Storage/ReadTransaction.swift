internal import CLMDB

/// A snapshot of the store as of the newest commit; it ends with the value.
///
/// While it lives, pages that later commits free are not used again, so it should be short. It
/// never waits for a writer, and no writer for it.
@safe
public struct ReadTransaction: ~Copyable, Transaction {
    /// Between `mdb_txn_reset` and `mdb_txn_renew` it must not be read: only `CachedReader`, which
    /// does not lend it then, knows that state.
    private let pointer: OpaquePointer
    private let environment: Environment

    /// Begins a snapshot (`mdb_txn_begin`). `.lmdb(MDB_READERS_FULL)` when all reader slots of
    /// the environment are taken.
    public init(in environment: Environment) throws(StoreError) {
        var pointer: OpaquePointer?
        // Safe: the environment is open as long as it is referenced, as it is by this value.
        let code = unsafe mdb_txn_begin(environment.handle, nil, UInt32(MDB_RDONLY), &pointer)
        try StoreError.check(code, "mdb_txn_begin")
        unsafe self.pointer = pointer.unsafelyUnwrapped
        self.environment = environment
    }

    deinit {
        // Safe: nobody else ends the transaction; also good in the reset state.
        unsafe mdb_txn_abort(pointer)
    }

    public var handle: TransactionHandle {
        @_lifetime(borrow self)
        get {
            unsafe TransactionHandle(
                pointer,
                writerState: nil,
                environment: ObjectIdentifier(environment),
                owner: self
            )
        }
    }

    /// Number of the commit that this snapshot shows (`mdb_txn_id`).
    public var number: Int { unsafe mdb_txn_id(pointer) }

    /// Lets go of the snapshot, and keeps its memory and reader slot for `renew`.
    func reset() {
        // Safe: the transaction is read-only and open.
        unsafe mdb_txn_reset(pointer)
    }

    /// Takes the newest snapshot after a `reset`.
    func renew() throws(StoreError) {
        // Safe: the transaction is read-only and reset.
        try StoreError.check(unsafe mdb_txn_renew(pointer), "mdb_txn_renew")
    }
}
