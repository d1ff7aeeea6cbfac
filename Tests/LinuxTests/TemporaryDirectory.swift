import Glibc
import Linux
import TestFiles

/// A directory of its own for one test, removed with all that is in it.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        path = "/tmp/tollgate-tests-\(UInt64.random(in: 0...UInt64.max))"
        try FileSystem.createDirectory(path, mode: 0o700)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        // Safe: readdir(3)'s entry is good until the next call, and its name ends with a zero.
        guard unsafe Glibc.remove(path) != 0, let directory = unsafe opendir(path) else { return }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { remove("\(path)/\(name)") }
        }
        unsafe closedir(directory)
        _ = unsafe Glibc.remove(path)
    }
}
