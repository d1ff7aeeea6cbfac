/// A log that can't be opened yet: tries it again and again, and says until then why it has not succeeded. So a
/// node starts without its log, and serves what its books know.
public final class LateLog: CommandLog {
    private let opening: LateOpening<any CommandLog>

    /// - Parameters:
    ///   - why: it is not open; a sentence without a full stop.
    ///   - pauseMilliseconds: between two tries.
    ///   - open: tries it, on a thread of its own, and throws why it can't.
    public init(
        why: String,
        pauseMilliseconds: Int64 = 1_000,
        open: @escaping @Sendable () throws -> any CommandLog
    ) throws(LogError) {
        opening = try LateOpening(
            why: why, pauseMilliseconds: pauseMilliseconds, open: open, close: { $0.close() })
    }

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        do throws(LogError) {
            try opening.opened().append(entry, completion: completion)
        } catch {
            completion(.failure(.refused("\(error)")))
        }
    }

    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        try opening.opened().follow(from: position)
    }

    public func position() throws(LogError) -> UInt64 { try opening.opened().position() }

    public func first() throws(LogError) -> UInt64 { try opening.opened().first() }

    public func truncate(before position: UInt64) throws(LogError) {
        try opening.opened().truncate(before: position)
    }

    public func generation() throws(LogError) -> LogGeneration {
        try opening.opened().generation()
    }

    public var standing: LogStanding { opening.standing { $0.standing } }

    public func close() { opening.close()?.close() }
}
