import Bytes
import Storage

/// A table's keys and records with their names in the golden file.
///
/// It is made from the table itself, so that its types are the table's.
struct GoldenTable {
    /// A key or record, what is written for it today, and whether bytes are read as it. Of an older
    /// layout: `nil`, as nothing writes it any more.
    struct Line {
        let name: String
        let bytes: [UInt8]?
        let isRead: ([UInt8]) throws -> Bool
    }

    let name: String
    let lines: [Line]

    /// - Parameter older: what lines of older layouts are read as.
    init<Key: StorageKey & Equatable, Record: StorageRecord & Equatable>(
        _ table: Table<Key, Record>,
        keys: KeyValuePairs<String, Key>,
        records: KeyValuePairs<String, Record>,
        older: KeyValuePairs<String, Record> = [:]
    ) {
        name = table.name
        let table = table.name
        lines =
            keys.map { Self.line("\(table) key \($0.key)", $0.value) }
            + records.map { Self.line("\(table) record \($0.key)", $0.value) }
            + older.map { Self.line("\(table) record \($0.key)", $0.value, isWritten: false) }
    }

    /// An index, whose keys say all.
    init<Key: StorageKey & Equatable>(
        _ table: Table<Key, EmptyRecord>,
        keys: KeyValuePairs<String, Key>
    ) {
        self.init(table, keys: keys, records: ["empty": EmptyRecord()])
    }

    private static func line<Key: StorageKey & Equatable>(_ name: String, _ key: Key) -> Line {
        let writer = KeyWriter(key)
        return Line(name: name, bytes: writer.span.bytesArray) { bytes in
            var reader = ByteReader(bytes.span)
            let read = Key(decoding: &reader)
            return read == key && reader.isAtEnd
        }
    }

    private static func line<Record: StorageRecord & Equatable>(
        _ name: String,
        _ record: Record,
        isWritten: Bool = true
    ) -> Line {
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        return Line(name: name, bytes: isWritten ? buffer.span.bytesArray : nil) { bytes in
            var reader = ByteReader(bytes.span)
            let read = try Record(decoding: &reader)
            return read == record && reader.isAtEnd
        }
    }
}

private protocol NamedTable { var name: String { get } }

extension Table: NamedTable {}

extension GoldenTable {
    /// The names of all tables that are stored in a value, or in its parts, also of those that are added to it later.
    static func names(in tables: Any) -> Set<String> {
        Mirror(reflecting: tables).children.reduce(into: []) { names, child in
            if let table = child.value as? any NamedTable {
                names.insert(table.name)
            } else {
                names.formUnion(Self.names(in: child.value))
            }
        }
    }
}
