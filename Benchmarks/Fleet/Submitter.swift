import Ledger
import Storage
import Synchronization
import Time

/// Hands commands to a ledger's writer, a bounded number of them under way.
final class Submitter: Sendable {
    private let ledger: Ledger
    private let window: Int
    private let answered = Atomic<Int>(0)
    private let submitted = Atomic<Int>(0)

    init(_ ledger: Ledger, window: Int) {
        self.ledger = ledger
        self.window = window
    }

    var count: Int { answered.load(ordering: .acquiring) }

    /// Waits for room first. Traps when the command is refused: the plan is wrong then.
    func submit(_ action: Action, at time: Timestamp, actor: String = "fleet") {
        let number = submitted.wrappingAdd(1, ordering: .relaxed).newValue
        waitUntil { $0 > number - window }
        ledger.submit(Command(at: time, actor: actor, action: action)) { [self] result in
            guard case .success(.done) = result else { preconditionFailure("\(result)") }
            answered.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// Waits until all are answered.
    func finish() {
        let all = submitted.load(ordering: .relaxed)
        waitUntil { $0 >= all }
    }

    private func waitUntil(_ isReached: (Int) -> Bool) {
        while !isReached(answered.load(ordering: .acquiring)) { Pause.short() }
    }
}
