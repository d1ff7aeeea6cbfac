import Storage

/// Collects the elements of one page, and the cursor to the next.
///
/// A page ends when it has as many elements as were asked for, or when it has read as many records
/// as a page may: then it is short, or even empty, and has a cursor all the same.
struct PageBuilder<Key: StorageKey, Element: Sendable> {
    private let list: ListMark
    private let limit: Int
    private var readsLeft: Int
    private var elements: [Element] = []
    private var last: Key?
    private var hasMore = false

    /// - Parameters:
    ///   - limit: of elements.
    ///   - reads: of records.
    init(_ list: ListMark, limit: Int, reads: Int) {
        precondition(limit > 0 && reads > 0, "a page has room for an element")
        self.list = list
        self.limit = limit
        readsLeft = reads
    }

    /// Whether another record may be looked at. Asked when there is one: the next page begins there.
    /// The first one always may, so that pages get on.
    mutating func hasRoom() -> Bool {
        if last == nil || (elements.count < limit && readsLeft > 0) { return true }
        hasMore = true
        return false
    }

    /// Takes the element found at `key`, after so many `reads`; `nil` is passed over.
    mutating func take(_ element: Element?, at key: Key, reads: Int) {
        if let element { elements.append(element) }
        last = key
        readsLeft -= reads
    }

    /// Whether an element came for which there was no room.
    var isFull: Bool { hasMore }

    var page: Page<Element> {
        Page(
            elements: elements,
            cursor: hasMore ? last.map { PageCursor.text(at: $0, of: list) } : nil
        )
    }
}
