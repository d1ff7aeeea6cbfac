import Bytes
import Storage

/// A part of a list, and where the next part begins.
///
/// It may have fewer elements than were asked for, even none, and a cursor to more: a page looks at
/// `Books.readsPerPage` records at most, so that it never takes long.
public struct Page<Element: Sendable>: Sendable {
    public let elements: [Element]

    /// To be handed back, with the same filters, for the next part; `nil` when there is none.
    public let cursor: String?

    /// The same part, of what `body` makes of its elements.
    public func map<Other: Sendable>(_ body: (Element) -> Other) -> Page<Other> {
        Page<Other>(elements: elements.map(body), cursor: cursor)
    }
}

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

/// Where a page ended, as the text that the client hands back: four bytes of check, then the key of
/// the last record that the page looked at, in hexadecimal.
///
/// The next page begins behind that key, whether or not there still is a record: so a cursor stays
/// good while records come and go. The check finds a cursor that was damaged, or that another list,
/// or the same one with other filters, has given. A forged one only begins elsewhere in a
/// list that the client may read anyway.
enum PageCursor {
    static func text(at key: some StorageKey, of list: ListMark) -> String {
        let writer = KeyWriter(key)
        let bytes = writer.span
        let check = list.check(of: bytes)
        var text = ""
        for shift: UInt32 in [24, 16, 8, 0] {
            append(UInt8(truncatingIfNeeded: check >> shift), to: &text)
        }
        for index in bytes.indices { append(bytes[index], to: &text) }
        return text
    }

    /// The key; `.malformed` when the cursor is none of this list.
    static func key<Key: StorageKey>(
        at cursor: String,
        of list: ListMark
    ) throws(StoreError) -> Key {
        guard let bytes = bytes(of: cursor) else { throw .malformed(what: "cursor") }
        var reader = ByteReader(bytes.span)
        guard let check = reader.readUInt32(), let key = Key(decoding: &reader), reader.isAtEnd,
            check == list.check(of: KeyWriter(key).span)
        else { throw .malformed(what: "cursor") }
        return key
    }

    private static func append(_ byte: UInt8, to text: inout String) {
        text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }

    private static func bytes(of cursor: String) -> [UInt8]? {
        guard cursor.utf8.count % 2 == 0, cursor.utf8.count <= 2 * (KeyWriter.maximumCount + 4)
        else { return nil }
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
        return bytes
    }
}

/// What a cursor is good for: a number that stands for one list, its filters included.
struct ListMark {
    private(set) var value: UInt32

    /// - Parameters:
    ///   - name: the list's.
    ///   - filter: what was asked for, as text; two questions that differ have two texts.
    init(_ name: String, filter: String = "") {
        value = 0x811C_9DC5
        mix("\(name)\n\(filter)\n")
    }

    /// The same list, of the keys that begin with `prefix` only.
    func within(_ prefix: some StorageKey) -> ListMark {
        var narrowed = self
        narrowed.mix(KeyWriter(prefix).span)
        return narrowed
    }

    /// The mark with a key's bytes mixed in: the check of a cursor at that key.
    func check(of key: Span<UInt8>) -> UInt32 {
        var mixed = self
        mixed.mix(key)
        return mixed.value
    }

    private mutating func mix(_ text: String) {
        for byte in text.utf8 { mix(byte) }
    }

    private mutating func mix(_ bytes: Span<UInt8>) {
        for index in bytes.indices { mix(bytes[index]) }
    }

    /// One step of FNV-1a, 32 bits.
    private mutating func mix(_ byte: UInt8) {
        value = (value ^ UInt32(byte)) &* 0x0100_0193
    }
}

/// Several ordered lists as one: holds the head of each.
struct Merge<Source, Position, Value> {
    struct Head {
        let source: Source
        let position: Position
        let value: Value
    }

    private let precedes: (Position, Position) -> Bool

    /// The first one last.
    private var heads: [Head] = []

    /// - Parameter precedes: the order that all lists have, and the whole has.
    init(orderedBy precedes: @escaping (Position, Position) -> Bool) {
        self.precedes = precedes
    }

    /// Adds the head of a list: of one that has none here.
    mutating func add(_ head: Head) {
        var (low, high) = (0, heads.count)
        while low < high {
            let middle = (low + high) / 2
            if precedes(head.position, heads[middle].position) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        heads.insert(head, at: low)
    }

    /// The first of all; its list's next head is to be added.
    var first: Head? { heads.last }

    mutating func removeFirst() { heads.removeLast() }
}

extension Books {
    /// Up to `limit` elements that `element` makes of the table's records, in the order of their
    /// keys, or in descending order, from behind `cursor` on. Records for which it answers `nil` are passed over.
    ///
    /// - Parameters:
    ///   - filter: what `element` passes over records for, as text: a part of the list's name.
    ///   - reads: how many records are read for each element, the table's own among them.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        let list = ListMark(table.name, filter: filter)
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var (lower, upper) = (lower, upper)
        if let cursor {
            let bound = KeyBound.excluding(try PageCursor.key(at: cursor, of: list) as Key)
            if reversed { upper = bound } else { lower = bound }
        }
        try table.forEach(in: transaction, from: lower, to: upper, reversed: reversed) {
            (key, record) throws(StoreError) in
            guard builder.hasRoom() else { return .stop }
            builder.take(try element(key, record), at: key, reads: reads)
            return .proceed
        }
        return builder.page
    }

    /// The same for the keys that begin with `prefix`.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefix: some StorageKey,
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        let list = ListMark(table.name, filter: filter).within(prefix)
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var (lower, upper) = (lower, upper)
        if let cursor {
            let bound = KeyBound.excluding(try PageCursor.key(at: cursor, of: list) as Key)
            if reversed { upper = bound } else { lower = bound }
        }
        try table.forEach(
            in: transaction,
            prefix: prefix,
            from: lower,
            to: upper,
            reversed: reversed
        ) { (key, record) throws(StoreError) in
            guard builder.hasRoom() else { return .stop }
            builder.take(try element(key, record), at: key, reads: reads)
            return .proceed
        }
        return builder.page
    }

    /// The same for the keys that begin with one of `prefixes`. The first of them, whatever the others,
    /// is a part of the list's name.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefixes: [some StorageKey & Comparable],
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        var list = ListMark(table.name, filter: filter)
        if let first = prefixes.first { list = list.within(first) }
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var lower = KeyBound<Key>.unbounded
        if let cursor { lower = .excluding(try PageCursor.key(at: cursor, of: list)) }
        for prefix in prefixes.sorted() where !builder.isFull {
            try table.forEach(in: transaction, prefix: prefix, from: lower) {
                (key, record) throws(StoreError) in
                guard builder.hasRoom() else { return .stop }
                builder.take(try element(key, record), at: key, reads: reads)
                return .proceed
            }
        }
        return builder.page
    }
}
