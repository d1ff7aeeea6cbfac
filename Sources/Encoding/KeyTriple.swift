public import Bytes

/// Three keys in one: ordered by the first, then the second, then the third. The first, or a
/// `KeyPair` of the first two, is a prefix to iterate by.
@frozen
public struct KeyTriple<First: StorageKey, Second: StorageKey, Third: StorageKey>: StorageKey {
    public var first: First
    public var second: Second
    public var third: Third

    @inlinable
    public init(_ first: First, _ second: Second, _ third: Third) {
        self.first = first
        self.second = second
        self.third = third
    }

    @inlinable
    public func encode(into writer: inout KeyWriter) {
        first.encode(into: &writer)
        second.encode(into: &writer)
        third.encode(into: &writer)
    }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard
            let first = First(decoding: &reader),
            let second = Second(decoding: &reader),
            let third = Third(decoding: &reader)
        else { return nil }
        self.init(first, second, third)
    }
}

extension KeyTriple: Sendable where First: Sendable, Second: Sendable, Third: Sendable {}
extension KeyTriple: Equatable where First: Equatable, Second: Equatable, Third: Equatable {}
extension KeyTriple: Hashable where First: Hashable, Second: Hashable, Third: Hashable {}

extension KeyTriple: CustomStringConvertible {
    public var description: String { "\(first), \(second), \(third)" }
}
