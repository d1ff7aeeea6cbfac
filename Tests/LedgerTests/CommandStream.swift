@testable import Ledger
@testable import LedgerModel

/// Random commands, the same from the same seed and answers.
protocol CommandStream {
    init(seed: UInt64)

    /// A store with what the commands take for granted.
    static func store() throws -> TestStore

    mutating func next() -> Command

    /// What the books have answered to the last one.
    mutating func learn(_ outcome: Outcome)
}
