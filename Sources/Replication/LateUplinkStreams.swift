internal import Synchronization

/// Uplink streams that can't be opened yet, as `LateLog` is for a log: until then nothing is put.
public final class LateUplinkStreams: UplinkStreams {
    private let opening: LateOpening<any UplinkStreams>
    private let wanted: Wanted

    /// Which streams are in use.
    private final class Wanted: Sendable {
        let streams = Mutex<Set<String>>([])
    }

    /// - Parameters:
    ///   - why: they are not open; a sentence without a full stop.
    ///   - pauseMilliseconds: between two tries.
    ///   - open: tries it, on a thread of its own, and throws why it can't.
    public init(
        why: String,
        pauseMilliseconds: Int64 = 1_000,
        open: @escaping @Sendable () throws -> any UplinkStreams
    ) throws(LogError) {
        let wanted = Wanted()
        self.wanted = wanted
        opening = try LateOpening(
            why: why, pauseMilliseconds: pauseMilliseconds,
            open: {
                let opened = try open()
                opened.use(wanted.streams.withLock { $0 })
                return opened
            },
            close: { $0.close() })
    }

    public func put(
        _ message: StreamMessage,
        into stream: String,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        do throws(LogError) {
            try opening.opened().put(message, into: stream, completion: completion)
        } catch {
            completion(.failure(.refused("\(error)")))
        }
    }

    public func use(_ streams: Set<String>) {
        wanted.streams.withLock { $0 = streams }
        try? opening.opened().use(streams)
    }

    public var doubts: [String: String] {
        do throws(LogError) {
            return try opening.opened().doubts
        } catch {
            let why = "\(error)"
            let streams = wanted.streams.withLock { $0 }
            return Dictionary(uniqueKeysWithValues: streams.map { ($0, why) })
        }
    }

    public func close() { opening.close()?.close() }
}
