import CLinux

/// The few things that the gateway asks of the file system itself. Paths are UTF-8 and hold no
/// U+0000; modes are those of `chmod(2)`.
public enum FileSystem {
    /// Makes the directory with exactly `mode`, and with 0755 (less the umask) the ones above it
    /// that are missing. One that exists already is left as it is.
    public static func createDirectory(_ path: String, mode: UInt32) throws(FileError) {
        precondition(!path.isEmpty && !path.utf8.contains(0), "not a path")
        for index in path.indices.dropFirst() where path[index] == "/" {
            try makeDirectory(String(path[..<index]), mode: 0o755)
        }
        guard try makeDirectory(path, mode: mode) else { return }
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY)
        try call("chmod", path) { clinux_change_mode(descriptor.rawValue, mode) }
    }

    /// Replaces the file's content so that readers, even after a power failure, find the old
    /// bytes or the new ones: a new file beside it with exactly `mode`, synced, renamed over
    /// it, and the directory synced.
    public static func write(
        _ bytes: Span<UInt8>,
        atomicallyTo path: String,
        mode: UInt32
    ) throws(FileError) {
        let temporary = "\(path).new"
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
        do {
            let descriptor = try open(temporary, flags, mode: mode & 0o600)
            try call("chmod", temporary) { clinux_change_mode(descriptor.rawValue, mode) }
            try writeAll(bytes, to: descriptor, path: temporary)
            try call("sync", temporary) { clinux_sync(descriptor.rawValue) }
            // Safe: the texts live through the call.
            try call("rename", path) { unsafe clinux_rename(temporary, path) }
        } catch {
            // Safe: the text lives through the call.
            _ = unsafe clinux_unlink(temporary)
            throw error
        }
        try sync(directory: parent(of: path))
    }

    /// The file's whole content; `fileTooLarge` when it has more than `maximumBytes`.
    public static func read(_ path: String, maximumBytes: Int) throws(FileError) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY)
        let number = descriptor.rawValue
        let expected = try call("stat", path) { clinux_size(number) }
        var content: [UInt8] = []
        content.reserveCapacity(min(expected, maximumBytes) + 1)
        var piece = [UInt8](repeating: 0, count: 64 * 1_024)
        while true {
            let count = try call("read", path) {
                // Safe: the array lends its bytes for the call.
                unsafe piece.withUnsafeMutableBytes { piece in
                    unsafe clinux_read(number, piece.baseAddress, piece.count)
                }
            }
            if count == 0 { return content }
            guard content.count + count <= maximumBytes else {
                throw FileError(operation: "read", path: path, code: .fileTooLarge)
            }
            content.append(contentsOf: piece[..<count])
        }
    }

    /// Removes the file's name; a file that is not there is removed already.
    public static func remove(_ path: String) throws(FileError) {
        // Safe: the text lives through the call.
        let result = unsafe clinux_unlink(path)
        guard result < 0, result != -Int(ENOENT) else { return }
        throw FileError(operation: "remove", path: path, code: Errno(rawValue: Int32(-result)))
    }

    /// Bytes that may still be written to the file system that holds `path`, by `statvfs(3)`.
    public static func freeBytes(at path: String) throws(FileError) -> Int {
        // Safe: the text lives through the call.
        try call("statvfs", path) { unsafe clinux_free_bytes(path) }
    }
}

extension FileSystem {
    static func open(
        _ path: String,
        _ flags: Int32,
        mode: UInt32 = 0
    ) throws(FileError) -> Descriptor {
        // Safe: the text lives through the call.
        let number = try call("open", path) { unsafe clinux_open(path, flags, mode) }
        return Descriptor(adopting: Int32(number))
    }

    @discardableResult
    static func call(
        _ operation: String,
        _ path: String,
        _ body: () -> Int
    ) throws(FileError) -> Int {
        do {
            return try retrying(body)
        } catch {
            throw FileError(operation: operation, path: path, code: error)
        }
    }

    /// False when it was there already.
    @discardableResult
    private static func makeDirectory(_ path: String, mode: UInt32) throws(FileError) -> Bool {
        // Safe: the text lives through the call.
        let result = unsafe clinux_make_directory(path, mode)
        if result == 0 { return true }
        let isThere = unsafe clinux_is_directory(path) == 1
        if isThere { return false }
        throw FileError(operation: "mkdir", path: path, code: Errno(rawValue: Int32(-result)))
    }

    static func writeAll(
        _ bytes: Span<UInt8>,
        to descriptor: borrowing Descriptor,
        path: String
    ) throws(FileError) {
        let number = descriptor.rawValue
        var rest = bytes
        while rest.count > 0 {
            // Safe: the span lends its bytes for the call.
            let count = try unsafe rest.withUnsafeBufferPointer { rest throws(FileError) in
                try call("write", path) {
                    unsafe clinux_write(number, rest.baseAddress, rest.count)
                }
            }
            rest = rest.extracting(droppingFirst: count)
        }
    }
}

/// A file operation that failed: which one, on what, and why.
public struct FileError: Error, Equatable, Sendable {
    /// What was being done: `open`, `write`, `rename`, …
    public let operation: String
    public let path: String
    public let code: Errno

    public init(operation: String, path: String, code: Errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }
}

extension FileError: CustomStringConvertible {
    /// `open /etc/tollgate.yaml: No such file or directory (2)`.
    public var description: String { "\(operation) \(path): \(code)" }
}
