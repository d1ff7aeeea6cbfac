import CLinux

/// An exclusive lock on a file (`flock(2)`), held until the owner lets go of it or the process
/// ends: keeps a second gateway out of the same data directory.
@frozen
public struct FileLock: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// Makes the file if need be (0600) and locks it; `nil` when somebody else holds the lock.
    public static func acquire(_ path: String) throws(FileError) -> FileLock? {
        let descriptor = try FileSystem.open(path, O_RDWR | O_CREAT, mode: 0o600)
        let number = descriptor.rawValue
        let result: Int?
        do {
            result = try retryingUnlessBlocked { clinux_lock(number) }
        } catch {
            throw FileError(operation: "lock", path: path, code: error)
        }
        return result == nil ? nil : FileLock(descriptor: descriptor)
    }
}
