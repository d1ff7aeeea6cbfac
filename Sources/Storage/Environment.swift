internal import CLMDB
internal import Glibc
internal import Synchronization

/// One LMDB environment: a directory with one memory-mapped file of named tables.
///
/// One process has it open, and once. Any number of threads read, each in its own transaction; one
/// writes at a time. It closes when the last reference goes, transactions and readers included.
@safe
public final class Environment: Sendable {
    /// The directory.
    public let path: String

    /// The most bytes that the map may be made larger to.
    public let maximumMapSizeBytes: Int

    /// What it is opened with, each time.
    private let maximumTables: Int
    private let maximumReaders: Int
    private let durability: Durability
    private let memoryDirectories: [String]

    /// `nil` while it is closed, which is when it is opened again, or can't be.
    // Safe: changes only while all threads are outside the gate; `MDB_env` may be used by all threads, but for
    // opening and closing.
    nonisolated(unsafe) private(set) var handle: OpaquePointer?

    /// Of the write transaction under way; only its thread touches it.
    // Safe: set once, in `init`; freed in `deinit`, which no transaction outlives.
    nonisolated(unsafe) let writerState: UnsafeMutablePointer<WriterState>

    /// The thread of the write transaction under way, or 0.
    private let writingThread = Atomic<UInt>(0)

    /// The threads inside, which keep it from being opened again.
    let gate = Gate()
    let history = Mutex(OpeningHistory())
    let mapSize: Atomic<Int>
    private let openings = Atomic<Int>(0)
    private let inMemory = Atomic<Bool>(true)
    private let confirmed = Atomic<Int>(0)
    private let lastFigures = Mutex(EnvironmentFigures.none)
    private let observer = Mutex<(@Sendable (EnvironmentEvent) -> Void)?>(nil)
    private let reserve = Mutex(SpaceReserve())

    /// Last, as it is released after `deinit` has closed the environment.
    private let lock: EnvironmentLock

    /// Opens the environment at `path`, or makes one there: directory mode 0700, files 0600.
    ///
    /// - Parameters:
    ///   - mapSizeBytes: the most it can grow to at first; address space, not memory or disk. A multiple of
    ///     the page size; a store that is larger already stays readable.
    ///   - maximumMapSizeBytes: what the map is made larger to as it fills; as it is, if that is less.
    ///   - maximumTables: how many tables can be opened; each costs some words per transaction.
    ///   - maximumReaders: how many read transactions and `CachedReader`s can live at once.
    ///   - memoryDirectories: where the reader table may be, best first; by default where memory is, see
    ///     `OpeningDirectory`.
    /// - Throws: `.alreadyOpen`, `.ownedByAnotherProcess`, or what the system or LMDB says.
    public init(
        path: String,
        mapSizeBytes: Int,
        maximumMapSizeBytes: Int = 0,
        maximumTables: Int = 32,
        maximumReaders: Int = 126,
        durability: Durability = .synced,
        memoryDirectories: [String]? = nil
    ) throws(StoreError) {
        precondition(mapSizeBytes > 0 && maximumTables > 0 && maximumReaders > 0)
        lock = try EnvironmentLock(directory: path)
        self.path = path
        self.maximumMapSizeBytes = max(mapSizeBytes, maximumMapSizeBytes)
        self.maximumTables = maximumTables
        self.maximumReaders = maximumReaders
        self.durability = durability
        self.memoryDirectories = memoryDirectories ?? OpeningDirectory.candidates
        mapSize = Atomic(mapSizeBytes)
        unsafe writerState = .allocate(capacity: 1)
        unsafe writerState.initialize(to: WriterState())
        try open()
        confirmed.store(lastTransaction, ordering: .relaxed)
        history.withLock { $0.transactions = [lastTransaction] }
    }

    deinit {
        close()
        unsafe writerState.deallocate()
    }

    /// Throws `ENOENT` unless there is a store in the directory.
    public static func require(at path: String) throws(StoreError) {
        let file = "\(path)/data.mdb"
        // Safe: the C function reads the path during the call.
        if unsafe access(file, F_OK) != 0 { throw .fromErrno("open \(file)") }
    }

    // MARK: Opening and closing

    /// Opens it, while no thread is inside.
    func open() throws(StoreError) {
        var handle: OpaquePointer?
        try StoreError.check(unsafe mdb_env_create(&handle), "mdb_env_create")
        do throws(StoreError) {
            let directory = try OpeningDirectory(for: path, in: memoryDirectories)
            try unsafe open(handle.unsafelyUnwrapped, directory.path)
            try directory.occupyTable()
            inMemory.store(directory.isInMemory, ordering: .relaxed)
        } catch {
            // Safe: a handle whose opening failed has to be closed; it is still this thread's alone.
            unsafe mdb_env_close(handle)
            throw error
        }
        unsafe self.handle = handle
    }

