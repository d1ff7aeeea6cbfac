public import Bytes

/// The subscriptions of a SUBSCRIBE in the order they were sent.
@frozen
public struct SubscriptionIterator: ~Escapable {
    @usableFromInline var reader: ByteReader

    @inlinable
    @_lifetime(copy payload)
    init(_ payload: Span<UInt8>) { reader = ByteReader(payload) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> Subscription? {
        // The payload was checked when the packet was decoded.
        guard let count = reader.readUInt16(), let text = reader.readBytes(Int(count)),
            let byte = reader.readUInt8(),
            let options = try? SubscriptionOptions(rawValue: byte, version: .v5)
        else { return nil }
        return Subscription(filter: TopicFilter(unchecked: text), options: options)
    }
}
