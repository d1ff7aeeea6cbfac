public import Time

/// A log of entries that all nodes of a cluster read in one order. What an entry holds is the ledger's
/// affair; the log sees bytes.
///
/// Few verbs are all that the ledger asks of it, so that what carries the log can be exchanged. What an
/// implementation promises:
///
/// - An entry that was acknowledged is on the disks of a majority, and stays in the log at its position, until all
///   before a later one are let go of.
/// - Everyone who follows sees the same entries at the same positions, which are 1, 2, 3, ... without a gap.
/// - Not more: an entry can be in the log twice, or behind one that was appended after it, when its
///   acknowledgement was lost and it was appended again. To find that is the ledger's part.
public protocol CommandLog: AnyObject, Sendable {
    /// Puts an entry of at most `entryMaximumBytes` at the end.
    ///
    /// `completion` is called once, with its position or why there is none, on a thread of the log's or
    /// at once: it should only pass the answer on. Entries that are appended one after the other, without
    /// waiting, come into the log in that order unless one of them fails.
    func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    )

    /// Reads the entries behind `position` (0: from the first), and those that come, until it is ended.
    func follow(from position: UInt64) throws(LogError) -> any LogFollower

    /// The position of the last entry; 0 when there is none.
    func position() throws(LogError) -> UInt64

    /// The position of the first entry that it still has; of the one that will come next when it has none.
    func first() throws(LogError) -> UInt64

    /// Lets go of the entries before `position`, for good; it must not be behind the one that comes next. What was let
    /// go of already is no error.
    func truncate(before position: UInt64) throws(LogError)

    /// Which of the cluster's logs it is; the same as long as this is open.
    func generation() throws(LogError) -> LogGeneration

    /// Whether it may be relied on now, as it was found out and not as it was configured.
    var standing: LogStanding { get }

    /// Lets go of all that it holds; followers end, appends that wait fail.
    func close()
}

extension CommandLog {
    public func generation() throws(LogError) -> LogGeneration { .first }
}

/// In bytes, of one entry: what NATS takes by default is 1 MiB, with headers.
public let entryMaximumBytes = 600 * 1_024

/// One reader of a log, for one thread.
public protocol LogFollower: AnyObject, Sendable {
    /// Waits until there are entries, and adds them to `entries`, in order and without a gap: at least one,
    /// at most `maximumCount`.
    ///
    /// False when `end` was called. Throws when it can't go on by itself: what it has given so far is
    /// right, and calling again tries again.
    func take(upTo maximumCount: Int, into entries: inout [LogEntry]) throws(LogError) -> Bool

    /// From any thread: a `take` that waits answers false.
    func end()
}

/// An entry as everyone who follows sees it.
public struct LogEntry: Hashable, Sendable {
    public let position: UInt64

    /// When the log took it, by its own clock: the same for everyone.
    public let at: Timestamp
    public let bytes: [UInt8]

    public init(position: UInt64, at: Timestamp, bytes: [UInt8]) {
        self.position = position
        self.at = at
        self.bytes = bytes
    }
}

/// Whether a log may be relied on.
public enum LogStanding: Hashable, Sendable {
    /// Acknowledged entries are on the disks of a majority.
    case reliable

    /// They can't be had, or are not safe, and why: a sentence without a full stop.
    case unreliable(String)

    /// Why it may not be; `nil` when it may.
    public var doubt: String? {
        switch self {
        case .reliable: nil
        case .unreliable(let why): why
        }
    }
}
