internal import CLMDB

/// The one change under way in an environment: all of it is in the store after `commit`, or none.
///
/// Aborts unless committed: an early return or a throw leaves the store as it was. Beginning one
/// waits until the writer before has ended. It ends on the thread that began it.
@safe
public struct WriteTransaction: ~Copyable, Transaction {
    private let pointer: OpaquePointer

    /// Retained; a strong reference would forbid `discard self`.
    private let environment: Unmanaged<Environment>

    /// Begins a change (`mdb_txn_begin`). A thread that has one under way already would wait for
    /// itself: that traps.
    public init(in environment: Environment) throws(StoreError) {
        environment.writerWillBegin()
        var pointer: OpaquePointer?
        // Safe: the environment is open as long as it is referenced, as it is by this value.
        let code = unsafe mdb_txn_begin(environment.handle, nil, 0, &pointer)
        try StoreError.check(code, "mdb_txn_begin")
        environment.writerDidBegin()
        unsafe self.pointer = pointer.unsafelyUnwrapped
        unsafe self.environment = Unmanaged.passRetained(environment)
    }

    deinit {
        // Safe: not committed, so the transaction is still open; the retain of `init` is balanced
        // here or in `commit`, never in both, as `commit` discards self.
        unsafe environment._withUnsafeGuaranteedRef { $0.writerWillEnd() }
        unsafe mdb_txn_abort(pointer)
        unsafe environment.release()
    }

    /// Makes the change part of the store, as durable as the environment's `Durability` says
    /// (`mdb_txn_commit`). When it throws, nothing has changed.
    public consuming func commit() throws(StoreError) {
        let pointer = unsafe pointer
        // Safe: balances the retain of `init`; `discard self` keeps `deinit` from doing it again.
        let environment = unsafe environment.takeRetainedValue()
        discard self
        environment.writerWillEnd()
        // Safe: LMDB frees the handle whether or not the commit succeeds.
        let code = unsafe mdb_txn_commit(pointer)
        if code != MDB_SUCCESS { throw environment.commitError(code) }
    }

    public var handle: TransactionHandle {
        @_lifetime(borrow self)
        get {
            unsafe TransactionHandle(
                pointer,
                writerState: environment._withUnsafeGuaranteedRef { unsafe $0.writerState },
                environment: environment._withUnsafeGuaranteedRef { ObjectIdentifier($0) },
                owner: self
            )
        }
    }
}
