import Admin
import ArgumentParser
import Glibc

/// A verb whose effect can't be undone: it says what will be lost, and asks, unless it is told `--yes`.
protocol Irreversible: Verb {
    var consent: ConsentOptions { get }

    /// What will be lost, with figures from the gateway: sentences that end without a full stop.
    func loss(at gateway: APIClient) async throws(Failure) -> String
}

/// Whether what can't be undone is asked about.
struct ConsentOptions: ParsableArguments {
    @Flag(help: "Does not ask.") var yes = false

    /// Returns when the answer is yes. Without a terminal nothing is asked: throws.
    func ask(_ loss: () async throws(Failure) -> String) async throws(Failure) {
        if !yes { try Self.confirm(try await loss()) }
    }

    /// - Parameter isForGood: false of what can be undone and is asked about for its size.
    static func confirm(_ loss: String, isForGood: Bool = true) throws(Failure) {
        guard Terminal.canAsk else {
            let nature = isForGood ? "This can't be undone, and nothing" : "Nothing"
            throw Failure(text: "\(loss).\n  \(nature) was done: say --yes to do it", code: 2)
        }
        Output.complain(isForGood ? "\(loss). This can't be undone" : loss)
        Output.ask("Do it? [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            throw Failure(text: "nothing was done")
        }
    }
}

/// A number with its noun: `1 device`, `12 devices`.
func counted(_ count: Int64, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}
