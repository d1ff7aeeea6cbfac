public import Bytes

/// Subscription identifiers in the order they were sent, each from 1 to 268,435,455.
@frozen
public struct SubscriptionIdentifierIterator: ~Escapable {
    @usableFromInline var walker: PropertyWalker

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { walker = PropertyWalker(bytes) }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func next() -> UInt32? {
        guard let entry = walker.next(.subscriptionIdentifier) else { return nil }
        let value = walker.reader.bytes.extracting(entry.start + 1..<entry.end)
        guard case .value(let identifier, _) = VariableByteInteger.decode(value) else { return nil }
        return UInt32(identifier)
    }
}