    private func open(_ handle: OpaquePointer, _ directory: String) throws(StoreError) {
        // Safe: the handle is new, and this thread's alone.
        try StoreError.check(
            unsafe mdb_env_set_mapsize(handle, mapSizeBytes), "mdb_env_set_mapsize")
        try StoreError.check(
            unsafe mdb_env_set_maxdbs(handle, UInt32(maximumTables)), "mdb_env_set_maxdbs")
        try StoreError.check(
            unsafe mdb_env_set_maxreaders(handle, UInt32(maximumReaders)), "mdb_env_set_maxreaders")
        let flags =
            switch durability {
            case .synced: MDB_NOTLS
            case .lagging: MDB_NOTLS | MDB_NOMETASYNC
            case .unsynced: MDB_NOTLS | MDB_NOSYNC
            }
        try StoreError.check(
            unsafe mdb_env_open(handle, directory, UInt32(flags), 0o600), "mdb_env_open \(path)")
        precondition(
            unsafe mdb_env_get_maxkeysize(handle) >= KeyWriter.maximumCount,
            "liblmdb was built with a smaller MDB_MAXKEYSIZE than 511"
        )
    }

    /// Closes it, if it is open, when transactions and readers have ended.
    func close() {
        // Safe: no thread is inside the gate, or there is no reference any more; closed once, as it is forgotten.
        if unsafe handle != nil { unsafe mdb_env_close(handle) }
        unsafe handle = nil
    }

    /// It is open again, with what is on the disk.
    func didOpen() {
        confirmed.store(lastTransaction, ordering: .relaxed)
        openings.add(1, ordering: .releasing)
    }

    /// How many times it was opened again, so that what belongs to an earlier opening can be told.
    var generation: Int { openings.load(ordering: .acquiring) }

    /// The newest transaction that is known to be on the disk.
    var confirmedTransaction: Int { confirmed.load(ordering: .relaxed) }

    /// Whether the reader table is in memory, where no full disk can reach it.
    public var isReaderTableInMemory: Bool { inMemory.load(ordering: .relaxed) }

    /// Has `observer` called when the environment was opened again, has grown, or is lost. It should only pass
    /// that on.
    public func observe(_ observer: @escaping @Sendable (EnvironmentEvent) -> Void) {
        self.observer.withLock { $0 = observer }
    }

    func tell(_ event: EnvironmentEvent) { observer.withLock { $0 }?(event) }

    /// How large the store can grow without being made larger.
    public var mapSizeBytes: Int { mapSize.load(ordering: .relaxed) }

