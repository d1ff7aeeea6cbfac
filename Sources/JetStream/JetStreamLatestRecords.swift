internal import Cryptography
public import Replication

/// The latest records in a stream of NATS JetStream, with a replica on each of three servers.
///
/// Each key has a subject of its own, of which the stream keeps the last message. The subject ends with the key's
/// SHA-256: so any bytes may be a key, as long as a topic may be, and none has to be written in another way because a
/// subject has no spaces, wildcards or empty words. The key itself is in front of the record:
///
/// | bytes | |
/// |---|---|
/// | 2 | how many the key has, high byte first |
/// | | the key |
/// | | the record; nothing: what was under the key is deleted |
///
/// A message of a limited time (`Nats-TTL`) is taken away by the servers. Of a deletion that is two weeks; a follower
/// believes that it has missed none when its mark is less than one old, by the servers' clocks. A record that is of
/// use for some time is kept for two weeks more, so that a node that had the record it replaced learns of that.
public final class JetStreamLatestRecords: LatestRecords {
    /// Which cluster the stream belongs to: 32 hexadecimal digits.
    public let clusterID: String

    private let stream: OpenedStream
    private let memory: DeletionMemory

    /// Connects, and finds the stream or makes it; as long as `openMilliseconds` say.
    ///
    /// - Parameters:
    ///   - settings: `JetStreamSettings.ofRetained`, say.
    ///   - clusterID: the log's.
    ///   - absence: what is done about a stream that is not there. One that is made has the time as its generation: so
    ///     it is told from one that was there before, and was lost.
    public convenience init(
        _ settings: JetStreamSettings,
        clusterID: String,
        ifAbsent absence: JetStreamLog.Absence = .make(after: 0)
    ) throws(JetStreamError) {
        try self.init(settings, clusterID: clusterID, .standard, ifAbsent: absence)
    }

    init(
        _ settings: JetStreamSettings,
        clusterID: String,
        _ memory: DeletionMemory,
        ifAbsent absence: JetStreamLog.Absence = .make(after: 0)
    ) throws(JetStreamError) {
        var settings = settings
        settings.kind = .latest
        stream = try OpenedStream(settings, clusterID, absence)
        self.clusterID = clusterID
        self.memory = memory
    }

    public func put(
        _ record: [UInt8],
        under key: [UInt8],
        forSeconds seconds: UInt32?,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        guard !key.isEmpty, key.count <= latestKeyMaximumBytes,
            key.count + record.count <= latestRecordMaximumBytes
        else { return completion(.failure(.refused("the record, or its key, is too large"))) }
        let kept =
            record.isEmpty ? memory.keptSeconds : seconds.map { Int64($0) + memory.keptSeconds }
        stream.appends.append(
            KeyedRecord.encode(key, record),
            on: "\(stream.api.settings.subject).\(SHA256.hash(key.span))",
            forSeconds: kept,
            completion: completion)
    }

    public func follow(
        from mark: LatestMark?, of generation: UInt64
    ) throws(LogError) -> any LatestFollower {
        if stream.link.isClosed { throw .closed }
        return JetStreamLatestFollower(
            stream.api, stream.identity, memory, from: mark, of: generation)
    }

    /// Which stream it is: see `LatestFollower.generation`.
    public var generation: UInt64 { stream.identity.generation }

    /// Removes the stream with all its records, for good; what is open of it is of no more use.
    public func remove() throws(LogError) { try stream.remove() }

    public func position() throws(LogError) -> UInt64 { try stream.last(atLeast: 0) }

    public var standing: LogStanding { stream.watch.standing }

    public func close() { stream.close() }
}

/// For how long deletions are remembered.
struct DeletionMemory: Sendable {
    let keptSeconds: Int64

    /// How old a mark may be; the rest is for clocks that differ.
    let markSeconds: Int64

    static let standard = DeletionMemory(keptSeconds: 14 * 86_400, markSeconds: 7 * 86_400)
}

/// What a message of the stream holds.
enum KeyedRecord {
    static func encode(_ key: [UInt8], _ record: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: key.count >> 8), UInt8(truncatingIfNeeded: key.count)]
            + key + record
    }

    /// `nil` when there is no key.
    static func decode(_ entry: LogEntry) -> LatestRecord? {
        guard entry.bytes.count > 2 else { return nil }
        let end = 2 + Int(entry.bytes[0]) << 8 + Int(entry.bytes[1])
        guard end > 2, end <= entry.bytes.count else { return nil }
        return LatestRecord(
            key: Array(entry.bytes[2..<end]), position: entry.position, at: entry.at,
            bytes: Array(entry.bytes[end...]))
    }
}
