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

    /// Removes an empty directory.
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
