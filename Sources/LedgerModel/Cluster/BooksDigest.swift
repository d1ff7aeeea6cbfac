package import Bytes
package import Encoding

/// What the books of a node were behind one entry of the log, table by table: nodes that have the same books there
/// have the same digest.
public struct BooksDigest: Hashable, Sendable {
    /// Behind which entry.
    public let mark: LogMark

    /// All of the books, in the order of their names.
    public let tables: [TableDigest]

    /// How much is wrong with them (rule A10), as far as was counted; 0: they balance.
    public let problems: UInt64

    package init(mark: LogMark, tables: [TableDigest], problems: UInt64) {
        self.mark = mark
        self.tables = tables
        self.problems = problems
    }
}

extension BooksDigest: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: mark, tables, problems)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(mark:tables:problems:))
    }
}

/// What is in one table.
public struct TableDigest: Hashable, Sendable {
    public let name: String
    public let records: UInt64

    /// SHA-256, 32 bytes, over each record in the order of the keys: the lengths of key and record, four bytes each, the
    /// first one highest, the key, the record.
    public let hash: [UInt8]

    /// In bytes.
    public static var hashLength: Int { 32 }

    package init(name: String, records: UInt64, hash: [UInt8]) {
        precondition(hash.count == Self.hashLength, "SHA-256 has 32 bytes")
        self.name = name
        self.records = records
        self.hash = hash
    }
}

extension TableDigest: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: name, records)
        buffer.append(hash.span)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let (name, records) = (try reader.take(String.self), try reader.take(UInt64.self))
        guard let hash = reader.readBytes(Self.hashLength) else {
            throw .malformed(what: "the hash of a table")
        }
        self.init(name: name, records: records, hash: hash.bytesArray)
    }
}
