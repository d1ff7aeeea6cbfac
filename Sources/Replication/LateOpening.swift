internal import Linux

/// What can't be opened yet: tried again and again on a thread of its own, until it is there or not wanted any more.
final class LateOpening<Opened: Sendable>: Sendable {
    private enum Condition: Sendable {
        /// Why it is not open; a sentence without a full stop.
        case waiting(String)
        case open(Opened)
        case closed
    }

    private let condition: Monitor<Condition>

    /// - Parameters:
    ///   - why: it is not open; a sentence without a full stop.
    ///   - pauseMilliseconds: between two tries.
    ///   - open: tries it, and throws why it can't.
    ///   - close: lets go of one that is not wanted any more.
    init(
        why: String,
        pauseMilliseconds: Int64,
        open: @escaping @Sendable () throws -> Opened,
        close: @escaping @Sendable (Opened) -> Void
    ) throws(LogError) {
        condition = Monitor(.waiting(why))
        let condition = condition
        do {
            _ = try Thread(name: "log-opening") {
                Self.open(condition, pauseMilliseconds, open, close)
            }
        } catch {
            throw .unreachable("no thread to open it on: \(error)")
        }
    }

    private static func open(
        _ condition: Monitor<Condition>,
        _ pauseMilliseconds: Int64,
        _ open: () throws -> Opened,
        _ close: (Opened) -> Void
    ) {
        while pause(condition, pauseMilliseconds) {
            do {
                let opened = try open()
                let isWanted = condition.change { condition in
                    if case .closed = condition { return false }
                    condition = .open(opened)
                    return true
                }
                return isWanted ? () : close(opened)
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

    func opened() throws(LogError) -> Opened {
        switch condition.look({ $0 }) {
        case .waiting(let why): throw .unreachable(why)
        case .open(let opened): return opened
        case .closed: throw .closed
        }
    }

    /// How what is open stands, or why nothing is.
    func standing(of opened: (Opened) -> LogStanding) -> LogStanding {
        switch condition.look({ $0 }) {
        case .waiting(let why): .unreliable(why)
        case .open(let found): opened(found)
        case .closed: .unreliable("the log is closed")
        }
    }

    /// Answers what was open.
    func close() -> Opened? {
        condition.change { condition in
            defer { condition = .closed }
            if case .open(let opened) = condition { return opened }
            return nil
        }
    }
}
