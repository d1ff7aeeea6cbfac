import Bytes
import Storage

@testable import Ledger
@testable import LedgerModel

/// A table's key as it is stored.
struct RawKey: StorageKey, Hashable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func encode(into writer: inout KeyWriter) { writer.append(bytes.span) }

    init?(decoding reader: inout ByteReader) { bytes = reader.readRemaining().bytesArray }
}

/// A table's record as it is stored.
struct RawRecord: StorageRecord, Hashable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        bytes = reader.readRemaining().bytesArray
    }
}

private protocol NamedTable { var name: String { get } }

extension Table: NamedTable {}

extension Books {
    /// The names of all of its tables, also of those that were added after this was written.
    var tableNames: [String] {
        Mirror(reflecting: self).children.compactMap { ($0.value as? any NamedTable)?.name }
    }
}
