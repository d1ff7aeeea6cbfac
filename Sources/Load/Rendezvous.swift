internal import Linux

/// Where the threads of a run wait for each other.
final class Rendezvous: Sendable {
    private struct State: Sendable {
        var waiting = 0
        var round = 0
    }

    private let count: Int
    private let state = Monitor(State())

    init(count: Int) { self.count = count }

    /// Returns when all have come; the last runs `body` before any goes on.
    func meet(_ body: () -> Void) {
        let round: Int? = state.change { state in
            state.waiting += 1
            guard state.waiting == count else { return state.round }
            body()
            state.waiting = 0
            state.round += 1
            return nil
        }
        guard let round else { return }
        _ = state.wait { state -> Void? in state.round == round ? nil : () }
    }
}
