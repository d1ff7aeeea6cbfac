internal import Glibc
internal import Synchronization

/// The directories whose environments are open in this process.
private let openDirectories = Mutex<Set<DirectoryIdentity>>([])

/// The right to open the environment in one directory: held once in a process, and by one process.
///
/// LMDB must not open an environment twice in a process (its `fcntl` locks would be lost), and the
/// writer's caches count on being alone. The lock is a `flock` on the file `owner.lock`, which ends
/// with the process however it ends.
struct EnvironmentLock: ~Copyable {
    private let descriptor: Int32
    private let directory: DirectoryIdentity

    /// Creates the directory if need be, mode 0700, and takes the lock. `.alreadyOpen` or
    /// `.ownedByAnotherProcess` when it is taken.
    init(directory path: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST { throw .fromErrno("mkdir \(path)") }
        let identity = try DirectoryIdentity(path: path)
        guard openDirectories.withLock({ $0.insert(identity).inserted }) else {
            throw .alreadyOpen(path: path)
        }
        do throws(StoreError) {
            descriptor = try Self.lockFile("\(path)/owner.lock", of: path)
        } catch {
            openDirectories.withLock { _ = $0.remove(identity) }
            throw error
        }
        directory = identity
    }

    deinit {
        // Closing is not enough: a child process has the lock too, from fork(2) to execve(2).
        flock(descriptor, LOCK_UN)
        close(descriptor)
        openDirectories.withLock { _ = $0.remove(directory) }
    }

    private static func lockFile(_ file: String, of path: String) throws(StoreError) -> Int32 {
        // Safe: the C function reads the path during the call.
        let descriptor = unsafe open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw .fromErrno("open \(file)") }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        let error: StoreError =
            errno == EWOULDBLOCK ? .ownedByAnotherProcess(path: path) : .fromErrno("flock \(file)")
        close(descriptor)
        throw error
    }
}

/// A directory, by whatever path it is reached.
private struct DirectoryIdentity: Hashable {
    let device: UInt
    let inode: UInt

    init(path: String) throws(StoreError) {
        var figures = stat()
        // Safe: `stat` fills the structure during the call.
        if unsafe stat(path, &figures) != 0 { throw .fromErrno("stat \(path)") }
        device = UInt(figures.st_dev)
        inode = UInt(figures.st_ino)
    }
}
