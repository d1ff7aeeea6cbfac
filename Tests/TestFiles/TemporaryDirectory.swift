import Glibc

/// A directory of a test's own below `/tmp`, removed with what is in it when the value goes.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() {
        var template = Array("/tmp/tollgate-test-XXXXXX".utf8CString)
        // Safe: `mkdtemp` writes within the terminated template.
        path = unsafe template.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress, let made = unsafe mkdtemp(base) else {
                preconditionFailure("no temporary directory")
            }
            return unsafe String(cString: made)
        }
    }

    deinit { Self.remove(path) }

    /// Where a file of that name is, or would be.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes a file, a symbolic link, or a directory with what is in it. What a link leads to stays.
    public static func remove(_ path: String) {
        // Of a directory, `unlink` fails; of a link, it takes the link.
        if unsafe unlink(path) == 0 { return }
        // Safe: `directory` is open until `closedir`; an entry is good until the next `readdir`.
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard descriptor >= 0, let directory = unsafe fdopendir(descriptor) else { return }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { remove("\(path)/\(name)") }
        }
        unsafe closedir(directory)
        unsafe rmdir(path)
    }
}
