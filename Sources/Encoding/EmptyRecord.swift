public import Bytes

/// The record of an index: its key says all.
@frozen
public struct EmptyRecord: StorageRecord, Hashable, Sendable {
    @inlinable
    public init() {}

    @inlinable
    public func encode(into buffer: inout ByteBuffer) {}

    @inlinable
    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {}
}
