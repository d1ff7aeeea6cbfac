/// A range of encoded keys, and which way through it.
@usableFromInline
struct ScanRange: ~Escapable {
    /// What every key begins with; empty for all.
    @usableFromInline let prefix: Span<UInt8>

    /// The ends; an empty one is unbounded, as no key is empty.
    @usableFromInline let lower: Span<UInt8>
    @usableFromInline let upper: Span<UInt8>
    @usableFromInline let includesLower: Bool
    @usableFromInline let includesUpper: Bool
    @usableFromInline let isReversed: Bool

    @inlinable
    @_lifetime(copy prefix, copy lower, copy upper)
    init(
        prefix: Span<UInt8>,
        lower: Span<UInt8>,
        includesLower: Bool,
        upper: Span<UInt8>,
        includesUpper: Bool,
        isReversed: Bool
    ) {
        self.prefix = prefix
        self.lower = lower
        self.upper = upper
        self.includesLower = includesLower
        self.includesUpper = includesUpper
        self.isReversed = isReversed
    }

    /// Whether `key` is at or above the lower end.
    func isAboveLower(_ key: Span<UInt8>) -> Bool {
        if lower.isEmpty { return true }
        let order = key.order(to: lower)
        return order > 0 || (order == 0 && includesLower)
    }

    /// Whether `key` is at or below the upper end.
    func isBelowUpper(_ key: Span<UInt8>) -> Bool {
        if upper.isEmpty { return true }
        let order = key.order(to: upper)
        return order < 0 || (order == 0 && includesUpper)
    }

    func contains(_ key: Span<UInt8>) -> Bool {
        key.starts(with: prefix) && isAboveLower(key) && isBelowUpper(key)
    }
}

extension Span<UInt8> {
    /// Negative, zero or positive as these bytes order before, with or after `other`: byte by byte,
    /// then the shorter one first, which is LMDB's own order.
    func order(to other: Span<UInt8>) -> Int {
        for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
            return Int(self[index]) - Int(other[index])
        }
        return count - other.count
    }

    func starts(with prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        for index in prefix.indices where self[index] != prefix[index] { return false }
        return true
    }
}
