public import Bytes
public import Ledger
public import Storage

/// A table's key as it is stored.
public struct RawKey: StorageKey, Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public func encode(into writer: inout KeyWriter) { writer.append(bytes.span) }

    public init?(decoding reader: inout ByteReader) { bytes = reader.readRemaining().bytesArray }
}

/// A table's record as it is stored.
public struct RawRecord: StorageRecord, Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        bytes = reader.readRemaining().bytesArray
    }
}

private protocol NamedTable { var name: String { get } }

extension Table: NamedTable {}

extension Books {
    /// The names of all of its tables, also of those that were added after this was written.
    public var tableNames: [String] {
        Mirror(reflecting: self).children.compactMap { ($0.value as? any NamedTable)?.name }
    }
}
