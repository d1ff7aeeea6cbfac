import Linux
import Storage

/// Where a backup goes: written beside its place, under another name, and moved there when it is whole,
/// so that a half backup is never taken for a whole one.
struct BackupTarget: Sendable {
    /// Absolute, without symbolic links.
    let path: String

    /// Where it is until it is whole.
    var partial: String { "\(path).partial" }

    /// Throws `.directory` unless a backup can be made there: an absolute path, outside the data
    /// directory; nothing there, or an empty directory; above it a directory of the same file system.
    init(_ directory: String, data: String) throws(BackupProblem) {
        guard directory.first == "/", !directory.utf8.contains(0) else {
            throw .directory(directory, reason: "must be an absolute path")
        }
        path = FileSystem.resolved(directory)
        let data = FileSystem.resolved(data)
        guard path != data, !path.hasPrefix("\(data)/") else {
            throw .directory(directory, reason: "must not be in the data directory")
        }
        let fault: String?
        do throws(FileError) {
            fault = try Self.fault(of: path)
        } catch {
            throw .directory(directory, reason: "\(error)")
        }
        if let fault { throw .directory(directory, reason: fault) }
    }

    private static func fault(of path: String) throws(FileError) -> String? {
        let parent = FileSystem.parent(of: path)
        guard try FileSystem.isEmptyDirectory(parent) != nil else {
            return "there is no directory \(parent)"
        }
        guard let isEmpty = try FileSystem.isEmptyDirectory(path) else { return nil }
        guard isEmpty else { return "the directory is not empty" }
        guard try FileSystem.areOnOneDevice(path, parent) else {
            return "is a file system of its own: name a directory in it"
        }
        return nil
    }
}
