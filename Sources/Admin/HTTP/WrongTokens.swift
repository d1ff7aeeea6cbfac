import Ledger
import Logging
import Synchronization

/// Says in the log that requests had tokens that are not valid, and where they came from: at most a line a second, and
/// how many more there were. Who guesses, or has an old token, can be found out afterwards.
final class WrongTokens: Sendable {
    private struct State {
        var nextLine: ContinuousClock.Instant?
        var unsaid = 0
    }

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) { self.logger = logger }

    /// A request had one. Of the token only its key's id is said, if it has one: the rest may be nearly a secret.
    func note(_ token: String, from address: String?, at now: ContinuousClock.Instant) {
        let more: Int? = state.withLock { state in
            if let next = state.nextLine, now < next {
                state.unsaid += 1
                return nil
            }
            defer { state = State(nextLine: now + .seconds(1)) }
            return state.unsaid
        }
        guard let more else { return }
        let id = token.firstIndex(of: ".").flatMap { KeyID(String(token[..<$0])) }
        var metadata: Logger.Metadata = [
            "address": "\(address ?? "-")", "key": "\(id.map { "\($0)" } ?? "-")",
        ]
        if more > 0 { metadata["more"] = "\(more)" }
        logger.notice("a request had a token that is not valid", metadata: metadata)
    }
}
