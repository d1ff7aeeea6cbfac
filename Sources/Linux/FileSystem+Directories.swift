import CLinux

extension FileSystem {
    /// Whether the directory has no entries; `nil` when there is nothing of that name. Throws
    /// `.notADirectory` for anything else.
    public static func isEmptyDirectory(_ path: String) throws(FileError) -> Bool? {
        // Safe: the text lives through the call.
        let result = unsafe clinux_is_empty_directory(path)
        if result == -Int(ENOENT) { return nil }
        if result < 0 {
            let code = Errno(rawValue: Int32(-result))
            throw FileError(operation: "read directory", path: path, code: code)
        }
        return result == 1
    }

    /// The names in a directory, in no order; names that are not UTF-8 are left out.
    public static func names(in path: String) throws(FileError) -> [String] {
        var bytes = [CChar](repeating: 0, count: 64 * 1_024)
        while true {
            // Safe: the text lives through the call, which writes at most `bytes.count` bytes.
            let total = try call("read directory", path) {
                unsafe bytes.withUnsafeMutableBufferPointer { bytes in
                    unsafe clinux_directory_names(path, bytes.baseAddress, bytes.count)
                }
            }
            if total <= bytes.count {
                return bytes[..<total].split(separator: 0).compactMap { name in
                    String(validating: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                }
            }
            bytes = [CChar](repeating: 0, count: 2 * total)
        }
    }

    /// Makes one that is not there yet, with exactly `mode`; `EEXIST` when it is, whatever it is.
    public static func createNewDirectory(_ path: String, mode: UInt32) throws(FileError) {
        // Safe: the text lives through the call.
        try call("mkdir", path) { unsafe clinux_make_directory(path, mode) }
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY)
        try call("chmod", path) { clinux_change_mode(descriptor.rawValue, mode) }
    }

    /// Gives a directory the name `target`, which nothing has, or an empty directory: at once, and on
    /// the disk when it returns.
    public static func move(_ path: String, to target: String) throws(FileError) {
        // Safe: the texts live through the call.
        try call("rename", target) { unsafe clinux_rename(path, target) }
        try sync(directory: parent(of: target))
    }

    public static func removeDirectory(_ path: String) throws(FileError) {
        // Safe: the text lives through the call.
        try call("rmdir", path) { unsafe clinux_remove_directory(path) }
    }

    /// Whether both are on one file system, so that a move is a change of names.
    public static func areOnOneDevice(_ path: String, _ other: String) throws(FileError) -> Bool {
        // Safe: the texts live through the calls.
        try call("stat", path) { unsafe clinux_device(path) }
            == call("stat", other) { unsafe clinux_device(other) }
    }
}

extension FileSystem {
    /// Makes `path` a symbolic link to `target`, replacing any file of that name atomically:
    /// readers find the old one or the new one.
    public static func link(_ target: String, atomicallyAt path: String) throws(FileError) {
        if linkTarget(of: path) == target { return }
        let temporary = "\(path).new"
        try remove(temporary)
        // Safe: the texts live through the calls.
        try call("symlink", temporary) { unsafe clinux_symlink(target, temporary) }
        do {
            try call("rename", path) { unsafe clinux_rename(temporary, path) }
        } catch {
            _ = unsafe clinux_unlink(temporary)
            throw error
        }
    }

    /// What the symbolic link at `path` says; `nil` when there is none.
    public static func linkTarget(of path: String) -> String? {
        // Safe: the text lives through the call, which writes at most `count` bytes.
        unsafe text { bytes, count in unsafe clinux_link_target(path, bytes, count) }
    }

    /// The path without symbolic links, `.` and `..`, from the root on. Of what does not exist, the
    /// part that does is resolved.
    public static func resolved(_ path: String) -> String {
        // Safe: realpath(3) writes at most `PATH_MAX` bytes, which is how many there are.
        if let real = unsafe text({ bytes, _ in unsafe clinux_real_path(path, bytes) }) {
            return real
        }
        let trimmed = trimmed(path)
        let parent = parent(of: trimmed)
        guard parent != trimmed else { return trimmed }
        let name = trimmed.split(separator: "/").last ?? ""
        let above = resolved(parent)
        if name == "." { return above }
        // What does not exist yet would be a directory of its own, and no link.
        if name == ".." { return self.parent(of: above) }
        return above == "/" ? "/\(name)" : "\(above)/\(name)"
    }

    /// Brings the names in a directory to the disk: `fsync(2)`.
    public static func sync(directory path: String) throws(FileError) {
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY)
        try call("sync", path) { clinux_sync(descriptor.rawValue) }
    }

    /// The directory that holds `path`, by the text alone.
    public static func parent(of path: String) -> String {
        let path = trimmed(path)
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Without slashes at the end; the root stays.
    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// What `body` writes; `nil` when it answers with an error. It has room for `PATH_MAX` bytes.
    private static func text(_ body: (UnsafeMutablePointer<CChar>, Int) -> Int) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        // Safe: the array lends its bytes for the call, which writes at most `PATH_MAX` of them.
        let count = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe body(bytes.baseAddress.unsafelyUnwrapped, bytes.count)
        }
        guard count >= 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
