internal import CLMDB
internal import Glibc

extension Environment {
    /// Writes a compacted copy of the store, as of now, into `directory`, while others read and
    /// write; the copy is an environment that can be opened.
    ///
    /// The directory is created (0700) if need be, and must not have a store yet. The copy is
    /// complete and on the disk, or it is not there: it is written under another name and renamed.
    /// It holds a snapshot for as long as it takes (`mdb_env_copyfd2`, `MDB_CP_COMPACT`).
    public func copy(to directory: String) throws(StoreError) {
        // Safe: the C functions read the paths during the call.
        if unsafe mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw .fromErrno("mkdir \(directory)")
        }
        let target = "\(directory)/data.mdb"
        let partial = "\(directory)/data.mdb.partial"
        guard unsafe access(target, F_OK) != 0 else {
            throw .system(code: EEXIST, operation: "copy to \(target)")
        }
        let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw .fromErrno("open \(partial)") }
        do throws(StoreError) {
            defer { close(descriptor) }
            // Safe: the environment is open, and the descriptor ours.
            try StoreError.check(
                unsafe mdb_env_copyfd2(handle, descriptor, UInt32(MDB_CP_COMPACT)),
                "mdb_env_copyfd2 \(partial)"
            )
            if fsync(descriptor) != 0 { throw StoreError.fromErrno("fsync \(partial)") }
        } catch {
            unsafe unlink(partial)
            throw error
        }
        if unsafe rename(partial, target) != 0 { throw .fromErrno("rename \(partial)") }
        try Self.syncDirectory(directory)
    }

    private static func syncDirectory(_ directory: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .fromErrno("open \(directory)") }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw .fromErrno("fsync \(directory)") }
    }
}
