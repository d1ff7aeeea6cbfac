import Synchronization
import Linux

/// What was found when something was looked at last, one look at a time. Of shards, for a page of metrics: a shard that
/// has much to do holds up no page, as that is when it is wanted.
final class LatestAnswer<Answer: Sendable>: Sendable {
    private struct State {
        var answer: Answer
        var isUnderWay = false
    }

    private let state: Mutex<State>

    /// - Parameter answer: what holds before the first look is over.
    init(before answer: Answer) { state = Mutex(State(answer: answer)) }

    /// Looks, unless a look is under way. `look` calls what it is given once, on any thread, with what it has found.
    func look(_ look: (@escaping @Sendable (Answer) -> Void) -> Void) {
        let begins = state.withLock { state in
            defer { state.isUnderWay = true }
            return !state.isUnderWay
        }
        guard begins else { return }
        look { answer in self.state.withLock { $0 = State(answer: answer) } }
    }

    /// What is found by the look that is under way; what was found by the last one when it is not over then. It goes on,
    /// for the next page.
    func value(by deadline: MonotonicInstant) async -> Answer {
        while state.withLock({ $0.isUnderWay }), .now() < deadline {
            do {
                try await Task.sleep(for: .milliseconds(2))
            } catch {
                break  // Cancelled: so is the page.
            }
        }
        return state.withLock { $0.answer }
    }
}

extension MonotonicInstant {
    /// So long a page of metrics waits for shards.
    static var endOfPatienceWithShards: MonotonicInstant { .now().adding(milliseconds: 200) }
}
