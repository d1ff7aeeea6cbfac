public import Replication

/// A log in a stream of NATS JetStream, with a replica on each of three servers.
///
/// What it relies on, and how that is seen to:
///
/// - `sync_interval: always`: an acknowledgement comes when a majority has synced the entry. The servers are asked
///   whether it is so (`StandingWatch`).
/// - Positions are the stream's sequences. One that a replica has lost is fetched from another one, or reading stops
///   (`JetStreamFollower`).
/// - The stream's metadata say which cluster it belongs to.
///
/// libnats' own threads put messages in queues and do nothing else; those of this log wait for them.
public final class JetStreamLog: CommandLog {
    /// Which cluster the stream belongs to: 32 hexadecimal digits.
    public let clusterID: String

    /// What the stream's metadata say besides, by keys.
    public let labels: [String: String]

    private let opened: OpenedStream

    /// What is done about a stream that is not there.
    public enum Absence: Hashable, Sendable {
        /// It is made. Its first entry is the one behind that position.
        case make(after: UInt64)

        /// It is begun anew, behind the position that the generation names. One that is there, and is another, is an
        /// error.
        case begin(LogGeneration)

        /// It is an error: there are books that have applied it.
        case fail
    }

    /// Connects, and finds the stream or makes it; as long as `openMilliseconds` say.
    ///
    /// - Parameters:
    ///   - clusterID: that of the stream that is looked for, or of the one that is made; `nil` takes what the stream
    ///     has, or makes one up.
    ///   - absence: what is done when there is no such stream.
    public init(
        _ settings: JetStreamSettings,
        clusterID: String? = nil,
        ifAbsent absence: Absence = .make(after: 0)
    ) throws(JetStreamError) {
        opened = try OpenedStream(settings, clusterID, absence)
        self.clusterID = opened.identity.cluster
        labels = opened.labels
    }

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        opened.appends.append(entry, completion: completion)
    }

    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        _ = try opened.last(atLeast: position)
        return JetStreamFollower(api, opened.identity, from: position)
    }

    public func position() throws(LogError) -> UInt64 { try opened.last(atLeast: 0) }

    public func first() throws(LogError) -> UInt64 { try stream().first }

    public func truncate(before position: UInt64) throws(LogError) {
        let info = try stream()
        guard info.isPurgeable else {
            throw .refused("stream \(api.settings.stream) has deny_purge, or is sealed")
        }
        guard position <= info.last + 1 else {
            throw .rewound(last: info.last, asked: position - 1)
        }
        if position <= info.first { return }
        do throws(StreamAPI.Failure) {
            try api.purge(before: position)
        } catch {
            switch error {
            case .closed: throw .closed
            case .noAnswer(let why): throw .unreachable(why)
            case .refused(_, let why): throw .refused(why)
            }
        }
    }

    private func stream() throws(LogError) -> StreamInfo {
        guard let info = try api.infoNow(of: opened.identity, api.settings.patienceMilliseconds)
        else {
            throw .unreachable("stream \(api.settings.stream) is not there")
        }
        return info
    }

    public func generation() throws(LogError) -> LogGeneration { opened.generation }

    /// Removes the stream with all its entries, for good; what is open of it is of no more use.
    public func remove() throws(LogError) {
        _ = try stream()
        try opened.remove()
    }

    public var standing: LogStanding { opened.watch.standing }

    public func close() { opened.close() }

    private var api: StreamAPI { opened.api }
}
