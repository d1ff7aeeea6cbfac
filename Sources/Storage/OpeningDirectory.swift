internal import CLMDB
internal import Glibc

/// The directory through which LMDB opens a store, in memory: there its reader table is a file of its own, and
/// `data.mdb` a link to the store's.
///
/// The reader table is a shared map that every read writes to. On the store's own file system a full disk would
/// be a SIGBUS there, wherever written pages need new space (btrfs, and others that copy on write). Only
/// this process may have the store open (`EnvironmentLock`), so no other one has to find the table: the
/// directory is removed as soon as the store is open, and both files live on in the process alone.
@safe
struct OpeningDirectory: ~Copyable {
    /// What LMDB is given to open.
    let path: String

    /// False when there is no directory in memory: the table is then in the store's directory, beside the
    /// data, as LMDB would have it.
    let isInMemory: Bool

    /// Where to look for memory, best first.
    static var candidates: [String] { ["/dev/shm", "/run", "/tmp"] }

    /// Makes the directory in the first of `candidates` that is in memory and has room.
    init(for store: String, in candidates: [String]) throws(StoreError) {
        let made = try Self.first(of: candidates, for: store)
        path = made ?? store
        isInMemory = made != nil
    }

    deinit { if isInMemory { Self.remove(path) } }

    /// After LMDB has opened the table and given it its size: takes room for all of it, so that no write to it
    /// needs any.
    func occupyTable() throws(StoreError) { try Self.occupy("\(path)/lock.mdb") }

    private static func first(
        of candidates: [String],
        for store: String
    ) throws(StoreError) -> String? {
        let target = try resolved(store)
        for candidate in candidates where isMemory(candidate) {
            if let made = make(in: candidate, linkingTo: target) { return made }
        }
        try occupy("\(store)/lock.mdb")
        return nil
    }

    /// A directory of that kind with a table whose first page has its room; `nil` when there is none.
    private static func make(in memory: String, linkingTo store: String) -> String? {
        var template = Array("\(memory)/tollgate-XXXXXX".utf8CString)
        // Safe: `mkdtemp` writes the name into the array, which ends with a zero, during the call.
        let isMade = unsafe template.withUnsafeMutableBufferPointer { bytes in
            unsafe mkdtemp(bytes.baseAddress.unsafelyUnwrapped) != nil
        }
        guard isMade else { return nil }
        let path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(StoreError) {
            // Safe: the C function reads both paths during the call.
            if unsafe symlink("\(store)/data.mdb", "\(path)/data.mdb") != 0 {
                throw .fromErrno("symlink \(path)/data.mdb")
            }
            try occupy("\(path)/lock.mdb")
            return path
        } catch {
            // Full: another may have room.
            remove(path)
            return nil
        }
    }

    /// Takes room for the file as long as it is, a page at least. It is made if need be.
    private static func occupy(_ file: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        let descriptor = unsafe open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw .fromErrno("open \(file)") }
        defer { close(descriptor) }
        var figures = stat()
        // Safe: `fstat` fills the structure during the call.
        if unsafe fstat(descriptor, &figures) != 0 { throw .fromErrno("stat \(file)") }
        let code = posix_fallocate(descriptor, 0, max(1, figures.st_size))
        if code != 0 { throw StoreError(lmdb: code, "posix_fallocate \(file)") }
    }

    private static func remove(_ path: String) {
        // Safe: the C functions read the path during the call. What can't be removed is a few bytes of memory.
        unsafe unlink("\(path)/data.mdb")
        unsafe unlink("\(path)/lock.mdb")
        unsafe rmdir(path)
    }

    private static func isMemory(_ directory: String) -> Bool {
        // Safe: the C function reads the path during the call.
        unsafe clmdb_is_in_memory(directory) != 0
    }

    /// The absolute path, without links.
    private static func resolved(_ path: String) throws(StoreError) -> String {
        // Safe: `realpath` answers a terminated string that is ours to free, or nil.
        guard let resolved = unsafe realpath(path, nil) else {
            throw .fromErrno("realpath \(path)")
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
