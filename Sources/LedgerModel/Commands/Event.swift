public import Time

/// One entry of the append-only log of everything that changed the books (rule E3). Sequence numbers
/// start at 1 and have no gaps.
public struct Event: Hashable, Sendable {
    public let sequence: UInt64
    public let at: Timestamp
    public let actor: String
    public let change: Change

    public init(sequence: UInt64, at: Timestamp, actor: String, change: Change) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.change = change
    }
}