    /// Runs `body` on a snapshot of its own. For threads that read now and then; a thread that reads
    /// all the time keeps a `CachedReader`.
    public func read<Result: ~Copyable>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let transaction = try ReadTransaction(in: self)
        return try body(transaction)
    }

    /// Runs `body` in a write transaction, and commits it if `body` returns.
    public func write<Result: ~Copyable>(
        _ body: (borrowing WriteTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let transaction = try WriteTransaction(in: self)
        let result = try body(transaction)
        try transaction.commit()
        return result
    }

    /// Brings everything that has been committed to the disk (`mdb_env_sync`); needed only when the
    /// durability is not `.synced`.
    public func sync() throws(StoreError) {
        try gate.enter()
        defer { gate.leave() }
        try StoreError.check(unsafe mdb_env_sync(handle, 1), "mdb_env_sync")
    }

    // MARK: Figures

    /// How full it is (`mdb_env_info`, `mdb_env_stat`); the last known figures of one that is lost.
    public var figures: EnvironmentFigures {
        do throws(StoreError) {
            try gate.enter()
        } catch {
            return lastFigures.withLock { $0 }
        }
        defer { gate.leave() }
        let figures = figuresInside
        lastFigures.withLock { $0 = figures }
        return figures
    }

    /// The same for a thread that is inside.
    private var figuresInside: EnvironmentFigures {
        var information = unsafe MDB_envinfo()
        var pages = MDB_stat()
        // Safe: both fill their structure, and fail only without a handle.
        unsafe mdb_env_info(handle, &information)
        unsafe mdb_env_stat(handle, &pages)
        return unsafe EnvironmentFigures(
            mapSizeBytes: information.me_mapsize,
            maximumMapSizeBytes: max(maximumMapSizeBytes, information.me_mapsize),
            mapUsedBytes: (information.me_last_pgno + 1) * Int(pages.ms_psize),
            lastTransaction: information.me_last_txnid,
            readers: Int(information.me_numreaders),
            maximumReaders: Int(information.me_maxreaders),
            reopenings: generation
        )
    }

    /// Number of the newest transaction, for a thread that is inside.
    var lastTransaction: Int {
        var information = unsafe MDB_envinfo()
        // Safe: it fills the structure, and fails only without a handle.
        unsafe mdb_env_info(handle, &information)
        return unsafe information.me_last_txnid
    }

    /// A change has been committed; the thread is still inside. Takes disk space ahead of the store's end.
    func didCommit() {
        let figures = figuresInside
        confirmed.store(figures.lastTransaction, ordering: .relaxed)
        lastFigures.withLock { $0 = figures }
        var descriptor: Int32 = -1
        // Safe: it fills the number during the call, and fails only without a handle.
        guard unsafe mdb_env_get_fd(handle, &descriptor) == MDB_SUCCESS else { return }
        reserve.withLock { reserve in
            reserve.extend(descriptor, usedBytes: figures.mapUsedBytes, limit: figures.mapSizeBytes)
        }
    }

    // MARK: Threads

    /// Traps where LMDB would wait for ever: this thread's own write transaction is under way.
    func writerWillBegin() {
        precondition(
            writingThread.load(ordering: .relaxed) != UInt(pthread_self()),
            "this thread has a write transaction under way already"
        )
    }

    func writerDidBegin() { writingThread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// Traps where LMDB would unlock another thread's lock.
    func writerWillEnd() {
        precondition(
            writingThread.load(ordering: .relaxed) == UInt(pthread_self()),
            "a write transaction ends on the thread that began it"
        )
        writingThread.store(0, ordering: .relaxed)
    }

    /// What a failed commit means. LMDB answers EIO when the kernel took only the first part of a
    /// write, which is what happens first on a disk that fills up.
    func commitError(_ code: Int32) -> StoreError {
        if code == EIO && isOutOfDisk { return .diskFull }
        return StoreError(lmdb: code, "mdb_txn_commit")
    }

    /// Whether the file cannot grow by a mebibyte, be it for the file system or for `RLIMIT_FSIZE`.
    private var isOutOfDisk: Bool {
        do throws(StoreError) {
            try gate.enter()
        } catch {
            return false
        }
        defer { gate.leave() }
        let needed: UInt = 1 << 20
        var descriptor: Int32 = -1
        var space = statvfs()
        var file = stat()
        var limit = rlimit()
        // Safe: each fills its structure during the call, or fails, which is checked.
        guard
            unsafe mdb_env_get_fd(handle, &descriptor) == MDB_SUCCESS,
            unsafe fstatvfs(descriptor, &space) == 0,
            unsafe fstat(descriptor, &file) == 0,
            unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0
        else { return false }
        let free = UInt(space.f_bavail) * UInt(space.f_frsize)
        return free < needed || limit.rlim_cur < UInt(file.st_size) + needed
    }
}

/// What a commit has done by the time it returns.
public enum Durability: Sendable {
    /// It is on the disk (`fdatasync` of pages and of the meta page).
    case synced

    /// All but the newest commit is on the disk; a power cut may undo that one, and leaves the store
    /// whole (`MDB_NOMETASYNC`).
    case lagging

    /// The kernel has it: it outlives the process. A power cut may damage the store, unless the
    /// file system keeps the order of writes; `Environment.sync()` is the caller's (`MDB_NOSYNC`).
    case unsynced
}

/// How full an environment is, for metrics and alarms.
public struct EnvironmentFigures: Hashable, Sendable {
    /// How large the store can grow as it is, and after its map was made larger.
    public let mapSizeBytes: Int
    public let maximumMapSizeBytes: Int

    /// Up to where pages have been used; freed pages below it are used again.
    public let mapUsedBytes: Int

    /// Number of the newest committed transaction.
    public let lastTransaction: Int

    /// Reader slots in use and there are.
    public let readers: Int
    public let maximumReaders: Int

    /// How many times the environment was opened again, as a write of its meta page had failed.
    public let reopenings: Int

    /// Share of the map that is used, 0 to 1.
    public var mapUsedRatio: Double { Double(mapUsedBytes) / Double(mapSizeBytes) }

    /// The same of what the map may become: the alarm is at 0.8.
    public var usedRatio: Double { Double(mapUsedBytes) / Double(maximumMapSizeBytes) }

    /// Of one that has not been asked.
    static var none: Self {
        EnvironmentFigures(
            mapSizeBytes: 1, maximumMapSizeBytes: 1, mapUsedBytes: 0, lastTransaction: 0,
            readers: 0, maximumReaders: 0, reopenings: 0)
    }
}
