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
