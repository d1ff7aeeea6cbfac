/// What a read from a socket brought.
@frozen
public enum ReceiveResult: Equatable, Sendable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing is there yet.
    case wouldBlock
    /// The peer has shut its writing side: nothing will come any more.
    case closed
}
