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

    private let link: Link
    private let api: StreamAPI
    private let appends: Appends
    private let watch: StandingWatch

    /// What is done about a stream that is not there.
    public enum Absence: Hashable, Sendable {
        /// It is made. Its first entry is the one behind that position.
        case make(after: UInt64)

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
        try settings.check()
        link = try Link(settings)
        api = StreamAPI(link, settings)
        appends = Appends(link, settings)
        do throws(JetStreamError) {
            let stream = try api.open(clusterID, absence)
            self.clusterID = stream.clusterID
            labels = stream.labels
            watch = try StandingWatch(api, clusterID: stream.clusterID)
        } catch {
            link.close()
            throw error
        }
        do throws(JetStreamError) {
            try appends.start()
            try watch.start()
        } catch {
            close()
            throw error
        }
    }

    /// Its threads end by themselves: one of them may be where the last reference was.
    deinit { link.close() }

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        appends.append(entry, completion: completion)
    }

    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        let patience = api.settings.patienceMilliseconds
        _ = try api.last(atLeast: position, of: clusterID, patience: patience)
        return JetStreamFollower(api, clusterID: clusterID, from: position)
    }

    public func position() throws(LogError) -> UInt64 {
        try api.last(atLeast: 0, of: clusterID, patience: api.settings.patienceMilliseconds)
    }

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
        guard let info = try api.infoNow(of: clusterID, api.settings.patienceMilliseconds) else {
            throw .unreachable("stream \(api.settings.stream) is not there")
        }
        return info
    }

    public var standing: LogStanding { watch.standing }

    public func close() {
        link.close()
        appends.stop()
        watch.stop()
    }
}

/// A stream that was found or made, and is as it has to be.
struct OpenStream {
    let clusterID: String
    let labels: [String: String]
}

extension StreamAPI {
    /// Finds the stream, or makes it, and checks what it found.
    func open(
        _ clusterID: String?, _ absence: JetStreamLog.Absence
    ) throws(JetStreamError) -> OpenStream {
        let fresh = clusterID ?? RandomName.make()
        let info: StreamInfo
        do throws(Failure) {
            info = try patiently(settings.openMilliseconds) { () throws(Failure) -> StreamInfo in
                switch absence {
                case .make(let position): try self.findOrCreate(fresh, after: position)
                case .fail: try self.info()
                }
            }
        } catch {
            switch error {
            case .refused(Code.streamNotFound, _): throw .noStream(settings.stream)
            case .noAnswer(let why): throw .unreachable("stream \(settings.stream): \(why)")
            case .refused(_, let why): throw .notMade(stream: settings.stream, why)
            case .closed: throw .unreachable("the log is closed")
            }
        }
        var differences = info.differences(from: settings)
        if info.clusterID == nil {
            differences.append("its metadata have no \(StreamInfo.clusterKey)")
        }
        guard differences.isEmpty, let found = info.clusterID else {
            throw .unsafeStream(settings.stream, differences: differences)
        }
        guard found == clusterID ?? found else {
            throw .foreignCluster(stream: settings.stream, found: found, expected: fresh)
        }
        return OpenStream(clusterID: found, labels: info.labels)
    }

    /// Nodes that start at the same time may all want to make it: one does, the others find it.
    private func findOrCreate(
        _ clusterID: String, after position: UInt64
    ) throws(Failure) -> StreamInfo {
        do throws(Failure) {
            return try info()
        } catch .refused(Code.streamNotFound, _) {
            do throws(Failure) {
                return try create(clusterID: clusterID, after: position)
            } catch .refused(Code.streamNameInUse, _) {
                return try info()
            } catch .refused(let code, let why) where Code.placement.contains(code) {
                // Not all servers are there yet.
                throw Failure.noAnswer(why)
            }
        }
    }
}
