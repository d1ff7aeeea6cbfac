internal import CLMDB
internal import Glibc

/// A snapshot of the store that can be read: a `ReadTransaction`, or a `WriteTransaction`, which
/// sees its own changes.
///
/// A transaction stays on the thread that uses it. Only this module makes conforming types.
public protocol Transaction: ~Copyable {
    /// What the tables call LMDB with.
    var handle: TransactionHandle {
        @_lifetime(borrow self)
        get
    }
}

/// A snapshot of the store as of the newest commit; it ends with the value.
///
/// While it lives, pages that later commits free are not used again, so it should be short. It
/// never waits for a writer, and no writer for it.
@safe
public struct ReadTransaction: ~Copyable, Transaction {
    /// Between `reset` and `renew` it must not be read: only `CachedReader`, which does not lend it then, knows
    /// that state.
    private let reader: Reader
    private let environment: Environment

    /// Whether it is to let go early when the environment has to be opened again: it may be long.
    private let isInterruptible: Bool

    /// Begins a snapshot (`mdb_txn_begin`). `.lmdb(MDB_READERS_FULL)` when all reader slots of
    /// the environment are taken.
    public init(in environment: Environment) throws(StoreError) {
        try self.init(in: environment, isInterruptible: true)
    }

    init(in environment: Environment, isInterruptible: Bool) throws(StoreError) {
        let reader = Reader()
        environment.gate.add(reader)
        do throws(StoreError) {
            try environment.begin(reader)
        } catch {
            environment.gate.remove(reader)
            throw error
        }
        self.reader = reader
        self.environment = environment
        self.isInterruptible = isInterruptible
    }

    deinit {
        // Also good in the reset state.
        environment.gate.remove(reader)
    }

    public var handle: TransactionHandle {
        @_lifetime(borrow self)
        get {
            unsafe TransactionHandle(
                reader.pointer.unsafelyUnwrapped,
                writerState: nil,
                environment: ObjectIdentifier(environment),
                gate: isInterruptible ? Unmanaged.passUnretained(environment.gate) : nil,
                owner: self
            )
        }
    }

    /// Number of the commit that this snapshot shows (`mdb_txn_id`).
    public var number: Int { unsafe mdb_txn_id(reader.pointer) }

    /// Lets go of the snapshot, and keeps its memory and reader slot for `renew`.
    func reset() {
        reader.reset()
        environment.gate.leave(reader)
    }

    /// Takes the newest snapshot after a `reset`.
    func renew() throws(StoreError) { try environment.begin(reader) }
}

/// The one change under way in an environment: all of it is in the store after `commit`, or none.
///
/// Aborts unless committed: an early return or a throw leaves the store as it was. Beginning one
/// waits until the writer before has ended. It ends on the thread that began it.
@safe
public struct WriteTransaction: ~Copyable, Transaction {
    private let pointer: OpaquePointer

    /// Retained; a strong reference would forbid `discard self`.
    private let environment: Unmanaged<Environment>

    /// The environment's opening that it belongs to.
    private let generation: Int

    /// Begins a change (`mdb_txn_begin`). A thread that has one under way already would wait for
    /// itself: that traps.
    public init(in environment: Environment) throws(StoreError) {
        environment.writerWillBegin()
        let (pointer, generation) = try unsafe environment.beginWriting()
        environment.writerDidBegin()
        unsafe self.pointer = pointer
        self.generation = generation
        unsafe self.environment = Unmanaged.passRetained(environment)
    }

    deinit {
        // Safe: not committed, so the transaction is still open; the retain of `init` is balanced
        // here or in `commit`, never in both, as `commit` discards self.
        unsafe environment._withUnsafeGuaranteedRef { environment in
            environment.writerWillEnd()
            _ = unsafe environment.writerState.pointee.takeTables()
        }
        unsafe mdb_txn_abort(pointer)
        unsafe environment._withUnsafeGuaranteedRef { $0.gate.leave() }
        unsafe environment.release()
    }

    /// Makes the change part of the store, as durable as the environment's `Durability` says
    /// (`mdb_txn_commit`). When it throws, nothing has changed.
    public consuming func commit() throws(StoreError) {
        let pointer = unsafe pointer
        let generation = generation
        // Safe: balances the retain of `init`; `discard self` keeps `deinit` from doing it again.
        let environment = unsafe environment.takeRetainedValue()
        discard self
        environment.writerWillEnd()
        // Safe: the writer's state is this thread's until the commit.
        let tables = unsafe environment.writerState.pointee.takeTables()
        let number = unsafe mdb_txn_id(pointer)
        // Safe: LMDB frees the handle whether or not the commit succeeds.
        let code = unsafe mdb_txn_commit(pointer)
        if code == MDB_SUCCESS { environment.didCommit() }
        environment.gate.leave()
        try environment.conclude(code, number, generation, tables)
    }

    public var handle: TransactionHandle {
        @_lifetime(borrow self)
        get {
            unsafe TransactionHandle(
                pointer,
                writerState: environment._withUnsafeGuaranteedRef { unsafe $0.writerState },
                environment: environment._withUnsafeGuaranteedRef { ObjectIdentifier($0) },
                gate: nil,
                owner: self
            )
        }
    }
}

/// What an environment knows about its write transaction under way.
struct WriterState {
    var lentRecords = 0

    /// How many more puts and deletes pass; tests lower it, to end a change between any two of them.
    private(set) var writesLeft = Int.max

    mutating func countWrite() throws(StoreError) {
        if writesLeft == 0 { throw Self.forbidden }
        writesLeft -= 1
    }

    static var forbidden: StoreError {
        .system(code: EIO, operation: "a write that a test forbids")
    }

    mutating func allow(writes count: Int) { writesLeft = count }

    /// Tables that were opened in it, by their numbers: open for good when it is committed.
    private var tables: [(name: String, number: UInt32)] = []

    mutating func noteTable(_ name: String, _ number: UInt32) { tables.append((name, number)) }

    mutating func takeTables() -> [(name: String, number: UInt32)] {
        defer { tables = [] }
        return tables
    }
}

extension Environment {
    /// Lets so many more puts and deletes pass; each one after them fails, and aborts its transaction.
    /// For tests; on the thread that writes, or while none does.
    func allow(writes count: Int) {
        // Safe: freed in `deinit` only, and no other thread touches it now.
        unsafe writerState.pointee.allow(writes: count)
    }
}

/// One thread's way to read without allocating: a read transaction that is kept between uses.
///
/// Holds a reader slot of the environment for its lifetime, but a snapshot only while
/// `withTransaction` runs, so a thread that sleeps holds back no page.
public struct CachedReader: ~Copyable {
    private let transaction: ReadTransaction

    public init(_ environment: Environment) throws(StoreError) {
        transaction = try ReadTransaction(in: environment, isInterruptible: false)
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
