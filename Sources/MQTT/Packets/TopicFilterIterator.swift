public import Bytes

/// The topic filters of an UNSUBSCRIBE in the order they were sent.
@frozen
public struct TopicFilterIterator: ~Escapable {
    @usableFromInline var reader: ByteReader

    @inlinable
    @_lifetime(copy payload)
    init(_ payload: Span<UInt8>) { reader = ByteReader(payload) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> TopicFilter? {
        // The payload was checked when the packet was decoded.
        guard let count = reader.readUInt16(), let text = reader.readBytes(Int(count)) else {
            return nil
        }
        return TopicFilter(unchecked: text)
    }
}
