import CLinux

/// A file that is read and written at any place, by several threads at once.
public final class RandomAccessFile: Sendable {
    private let descriptor: Descriptor
    public let path: String

    /// What is done with it.
    public enum Access: Sendable {
        case reading
        case writing

        /// Made now, for its owner alone; `EEXIST` when there is anything of that name.
        case creating
    }

    public init(_ path: String, for access: Access) throws(FileError) {
        let flags =
            switch access {
            case .reading: O_RDONLY
            case .writing: O_RDWR | O_NOFOLLOW
            case .creating: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
            }
        descriptor = try FileSystem.open(path, flags, mode: 0o600)
        self.path = path
    }

    /// In bytes.
    public func size() throws(FileError) -> Int {
        let number = descriptor.rawValue
        return try FileSystem.call("stat", path) { clinux_size(number) }
    }

    /// The bytes from `offset` on; fewer than `count` only at the file's end.
    public func read(_ count: Int, at offset: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let number = descriptor.rawValue
            let read = try FileSystem.call("read", path) {
                // Safe: the region begins `filled` bytes into the array and ends with it.
                unsafe bytes.withUnsafeMutableBytes { bytes in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
                    return unsafe clinux_read_at(
                        number, rest.baseAddress, rest.count, Int64(offset + filled))
                }
            }
            if read == 0 { break }
            filled += read
        }
        if filled < count { bytes.removeLast(count - filled) }
        return bytes
    }

    /// Writes all of `bytes` from `offset` on.
    public func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) {
        let number = descriptor.rawValue
        var rest = bytes
        var place = offset
        while rest.count > 0 {
            // Safe: the span lends its bytes for the call.
            let count = try unsafe rest.withUnsafeBufferPointer { rest throws(FileError) in
                try FileSystem.call("write", path) {
                    unsafe clinux_write_at(number, rest.baseAddress, rest.count, Int64(place))
                }
            }
            rest = rest.extracting(droppingFirst: count)
            place += count
        }
    }

    /// Cuts it, or makes it longer by zeros.
    public func truncate(to size: Int) throws(FileError) {
        let number = descriptor.rawValue
        try FileSystem.call("truncate", path) { clinux_truncate(number, Int64(size)) }
    }

    /// Brings it to the disk: `fsync(2)`.
    public func sync() throws(FileError) {
        let number = descriptor.rawValue
        try FileSystem.call("sync", path) { clinux_sync(number) }
    }
}
