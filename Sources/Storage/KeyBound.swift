/// Where a range of keys begins or ends.
public enum KeyBound<Key: StorageKey> {
    /// At the table's, or the prefix's, own end.
    case unbounded

    /// At this key, which is in the range if it exists.
    case including(Key)

    /// Next to this key, which is not in the range: a page's last key, for the next page.
    case excluding(Key)

    @inlinable
    var key: Key? {
        switch self {
        case .unbounded: nil
        case .including(let key), .excluding(let key): key
        }
    }

    @inlinable
    var isIncluding: Bool {
        if case .including = self { true } else { false }
    }
}

extension KeyBound: Sendable where Key: Sendable {}
