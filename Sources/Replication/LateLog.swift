internal import Linux

/// A log that can't be opened yet: tries it again and again, and says until then why it has not succeeded. So a
/// node starts without its log, and serves what its books know.
public final class LateLog: CommandLog {
    private enum Condition: Sendable {
        /// Why it is not open; a sentence without a full stop.
        case waiting(String)
        case open(any CommandLog)
        case closed
    }

    private let condition: Monitor<Condition>

    /// - Parameters:
    ///   - why: it is not open; a sentence without a full stop.
    ///   - pauseMilliseconds: between two tries.
    ///   - open: tries it, on a thread of its own, and throws why it can't.
    public init(
        why: String,
        pauseMilliseconds: Int64 = 1_000,
        open: @escaping @Sendable () throws -> any CommandLog
    ) throws(LogError) {
        condition = Monitor(.waiting(why))
        let condition = condition
        do {
            _ = try Thread(name: "log-opening") {
                Self.open(condition, pauseMilliseconds, open)
            }
        } catch {
            throw .unreachable("no thread to open it on: \(error)")
        }
    }

    private static func open(
        _ condition: Monitor<Condition>,
        _ pauseMilliseconds: Int64,
        _ open: () throws -> any CommandLog
    ) {
        while pause(condition, pauseMilliseconds) {
            do {
                let log = try open()
                let isWanted = condition.change { condition in
                    if case .closed = condition { return false }
                    condition = .open(log)
                    return true
                }
                return isWanted ? () : log.close()
            } catch {
                condition.change { condition in
                    if case .waiting = condition { condition = .waiting("\(error)") }
                }
            }
        }
    }

    /// Lets time go by; false when it is closed.
    private static func pause(_ condition: Monitor<Condition>, _ milliseconds: Int64) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: milliseconds)
        return condition.wait(until: deadline) { condition in
            if case .closed = condition { true } else { nil }
        } == nil
    }

    private func opened() throws(LogError) -> any CommandLog {
        switch condition.look({ $0 }) {
        case .waiting(let why): throw .unreachable(why)
        case .open(let log): return log
        case .closed: throw .closed
        }
    }

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        do throws(LogError) {
            try opened().append(entry, completion: completion)
        } catch {
            completion(.failure(.refused("\(error)")))
        }
    }

    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        try opened().follow(from: position)
    }

    public func position() throws(LogError) -> UInt64 { try opened().position() }

    public func first() throws(LogError) -> UInt64 { try opened().first() }

    public func truncate(before position: UInt64) throws(LogError) {
        try opened().truncate(before: position)
    }

    public var standing: LogStanding {
        switch condition.look({ $0 }) {
        case .waiting(let why): .unreliable(why)
        case .open(let log): log.standing
        case .closed: .unreliable("the log is closed")
        }
    }

    public func close() {
        let log = condition.change { condition -> (any CommandLog)? in
            defer { condition = .closed }
            if case .open(let log) = condition { return log }
            return nil
        }
        log?.close()
    }
}
