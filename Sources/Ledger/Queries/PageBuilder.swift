import Bytes
import Storage

/// Collects the elements of one page, and the cursor to the next.
///
/// A cursor is the last key's bytes in hexadecimal.
struct PageBuilder<Key: StorageKey, Element: Sendable> {
    private let limit: Int
    private var elements: [Element] = []
    private var last: Key?
    private var hasMore = false

    init(limit: Int) {
        precondition(limit > 0, "a page has room for an element")
        self.limit = limit
    }

    /// The page's end that the cursor moves: the lower one, or the upper one of a reversed list.
    /// `.malformed` when the cursor is none of ours.
    static func bound(at cursor: String) throws(StoreError) -> KeyBound<Key> {
        guard let key = key(at: cursor) else { throw .malformed(what: "cursor") }
        return .excluding(key)
    }

    /// Takes the element found at `key`; `nil` is passed over.
    mutating func take(_ element: Element?, at key: Key) -> Iteration {
        guard let element else { return .proceed }
        if elements.count == limit {
            hasMore = true
            return .stop
        }
        elements.append(element)
        last = key
        return .proceed
    }

    var page: Page<Element> {
        Page(elements: elements, cursor: hasMore ? last.map { Self.cursor(at: $0) } : nil)
    }

    static func cursor(at key: Key) -> String {
        let bytes = KeyWriter(key)
        var text = ""
        let span = bytes.span
        for index in span.indices {
            text += String(span[index] >> 4, radix: 16) + String(span[index] & 15, radix: 16)
        }
        return text
    }

    static func key(at cursor: String) -> Key? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in cursor {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        guard high == nil, bytes.count <= KeyWriter.maximumCount else { return nil }
        var reader = ByteReader(bytes.span)
        guard let key = Key(decoding: &reader), reader.isAtEnd else { return nil }
        return key
    }
}
