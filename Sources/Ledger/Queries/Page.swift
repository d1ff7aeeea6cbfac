/// A part of a list, and where the next part begins.
///
/// It may have fewer elements than were asked for, even none, and a cursor to more: a page looks at
/// `Books.readsPerPage` records at most, so that it never takes long.
public struct Page<Element: Sendable>: Sendable {
    public let elements: [Element]

    /// To be handed back, with the same filters, for the next part; `nil` when there is none.
    public let cursor: String?
}
