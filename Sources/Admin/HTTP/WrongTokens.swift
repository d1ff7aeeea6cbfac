import Gateway
import Ledger
import Linux
import Logging
import Synchronization

/// Counts the requests whose tokens are not valid, and holds back where too many come from: as the data plane does with
/// wrong secrets of one address, by the same limits. A valid token is heard meanwhile, as many may share an address.
///
/// Says in the log where they came from: at most a line a second, and how many more there were. Who guesses, or has
/// an old token, can be found out afterwards.
final class WrongTokens: Sendable {
    private struct State {
        var count = 0
        var failures: FailureGuard<SourceNetwork>
        var nextLine: ContinuousClock.Instant?
        var unsaid = 0
    }

    private let exemptNetworks: [IPNetwork]
    private let logger: Logger
    private let state: Mutex<State>

    /// From which the failures' times are counted.
    private let start = ContinuousClock.now

    init(limits: GatewayConfiguration.Limits, logger: Logger) {
        exemptNetworks = limits.exemptNetworks.compactMap { IPNetwork($0) }
        self.logger = logger
        let failures = FailureGuard<SourceNetwork>(
            failuresPerMinute: limits.wrongSecretsPerMinutePerAddress,
            penaltyMaximumMilliseconds: Int64(limits.wrongSecretPenaltySeconds) * 1_000)
        state = Mutex(State(failures: failures))
    }

    /// Since the start.
    var count: Int { state.withLock { $0.count } }

    /// A request had one. Of the token only its key's id is said, if it has one: the rest may be nearly a secret.
    ///
    /// Answers how long the next one of there has to wait, when this one came too soon.
    func note(
        _ token: String, from address: String?, at now: ContinuousClock.Instant
    ) -> Duration? {
        let (network, time) = (address.flatMap { source(of: $0) }, monotonic(now))
        let (wait, more) = state.withLock { (state: inout State) -> (Duration?, Int?) in
            state.count += 1
            let more = Self.linesOwed(in: &state, at: now)
            guard let network else { return (nil, more) }
            return (Self.wait(of: network, in: &state.failures, at: time), more)
        }
        if let more { say(token, address, more) }
        return wait
    }

    /// A failure, unless the source is held back already.
    private static func wait(
        of source: SourceNetwork, in failures: inout FailureGuard<SourceNetwork>,
        at time: MonotonicInstant
    ) -> Duration? {
        guard let end = failures.heldBackUntil(source, at: time) else {
            failures.noteFailure(source, at: time)
            return nil
        }
        return .nanoseconds(end.nanoseconds(since: time))
    }

    /// When a line is due, how many had none since the last.
    private static func linesOwed(
        in state: inout State, at now: ContinuousClock.Instant
    ) -> Int? {
        if let next = state.nextLine, now < next {
            state.unsaid += 1
            return nil
        }
        defer { (state.nextLine, state.unsaid) = (now + .seconds(1), 0) }
        return state.unsaid
    }

    private func say(_ token: String, _ address: String?, _ more: Int) {
        let id = token.firstIndex(of: ".").flatMap { KeyID(String(token[..<$0])) }
        var metadata: Logger.Metadata = [
            "address": "\(address ?? "-")", "key": "\(id.map { "\($0)" } ?? "-")",
        ]
        if more > 0 { metadata["more"] = "\(more)" }
        logger.notice("a request had a token that is not valid", metadata: metadata)
    }

    /// `nil` for what no limit of one address holds for.
    private func source(of text: String) -> SourceNetwork? {
        guard let address = IPAddress(text),
            !exemptNetworks.contains(where: { $0.contains(address) })
        else { return nil }
        return SourceNetwork(address)
    }

    private func monotonic(_ now: ContinuousClock.Instant) -> MonotonicInstant {
        let (seconds, attoseconds) = start.duration(to: now).components
        return MonotonicInstant(
            nanoseconds: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
