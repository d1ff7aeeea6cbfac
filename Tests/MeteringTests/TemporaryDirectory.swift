import Glibc

/// A directory of a test's own, removed with what is in it.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/tollgate-metering-XXXXXX".utf8CString)
        // Safe: `mkdtemp` writes within the terminated template.
        path = unsafe template.withUnsafeMutableBufferPointer { bytes in
            unsafe String(cString: mkdtemp(bytes.baseAddress!))
        }
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        // Safe: `directory` is open until `closedir`; an entry is good until the next `readdir`.
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != "." && name != ".." { remove("\(path)/\(name)") }
            }
            unsafe closedir(directory)
            unsafe rmdir(path)
        } else {
            unsafe unlink(path)
        }
    }
}
