/// A part of a list, and where the next part begins.
public struct Page<Element: Sendable>: Sendable {
    public let elements: [Element]

    /// To be handed back for the next part; `nil` when there is none.
    public let cursor: String?
}
