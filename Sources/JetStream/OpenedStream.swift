internal import Linux
internal import Replication
internal import Time

/// A stream that was found or made, and is as it has to be, with all that works on it: the connection, what was
/// published and waits for its acknowledgement, the watch over the servers.
final class OpenedStream: Sendable {
    let identity: StreamIdentity
    let generation: LogGeneration
    let labels: [String: String]
    let link: Link
    let api: StreamAPI
    let appends: Appends
    let watch: StandingWatch

    init(
        _ settings: JetStreamSettings, _ clusterID: String?, _ absence: JetStreamLog.Absence
    ) throws(JetStreamError) {
        try settings.check()
        link = try Link(settings)
        api = StreamAPI(link, settings)
        do throws(JetStreamError) {
            try link.requireVersion()
            appends = try Appends(link, settings)
            let found = try api.open(clusterID, absence)
            generation = found.generation
            identity = StreamIdentity(cluster: found.clusterID, generation: generation.number)
            labels = found.labels
            watch = try StandingWatch(api, identity)
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

    /// The position of the last entry, which is not before `asked`.
    func last(atLeast asked: UInt64) throws(LogError) -> UInt64 {
        try api.last(
            atLeast: asked, of: identity, patience: api.settings.patienceMilliseconds)
    }

    /// Removes it with all that is in it, for good.
    func remove() throws(LogError) {
        do throws(StreamAPI.Failure) {
            try api.remove()
        } catch {
            switch error {
            case .closed: throw .closed
            case .noAnswer(let why): throw .unreachable(why)
            case .refused(_, let why): throw .refused(why)
            }
        }
    }

    func close() {
        link.close()
        appends.stop()
        watch.stop()
    }
}

extension StreamAPI {
    /// Finds the stream, or makes it, and checks what it found: what its metadata say.
    func open(
        _ clusterID: String?, _ absence: JetStreamLog.Absence
    ) throws(JetStreamError) -> (
        clusterID: String, generation: LogGeneration, labels: [String: String]
    ) {
        let fresh = clusterID ?? RandomName.make()
        let info: StreamInfo
        do throws(Failure) {
            info = try patiently(settings.openMilliseconds) { () throws(Failure) -> StreamInfo in
                switch absence {
                case .make(let position):
                    try self.findOrCreate(fresh, after: position, settings.kind.generation)
                case .begin(let generation):
                    try self.findOrCreate(fresh, after: generation.position, generation)
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
        if info.generation == nil {
            differences.append("its \(StreamInfo.generationKey) is not understood")
        }
        guard differences.isEmpty, let found = info.clusterID, let generation = info.generation
        else {
            throw .unsafeStream(settings.stream, differences: differences)
        }
        guard found == clusterID ?? found else {
            throw .foreignCluster(stream: settings.stream, found: found, expected: fresh)
        }
        if case .begin(let wanted) = absence, wanted != generation {
            throw .notMade(
                stream: settings.stream, "it is there already, as generation \(generation.number)")
        }
        return (found, generation, info.labels)
    }

    /// Nodes that start at the same time may all want to make it: one does, the others find it.
    private func findOrCreate(
        _ clusterID: String, after position: UInt64, _ generation: LogGeneration
    ) throws(Failure) -> StreamInfo {
        do throws(Failure) {
            return try info()
        } catch .refused(Code.streamNotFound, _) {
            do throws(Failure) {
                return try create(clusterID: clusterID, after: position, generation)
            } catch .refused(Code.streamNameInUse, _) {
                return try info()
            } catch .refused(let code, let why) where Code.placement.contains(code) {
                // Not all servers are there yet.
                throw Failure.noAnswer(why)
            }
        }
    }
}

extension StreamKind {
    /// Of a stream that is made because none is there. Books know which log they have applied; of the latest records no
    /// one knows whether there were others before.
    fileprivate var generation: LogGeneration {
        switch self {
        case .entries: .first
        case .latest:
            LogGeneration(
                number: UInt64(max(2, Timestamp.now().milliseconds)), position: 0, chain: "")
        }
    }
}
