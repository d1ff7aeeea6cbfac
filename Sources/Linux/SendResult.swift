/// What a write to a socket took.
@frozen
public enum SendResult: Equatable, Sendable {
    /// So many bytes, from the front; possibly fewer than there were.
    case sent(Int)
    /// The socket is full.
    case wouldBlock
}
