import Bytes
import Storage

/// The prefix of all keys.
struct NoPrefix: StorageKey {
    init() {}
    func encode(into writer: inout KeyWriter) {}
    init?(decoding reader: inout ByteReader) {}
}

extension Books {
    /// Up to `limit` elements that `element` makes of the records under `prefix`, in the order of
    /// their keys, from behind `cursor` on. Records for which it answers `nil` are passed over.
    ///
    /// The cursor is the last key's bytes in hexadecimal; `.malformed` when it is none of ours.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefix: some StorageKey = NoPrefix(),
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        precondition(limit > 0, "a page has room for an element")
        var (lower, upper) = (lower, upper)
        if let cursor {
            guard let key = Self.key(Key.self, at: cursor) else {
                throw .malformed(what: "cursor")
            }
            if reversed { upper = .excluding(key) } else { lower = .excluding(key) }
        }
        var elements: [Element] = []
        var last: Key?
        var hasMore = false
        try table.forEach(
            in: transaction,
            prefix: prefix,
            from: lower,
            to: upper,
            reversed: reversed
        ) { (key, record) throws(StoreError) in
            guard let element = try element(key, record) else { return .proceed }
            if elements.count == limit {
                hasMore = true
                return .stop
            }
            elements.append(element)
            last = key
            return .proceed
        }
        return Page(elements: elements, cursor: hasMore ? last.map { Self.cursor(at: $0) } : nil)
    }

    private static func cursor(at key: some StorageKey) -> String {
        let bytes = KeyWriter(key)
        var text = ""
        let span = bytes.span
        for index in span.indices {
            text += String(span[index] >> 4, radix: 16) + String(span[index] & 15, radix: 16)
        }
        return text
    }

    private static func key<Key: StorageKey>(_ type: Key.Type, at cursor: String) -> Key? {
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
