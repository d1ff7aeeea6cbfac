/// Which of a cluster's logs it is: the first one, or one that was begun anew from a node's books, when the one before
/// was lost or set back.
public struct LogGeneration: Hashable, Sendable {
    /// 1 for the first, and one more for each that was begun anew.
    public let number: UInt64

    /// Behind which position it was begun anew; means nothing of the first.
    public let position: UInt64

    /// What the books were made of there, in the ledger's words; empty of the first.
    public let chain: String

    public init(number: UInt64, position: UInt64, chain: String) {
        self.number = number
        self.position = position
        self.chain = chain
    }

    public static let first = LogGeneration(number: 1, position: 0, chain: "")
}
