import Linux
import Storage
public import Time

/// A backup that was asked for: how far it is, or how it ended.
public struct Backup: Equatable, Sendable {
    public enum State: String, CaseIterable, Sendable {
        case running, done, failed
    }

    /// Counts from 1 since the start.
    public let id: UInt64

    /// Where it is when it is done; absolute. Before, and after a failure, there is nothing.
    public let directory: String
    public let startedAt: Timestamp
    public internal(set) var state = State.running
    public internal(set) var finishedAt: Timestamp?

    /// Bytes written so far, and as many as it takes, about.
    public internal(set) var bytes = 0
    public let expectedBytes: Int

    /// The number of the newest event in it.
    public internal(set) var lastEvent: UInt64?

    /// How many firmware images it lacks, of those that its books know: their files were missing, or damaged.
    public internal(set) var imagesLacking = 0

    /// Why it failed.
    public internal(set) var problem: String?
}

/// Where a backup goes: written beside its place, under another name, and moved there when it is whole,
/// so that a half backup is never taken for a whole one.
struct BackupTarget: Sendable {
    /// Absolute, without symbolic links.
    let path: String

    /// Where it is until it is whole.
    var partial: String { "\(path).partial" }

    /// Throws `.directory` unless a backup can be made there: an absolute path, where backups may
    /// go; nothing there, or an empty directory; above it a directory of the same file system.
    init(_ directory: String, in places: BackupPlaces) throws(BackupProblem) {
        guard directory.first == "/", !directory.utf8.contains(0) else {
            throw .directory(directory, reason: "must be an absolute path")
        }
        path = FileSystem.resolved(directory)
        try places.require(path, for: directory)
        let fault: String?
        do throws(FileError) {
            try places.makeParent(of: path)
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

/// Why there is no backup. Nothing is left of it.
public enum BackupProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// The directory can't take one: which, and why.
    case directory(String, reason: String)

    /// One at a time.
    case running(directory: String)

    /// It needs more bytes than there are.
    case noSpace(directory: String, neededBytes: Int, freeBytes: Int)

    /// The idempotency key came before with another directory.
    case keyReused

    /// The gateway drains.
    case stopping

    /// Copying has failed.
    case failed(String)

    public var description: String {
        switch self {
        case .directory(let path, let reason): "\(path): \(reason)"
        case .running(let path): "a backup to \(path) is under way"
        case .noSpace(let path, let needed, let free):
            "\(path): the copies take about \(Self.mebibytes(needed)) MiB, and "
                + "\(Self.mebibytes(free)) MiB are free"
        case .keyReused: "the idempotency key came with another directory before"
        case .stopping: "the gateway is shutting down"
        case .failed(let text): text
        }
    }

    private static func mebibytes(_ bytes: Int) -> Int { (bytes + (1 << 20) - 1) >> 20 }
}
