import CLinux

/// A file that is written from its beginning to its end, for its owner alone.
public final class NewFile: Sendable {
    private let descriptor: Descriptor
    private let path: String

    /// Makes it; `EEXIST` when there is anything of that name.
    public init(_ path: String) throws(FileError) {
        descriptor = try FileSystem.open(
            path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        self.path = path
    }

    /// Writes all of `bytes` behind what is there.
    public func append(_ bytes: Span<UInt8>) throws(FileError) {
        try FileSystem.writeAll(bytes, to: descriptor, path: path)
    }

    /// Brings it to the disk: `fsync(2)`.
    public func sync() throws(FileError) {
        let number = descriptor.rawValue
        try FileSystem.call("sync", path) { clinux_sync(number) }
    }
}
