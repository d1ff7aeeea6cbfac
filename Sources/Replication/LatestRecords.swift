public import Time

/// The latest record under each of many keys, which all nodes of a cluster follow. What a record replaces is not
/// kept. What an implementation promises:
///
/// - A record that was acknowledged is on the disks of a majority, and stays until its key gets another one, or its
///   time is over.
/// - Everyone who follows sees the records in one order. Positions grow, and have gaps: where a record was replaced.
/// - An empty record deletes what is under its key. It is kept for some days, so that nodes that were away learn of
///   it; one that was away for longer reads everything anew (`LatestChange.beginning`).
/// - A put whose acknowledgement was lost may have been carried out.
public protocol LatestRecords: AnyObject, Sendable {
    /// Puts a record in place of the one under its key.
    ///
    /// `completion` is called once, with its position or why there is none, on a thread of the records' or at once: it
    /// should only pass the answer on.
    ///
    /// - Parameters:
    ///   - record: empty to delete. With its key it has at most `latestRecordMaximumBytes`.
    ///   - key: 1 to 65,535 bytes.
    ///   - seconds: for how long it is of use; it is gone some time after that. `nil`: it stays.
    func put(
        _ record: [UInt8],
        under key: [UInt8],
        forSeconds seconds: UInt32?,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    )

    /// Reads what has changed since `mark`, and what comes, until it is ended. `nil`: everything.
    ///
    /// - Parameter generation: of the records in which the mark is (`LatestFollower.generation`). When they were begun
    ///   anew since, everything comes.
    func follow(
        from mark: LatestMark?, of generation: UInt64
    ) throws(LogError) -> any LatestFollower

    /// The position of the last record; 0 when there was none.
    func position() throws(LogError) -> UInt64

    /// Whether they may be relied on now, as it was found out and not as it was configured.
    var standing: LogStanding { get }

    /// Lets go of all that they hold; followers end, puts that wait fail.
    func close()
}

/// In bytes, of a key and its record.
public let latestRecordMaximumBytes = entryMaximumBytes - 2

/// In bytes: the longest topic of MQTT.
public let latestKeyMaximumBytes = 65_535

/// One reader of the latest records, for one thread.
public protocol LatestFollower: AnyObject, Sendable {
    /// Which records they are: another number when they were lost, and begun anew. 1: the first ones, or it is not known.
    var generation: UInt64 { get }

    /// Waits until there are changes, and adds them to `changes`, in order: at least one.
    ///
    /// False when `end` was called. Throws when it can't go on by itself: what it has given so far is right, and
    /// calling again tries again.
    func take(upTo maximumCount: Int, into changes: inout [LatestChange]) throws(LogError) -> Bool

    /// From any thread: a `take` that waits answers false.
    func end()
}

/// What a follower is told.
public enum LatestChange: Hashable, Sendable {
    /// What has changed since the mark can't be told: everything comes, up to `current`. What has not come by then
    /// is not there any more, or, when the records were begun anew since the mark, was lost with the earlier ones.
    case beginning(isAnew: Bool)

    /// The latest under its key. It may come twice; one that a server had lost comes late, but never behind a
    /// later one of its key.
    case record(LatestRecord)

    /// All that was there has come, but for as many as can't be had from any server.
    case current(LatestMark, missing: Int)
}

/// How far the records were followed. A follower goes on from there.
public struct LatestMark: Hashable, Sendable {
    public let position: UInt64

    /// By the records' own clock: what was deleted before was seen.
    public let at: Timestamp

    public init(position: UInt64, at: Timestamp) {
        self.position = position
        self.at = at
    }
}

/// A record as everyone who follows sees it.
public struct LatestRecord: Hashable, Sendable {
    public let key: [UInt8]
    public let position: UInt64

    /// When it was taken, by the records' own clock.
    public let at: Timestamp

    /// Empty: what was under the key is deleted.
    public let bytes: [UInt8]

    public init(key: [UInt8], position: UInt64, at: Timestamp, bytes: [UInt8]) {
        self.key = key
        self.position = position
        self.at = at
        self.bytes = bytes
    }

    public var mark: LatestMark { LatestMark(position: position, at: at) }
}
