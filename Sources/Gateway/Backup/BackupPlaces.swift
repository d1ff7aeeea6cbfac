import Linux

/// Where backups may go: below the directories that the configuration names, and never in those of the
/// stores and the secrets. Who may ask for a backup can so write nothing else on the machine.
public struct BackupPlaces: Sendable {
    private let directories: [String]
    private let data: String
    private let secrets: String

    public init(of configuration: GatewayConfiguration) {
        self.init(
            below: configuration.backup.directories,
            data: configuration.data,
            secrets: configuration.secretsPath
        )
    }

    /// - Parameters:
    ///   - directories: as they are named; relative ones begin in the working directory.
    ///   - data: the directory of the stores.
    ///   - secrets: the directory of the tokens and keys.
    public init(below directories: [String], data: String, secrets: String) {
        self.directories = directories
        self.data = data
        self.secrets = secrets
    }

    /// Where a copy of the books is made that is handed out over the API.
    var snapshot: String { "\(data)/snapshot.partial" }

    /// Throws `.directory`, which names the backup as it was asked for, unless it may be at `path`: the
    /// same without symbolic links.
    func require(_ path: String, for directory: String) throws(BackupProblem) {
        if let fault = fault(of: path) { throw .directory(directory, reason: fault) }
    }

    private func fault(of path: String) -> String? {
        if Self.isIn(data, path) { return "must not be in the data directory" }
        if Self.isIn(secrets, path) { return "must not be in the secrets directory" }
        if directories.contains(where: { Self.isBelow($0, path) }) { return nil }
        if directories.isEmpty { return "the configuration names no backup.directories" }
        let names = directories.joined(separator: " or ")
        return "must be below \(names) (backup.directories of the configuration)"
    }

    /// Makes the directory above the backup when the configuration names that itself.
    func makeParent(of path: String) throws(FileError) {
        let parent = FileSystem.parent(of: path)
        guard try FileSystem.isEmptyDirectory(parent) == nil,
            directories.contains(where: { FileSystem.resolved($0) == parent })
        else { return }
        try FileSystem.createDirectory(parent, mode: 0o700)
    }

    private static func isIn(_ directory: String, _ path: String) -> Bool {
        FileSystem.resolved(directory) == path || isBelow(directory, path)
    }

    private static func isBelow(_ directory: String, _ path: String) -> Bool {
        let directory = FileSystem.resolved(directory)
        return path != directory && path.hasPrefix(directory == "/" ? "/" : "\(directory)/")
    }
}
