/// A batch of codes, with its place in the books.
public struct Purchase: Hashable, Sendable {
    /// The first of its codes; the others follow it.
    public let first: ActivationCode
    public let record: BatchRecord
}
