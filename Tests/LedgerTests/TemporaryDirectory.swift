import Glibc

/// A directory of a test's own, removed with what is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tollgate-ledger-XXXXXX".utf8CString)
        // Safe: `mkdtemp` writes within the terminated template.
        path = unsafe template.withUnsafeMutableBufferPointer { bytes in
            unsafe String(cString: mkdtemp(bytes.baseAddress!))
        }
    }

    deinit {
        // Two files are LMDB's, the third the environment's.
        for name in ["data.mdb", "lock.mdb", "owner.lock"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }
}
