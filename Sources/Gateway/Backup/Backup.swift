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

    /// Why it failed.
    public internal(set) var problem: String?
}
