public import Bytes

/// Two keys in one: ordered by the first, then by the second. The first is a prefix to iterate by.
@frozen
public struct KeyPair<First: StorageKey, Second: StorageKey>: StorageKey {
    public var first: First
    public var second: Second

    @inlinable
    public init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
    }

    @inlinable
    public func encode(into writer: inout KeyWriter) {
        first.encode(into: &writer)
        second.encode(into: &writer)
    }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard let first = First(decoding: &reader), let second = Second(decoding: &reader) else {
            return nil
        }
        self.init(first, second)
    }
}

extension KeyPair: Sendable where First: Sendable, Second: Sendable {}
extension KeyPair: Equatable where First: Equatable, Second: Equatable {}
extension KeyPair: Hashable where First: Hashable, Second: Hashable {}

/// In the order of the store, as that of its parts is.
extension KeyPair: Comparable where First: Comparable, Second: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        (left.first, left.second) < (right.first, right.second)
    }
}

extension KeyPair: CustomStringConvertible {
    public var description: String { "\(first), \(second)" }
}
