internal import Linux
public import Replication
internal import Synchronization

/// Uplink streams in NATS JetStream, on a connection of their own.
///
/// Stream NAME takes what is published on `tollgate.uplink.NAME.>`. One that is not there is made; one that is there is
/// its operator's, and is looked at, but never changed.
public final class JetStreamUplink: UplinkStreams {
    /// What all subjects of uplink streams begin with.
    public static let prefix = "tollgate.uplink"

    /// Between two looks at a stream: one that takes messages, and one that does not.
    private static let checkMilliseconds: Int64 = 10_000
    private static let retryMilliseconds: Int64 = 1_000

    private struct State {
        var inUse: Set<String> = []

        /// What was found out of each: `nil` that it takes messages.
        var found: [String: String?] = [:]
    }

    private let settings: JetStreamSettings
    private let link: Link
    private let appends: Appends
    private let state = Monitor(State())
    private let worker = Worker("uplink-watch")

    /// Connects: to each server as long as `connectMilliseconds` say. Throws `.tooOld` of a server that says so.
    ///
    /// - Parameter settings: its stream and subject are not looked at.
    public init(_ settings: JetStreamSettings) throws(JetStreamError) {
        try settings.check()
        self.settings = settings
        link = try Link(settings)
        do throws(JetStreamError) {
            try link.requireVersion()
            appends = try Appends(link, settings)
            try appends.start()
        } catch {
            link.close()
            throw error
        }
        do throws(JetStreamError) {
            try worker.start { [weak self, link] in
                while link.pause(milliseconds: 100) {
                    guard let self else { return }
                    self.look()
                }
            }
        } catch {
            link.close()
            appends.stop()
            throw error
        }
    }

    /// Its threads end by themselves: one of them may be where the last reference was.
    deinit { link.close() }

    public func put(
        _ message: StreamMessage,
        into stream: String,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        switch state.look({ $0.found[stream] }) {
        case .some(nil): break
        case .some(let why?):
            return completion(.failure(.refused(why)))
        case nil:
            // It was not named before: it is looked for now.
            if !state.look({ $0.inUse.contains(stream) }) {
                state.change { _ = $0.inUse.insert(stream) }
            }
            return completion(.failure(.refused("it is being looked for")))
        }
        appends.append(
            message.payload,
            on: "\(Self.subject(of: stream)).\(message.words.joined(separator: "."))",
            message.headers + [StreamMessage.Header("Nats-Msg-Id", message.id)],
            to: stream
        ) { [weak self] result in
            // It may be gone: it is looked at again at once.
            if case .failure = result { self?.times.withLock { $0[stream] = nil } }
            completion(result)
        }
    }

    public func use(_ streams: Set<String>) {
        state.change { state in
            state.inUse = streams
            state.found = state.found.filter { streams.contains($0.key) }
        }
    }

    public var doubts: [String: String] {
        let isLost = link.connection.condition != .connected
        return state.look { state in
            var doubts: [String: String] = [:]
            for stream in state.inUse {
                let known = state.found[stream]
                if isLost {
                    doubts[stream] = "the connection to its servers is lost"
                } else if case .some(let why?) = known {
                    doubts[stream] = why
                } else if known == nil {
                    doubts[stream] = "it is being looked for"
                }
            }
            return doubts
        }
    }

    public func close() {
        link.close()
        worker.join()
        appends.stop()
    }

    static func subject(of stream: String) -> String { "\(prefix).\(stream)" }

    // MARK: The thread that looks at the streams

    private let times = Mutex<[String: MonotonicInstant]>([:])

    /// At those whose time has come.
    private func look() {
        try? link.renew()
        guard link.connection.condition == .connected else { return }
        let (inUse, found) = state.look { ($0.inUse, $0.found) }
        let now = MonotonicInstant.now()
        for stream in inUse.sorted() where isDue(stream, found[stream], at: now) {
            let why = fault(of: stream)
            if link.isClosed { return }
            times.withLock { $0[stream] = .now() }
            state.change { state in
                if state.inUse.contains(stream) { state.found[stream] = .some(why) }
            }
        }
    }

    private func isDue(_ stream: String, _ found: String??, at now: MonotonicInstant) -> Bool {
        guard let found, let last = times.withLock({ $0[stream] }) else { return true }
        let pause = found == nil ? Self.checkMilliseconds : Self.retryMilliseconds
        return now.milliseconds(since: last) >= pause
    }

    /// Why the stream takes no messages; `nil` when it does. It is made when it is not there.
    private func fault(of stream: String) -> String? {
        var own = settings
        own.stream = stream
        own.subject = "\(Self.subject(of: stream)).>"
        let api = StreamAPI(link, own)
        do throws(StreamAPI.Failure) {
            return try api.findOrMakeUplink().faultOfUplink(takes: own.subject)
        } catch {
            return error.text
        }
    }
}

extension StreamAPI {
    fileprivate func findOrMakeUplink() throws(Failure) -> StreamInfo {
        do throws(Failure) {
            return try info()
        } catch .refused(Code.streamNotFound, _) {
            do throws(Failure) {
                return try create(StreamInfo.uplinkConfig(for: settings))
            } catch .refused(Code.streamNameInUse, _) {
                return try info()
            }
        }
    }
}

extension StreamInfo {
    /// How an uplink stream is made: it keeps everything until its operator says otherwise, and takes no more when its
    /// disk is full.
    static func uplinkConfig(for settings: JetStreamSettings) -> JSON {
        [
            "name": .text(settings.stream),
            "description": .text("messages of devices, put here by tollgate"),
            "subjects": .array([.text(settings.subject)]),
            "retention": .text("limits"),
            "storage": .text("file"),
            "discard": .text("new"),
            "num_replicas": .number(settings.replicas),
            "max_consumers": .number(-1),
            "max_msgs": .number(-1),
            "max_bytes": .number(-1),
            "max_age": .number(0),
            "max_msgs_per_subject": .number(-1),
            "max_msg_size": .number(-1),
            // Two minutes, in nanoseconds: for how long ids are remembered.
            "duplicate_window": .number(120_000_000_000),
            "allow_direct": .truth(true),
        ]
    }

    /// Why what is published on `subject` is not kept here, or not acknowledged; `nil` when it is.
    fileprivate func faultOfUplink(takes subject: String) -> String? {
        let taken = config["subjects"]?.elements.compactMap(\.text) ?? []
        guard taken.contains(where: { $0 == subject || $0 == ">" || $0 == "tollgate.>" }) else {
            let now = taken.isEmpty ? "none" : taken.joined(separator: ", ")
            return "its subjects have to have \(subject), and are \(now)"
        }
        if config["no_ack"] == .truth(true) { return "it has no_ack, so nothing is acknowledged" }
        if config["sealed"] == .truth(true) { return "it is sealed" }
        if leader == nil, !servers.isEmpty || config["num_replicas"]?.integer ?? 1 > 1 {
            return "it has no leader"
        }
        return nil
    }
}
