import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

@Suite(.computes) struct PropertyTests {
    @Test(
        "A10, B2: any sequence of commands leaves the books as the model has them",
        arguments: [1, 2, 3, 4, 5, 6, Seed.fresh])
    func model(seed: UInt64) throws {
        let store = try CommandSource.store()
        var model = Model()
        var source = CommandSource(seed: seed)
        for step in 1...600 {
            let command = source.next()
            let outcome = try store.apply(command)
            var refusal: String?
            if case .refused(let reason) = outcome { refusal = reason.name }
            let place = "seed \(seed), step \(step): \(command)"
            try #require(refusal == model.apply(command), "\(place)")
            source.learn(outcome)
            if case .codes(.assign) = command.action {
                source.assignments = try store.assignments()
                model.sequences = source.assignments
            }
            try store.compare(with: model, at: command.at, place)
            if step % 20 == 0 { try #require(store.findings() == [], "\(place)") }
        }
    }
}
