import Glibc
import Support

/// A small disk of a node's own, in memory, that can be filled. As root only.
final class FullDisk {
    private let path: String

    init(at path: String) throws {
        self.path = path
        try GatewayFiles.makeDirectory(path)
        let ending = try ChildProcess.run(
            "mount", ["-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs", path])
        guard ending.status == 0 else { throw Unmade(what: ending.errors) }
    }

    struct Unmade: Error { let what: String }

    deinit { _ = try? ChildProcess.run("umount", ["-l", path]) }

    private var junk: String { "\(path)/junk" }

    /// Writes until there is no room for a page.
    func fill() {
        let file = unsafe open(junk, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        for bytes in [1 << 20, 4_096] {
            let block = [UInt8](repeating: 1, count: bytes)
            // Safe: `write` reads the array during the call.
            while unsafe write(file, block, bytes) == bytes {}
        }
    }

    /// Makes room again.
    func clear() { unsafe unlink(junk) }
}
