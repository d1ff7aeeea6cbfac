internal import CLMDB
internal import Glibc
internal import Synchronization

extension Environment {
    /// Writes a compacted copy of the store, as of now, into `directory`, while others read and
    /// write; the copy is an environment that can be opened.
    ///
    /// The directory is created (0700) if need be, and must not have a store yet. The copy is
    /// complete and on the disk, or it is not there: it is written under another name and renamed.
    /// It holds a snapshot for as long as it takes (`mdb_env_copyfd2`, `MDB_CP_COMPACT`): pages that are
    /// freed meanwhile are used again afterwards only.
    ///
    /// - Parameter watch: tells others how far it is, and stops it.
    public func copy(to directory: String, watch: CopyWatch = CopyWatch()) throws(StoreError) {
        // Safe: the C functions read the paths during the call.
        if unsafe mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw .fromErrno("mkdir \(directory)")
        }
        let target = "\(directory)/data.mdb"
        let partial = "\(directory)/data.mdb.partial"
        guard unsafe access(target, F_OK) != 0 else {
            throw .system(code: EEXIST, operation: "copy to \(target)")
        }
        let descriptor = unsafe Glibc.open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw .fromErrno("open \(partial)") }
        do throws(StoreError) {
            try gate.enter()
            defer {
                gate.remove(watch)
                gate.leave()
                watch.end()
                Glibc.close(descriptor)
            }
            try watch.begin(descriptor)
            gate.add(watch)
            try write(to: descriptor, as: partial)
            if fsync(descriptor) != 0 { throw StoreError.fromErrno("fsync \(partial)") }
        } catch {
            unsafe unlink(partial)
            if watch.isCalledOff {
                throw .system(code: EINTR, operation: "copying while the store is opened again")
            }
            throw watch.isStopped ? CopyWatch.stopped : error
        }
        if unsafe rename(partial, target) != 0 { throw .fromErrno("rename \(partial)") }
        try Self.syncDirectory(directory)
    }

    /// How many bytes a compacted copy takes, about: the pages that are in use.
    public func copyBytes() throws(StoreError) -> Int {
        let used = figures.mapUsedBytes
        let free = try read { transaction throws(StoreError) in
            try transaction.handle.freePages()
        }
        var pages = MDB_stat()
        try gate.enter()
        defer { gate.leave() }
        // Safe: fills its structure, and fails only without a handle.
        unsafe mdb_env_stat(handle, &pages)
        return max(0, used - free * Int(pages.ms_psize))
    }

    private func write(to descriptor: Int32, as name: String) throws(StoreError) {
        // Safe: the environment is open, and the descriptor ours.
        var code = unsafe mdb_env_copyfd2(handle, descriptor, UInt32(MDB_CP_COMPACT))
        if code == MDB_INCOMPATIBLE, ftruncate(descriptor, 0) == 0,
            lseek(descriptor, 0, SEEK_SET) == 0
        {
            // Pages that nothing refers to can't be left out; as it is, it is a good copy.
            code = unsafe mdb_env_copyfd2(handle, descriptor, 0)
        }
        try StoreError.check(code, "mdb_env_copyfd2 \(name)")
    }

    private static func syncDirectory(_ directory: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        let descriptor = unsafe Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .fromErrno("open \(directory)") }
        defer { Glibc.close(descriptor) }
        if fsync(descriptor) != 0 { throw .fromErrno("fsync \(directory)") }
    }
}

extension TransactionHandle {
    /// How many pages are free. LMDB lists them in its first table, by the transaction that freed
    /// them: each record is a count, and their numbers.
    fileprivate func freePages() throws(StoreError) -> Int {
        var cursor = try Cursor(self, table: 0)
        var count = 0
        var isThere = try cursor.move(MDB_FIRST)
        while isThere {
            let record = cursor.currentRecord(lentBy: self)
            var pages = 0
            // Little-endian, as both of our architectures are.
            for index in 0..<min(8, record.count) { pages |= Int(record[index]) << (8 * index) }
            count += pages
            isThere = try cursor.move(MDB_NEXT)
        }
        return count
    }
}

/// How far the copying of one or more environments has come, and a way to stop it: from any thread.
public final class CopyWatch: Sendable {
    private struct State {
        /// The file being written, or -1.
        var descriptor: Int32 = -1
        var finishedBytes = 0
        var isStopped = false
        var isCalledOff = false
    }

    private let state = Mutex(State())

    public init() {}

    public var bytes: Int {
        state.withLock { state in
            state.descriptor < 0
                ? state.finishedBytes : state.finishedBytes + Self.size(state.descriptor)
        }
    }

    /// So many bytes of something else belong to the copy.
    public func add(_ count: Int) { state.withLock { $0.finishedBytes += count } }

    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// The copy under way was stopped for the environment's sake.
    var isCalledOff: Bool { state.withLock { $0.isCalledOff } }

    /// Makes the copy under way, and later ones, fail with `ECANCELED` soon.
    public func stop() { stop { $0.isStopped = true } }

    /// The same as the environment has to be opened again; others may be made later.
    func callOff() { stop { $0.isCalledOff = true } }

    /// LMDB can't be told to stop, but it stops when it can't write: from here on, its descriptor is
    /// one of `/dev/full`.
    private func stop(_ note: (inout State) -> Void) {
        state.withLock { state in
            note(&state)
            guard state.descriptor >= 0 else { return }
            // Safe: the C function reads the path during the call.
            let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
            guard full >= 0 else { return }
            dup2(full, state.descriptor)
            close(full)
        }
    }

    /// The descriptor stays the caller's, which closes it after `end`.
    func begin(_ descriptor: Int32) throws(StoreError) {
        let isStopped = state.withLock { state in
            state.descriptor = descriptor
            state.isCalledOff = false
            return state.isStopped
        }
        if isStopped { throw Self.stopped }
    }

    func end() {
        state.withLock { state in
            if !state.isStopped && !state.isCalledOff {
                state.finishedBytes += Self.size(state.descriptor)
            }
            state.descriptor = -1
        }
    }

    static var stopped: StoreError { .system(code: ECANCELED, operation: "copy") }

    private static func size(_ descriptor: Int32) -> Int {
        var figures = stat()
        // Safe: `fstat` fills the structure during the call, or fails, which is checked.
        return unsafe fstat(descriptor, &figures) == 0 ? Int(figures.st_size) : 0
    }
}
