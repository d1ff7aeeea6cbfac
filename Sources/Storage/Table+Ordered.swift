public import Bytes

/// Records in the order of their keys, either way, by cursor.
///
/// While a body runs, its record is lent out: in a write transaction a put or delete in it traps.
/// Collect the keys first, then write.
extension Table {
    /// Calls `body` with each key and record between the two ends, decoded, in ascending order, or
    /// descending if `reversed`, until it answers `.stop` or `limit` were seen. All keys begin with
    /// `prefix`: the first part of a `KeyPair`, say. Ends that lie outside the prefix do not widen it.
    @inlinable
    public func forEach(
        in transaction: borrowing some Transaction & ~Copyable,
        prefix: some StorageKey = EveryKey(),
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        limit: Int = .max,
        _ body: (Key, Record) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        try scan(
            in: transaction, prefix: prefix, from: lower, to: upper, reversed: reversed,
            limit: limit
        ) { (key, record) throws(StoreError) in
            try body(Self.decodeKey(key), Self.decodeRecord(record))
        }
    }

    /// `forEach` without decoding: the bytes of key and record, borrowed from the map.
    @inlinable
    public func scan(
        in transaction: borrowing some Transaction & ~Copyable,
        prefix: some StorageKey = EveryKey(),
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        limit: Int = .max,
        _ body: (Span<UInt8>, Span<UInt8>) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        var start = KeyWriter()
        prefix.encode(into: &start)
        let handle = checked(transaction.handle)
        try scan(handle, prefixed: start, lower, upper, reversed, limit, body)
    }

    /// The record of the least key, with it.
    @inlinable
    public func first(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (key: Key, record: Record)? {
        try end(in: transaction, reversed: false)
    }

    /// The record of the greatest key, with it.
    @inlinable
    public func last(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (key: Key, record: Record)? {
        try end(in: transaction, reversed: true)
    }

    @inlinable
    func end(
        in transaction: borrowing some Transaction & ~Copyable,
        reversed: Bool
    ) throws(StoreError) -> (key: Key, record: Record)? {
        var found: (key: Key, record: Record)?
        try forEach(in: transaction, reversed: reversed, limit: 1) { (key, record) in
            found = (key, record)
            return .stop
        }
        return found
    }

    @inlinable
    func scan(
        _ handle: TransactionHandle,
        prefixed prefix: borrowing KeyWriter,
        _ lower: KeyBound<Key>,
        _ upper: KeyBound<Key>,
        _ reversed: Bool,
        _ limit: Int,
        _ body: (Span<UInt8>, Span<UInt8>) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        var lowerKey = KeyWriter()
        lower.key?.encode(into: &lowerKey)
        var upperKey = KeyWriter()
        upper.key?.encode(into: &upperKey)
        let range = ScanRange(
            prefix: prefix.span,
            lower: lowerKey.span,
            includesLower: lower.isIncluding,
            upper: upperKey.span,
            includesUpper: upper.isIncluding,
            isReversed: reversed
        )
        try handle.scan(range, in: identifier, limit: limit, body)
    }

    @inlinable
    static func decodeKey(_ bytes: Span<UInt8>) throws(StoreError) -> Key {
        var reader = ByteReader(bytes)
        guard let key = Key(decoding: &reader) else { throw .malformed(what: "key") }
        return key
    }

    @inlinable
    static func decodeRecord(_ bytes: Span<UInt8>) throws(StoreError) -> Record {
        var reader = ByteReader(bytes)
        do throws(MalformedRecord) {
            return try Record(decoding: &reader)
        } catch {
            throw StoreError(error)
        }
    }
}

public enum KeyBound<Key: StorageKey> {
    /// At the table's, or the prefix's, own end.
    case unbounded

    /// At this key, which is in the range if it exists.
    case including(Key)

    /// Next to this key, which is not in the range: a page's last key, for the next page.
    case excluding(Key)

    @inlinable
    var key: Key? {
        switch self {
        case .unbounded: nil
        case .including(let key), .excluding(let key): key
        }
    }

    @inlinable
    var isIncluding: Bool { if case .including = self { true } else { false } }
}

extension KeyBound: Sendable where Key: Sendable {}

/// The prefix of all keys: no bytes.
@frozen
public struct EveryKey: StorageKey {
    @inlinable public init() {}
    @inlinable public func encode(into writer: inout KeyWriter) {}
    @inlinable public init?(decoding reader: inout ByteReader) {}
}

/// Whether an iteration goes on after this record.
public enum Iteration: Sendable {
    case proceed
    case stop
}

/// Records in ascending order, leaving out what the reader knows it does not want.
extension Table {
    /// Calls `body` with the bytes of keys and records, borrowed from the map, from the first key at
    /// or after `start` on (the first of all if that is empty). Before it answers `.toTarget`, it
    /// writes a key into the writer, which it gets empty.
    ///
    /// In a write transaction a put or delete in `body` traps.
    @inlinable
    public func leap(
        in transaction: borrowing some Transaction & ~Copyable,
        from start: Span<UInt8>,
        _ body: (Span<UInt8>, Span<UInt8>, inout KeyWriter) throws(StoreError) -> Leap
    ) throws(StoreError) {
        try checked(transaction.handle).leap(in: identifier, from: start, body)
    }
}

/// Where a leaping scan goes after a record.
public enum Leap: Sendable {
    /// To the next key.
    case next

    /// To the first key at or after the one that was written, which must be after this one.
    case toTarget

    case stop
}
