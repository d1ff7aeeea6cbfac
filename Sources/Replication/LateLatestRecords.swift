/// Latest records that can't be opened yet, as `LateLog` is for a log: until then nothing is put, and nothing comes.
public final class LateLatestRecords: LatestRecords {
    private let opening: LateOpening<any LatestRecords>

    /// - Parameters:
    ///   - why: they are not open; a sentence without a full stop.
    ///   - pauseMilliseconds: between two tries.
    ///   - open: tries it, on a thread of its own, and throws why it can't.
    public init(
        why: String,
        pauseMilliseconds: Int64 = 1_000,
        open: @escaping @Sendable () throws -> any LatestRecords
    ) throws(LogError) {
        opening = try LateOpening(
            why: why, pauseMilliseconds: pauseMilliseconds, open: open, close: { $0.close() })
    }

    public func put(
        _ record: [UInt8],
        under key: [UInt8],
        forSeconds seconds: UInt32?,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        do throws(LogError) {
            try opening.opened().put(
                record, under: key, forSeconds: seconds, completion: completion)
        } catch {
            completion(.failure(.refused("\(error)")))
        }
    }

    public func follow(
        from mark: LatestMark?, of generation: UInt64
    ) throws(LogError) -> any LatestFollower {
        try opening.opened().follow(from: mark, of: generation)
    }

    public func position() throws(LogError) -> UInt64 { try opening.opened().position() }

    public var standing: LogStanding { opening.standing { $0.standing } }

    public func close() { opening.close()?.close() }
}
