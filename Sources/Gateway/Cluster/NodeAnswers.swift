import Synchronization

/// Gathers the answers of several nodes to one question of the control side.
final class NodeAnswers: Sendable {
    private struct State {
        var outstanding: Int
        var answers: [NodeAnswer] = []
    }

    private let state: Mutex<State>
    private let completion: @Sendable ([NodeAnswer]) -> Void

    /// Calls `completion` at once when no node is asked.
    init(of count: Int, _ completion: @escaping @Sendable ([NodeAnswer]) -> Void) {
        state = Mutex(State(outstanding: count))
        self.completion = completion
        if count == 0 { completion([]) }
    }

    /// `nil`: that node can't be reached any more.
    func add(_ answer: NodeAnswer?) {
        let answers = state.withLock { state -> [NodeAnswer]? in
            state.outstanding -= 1
            if let answer { state.answers.append(answer) }
            return state.outstanding == 0 ? state.answers : nil
        }
        if let answers { completion(answers) }
    }
}
