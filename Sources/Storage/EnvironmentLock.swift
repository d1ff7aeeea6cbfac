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
    private let directory: OpenDirectory

    /// Creates the directory if need be, mode 0700, and takes the lock. `.alreadyOpen` or
    /// `.ownedByAnotherProcess` when it is taken.
    init(directory path: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST { throw .fromErrno("mkdir \(path)") }
        let directory = try OpenDirectory(path: path)
        let identity = directory.identity
        guard openDirectories.withLock({ $0.insert(identity).inserted }) else {
            throw .alreadyOpen(path: path)
        }
        do throws(StoreError) {
            descriptor = try Self.lockFile("\(path)/owner.lock", of: path)
        } catch {
            openDirectories.withLock { _ = $0.remove(identity) }
            throw error
        }
        self.directory = directory
    }

    deinit {
        // Closing is not enough: a child process has the lock too, from fork(2) to execve(2).
        flock(descriptor, LOCK_UN)
        close(descriptor)
        openDirectories.withLock { _ = $0.remove(directory.identity) }
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
}

/// A directory that is held open: though it is removed, no other one gets its number meanwhile.
private struct OpenDirectory: ~Copyable {
    let identity: DirectoryIdentity
    private let descriptor: Int32

    init(path: String) throws(StoreError) {
        // Safe: the C function reads the path during the call.
        descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .fromErrno("open \(path)") }
        var figures = stat()
        // Safe: `fstat` fills the structure during the call.
        if unsafe fstat(descriptor, &figures) != 0 {
            let error = StoreError.fromErrno("stat \(path)")
            close(descriptor)
            throw error
        }
        identity = DirectoryIdentity(device: UInt(figures.st_dev), inode: UInt(figures.st_ino))
    }

    deinit { close(descriptor) }
}
