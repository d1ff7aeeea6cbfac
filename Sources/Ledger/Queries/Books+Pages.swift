import Storage

extension Books {
    /// Up to `limit` elements that `element` makes of the table's records, in the order of their
    /// keys, from behind `cursor` on. Records for which it answers `nil` are passed over.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        var builder = PageBuilder<Key, Element>(limit: limit)
        var lower = lower
        if let cursor { lower = try PageBuilder<Key, Element>.bound(at: cursor) }
        try table.forEach(in: transaction, from: lower, to: upper) {
            (key, record) throws(StoreError) in
            builder.take(try element(key, record), at: key)
        }
        return builder.page
    }

    /// The same for the keys that begin with `prefix`, also in descending order.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefix: some StorageKey,
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        reversed: Bool = false,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        var builder = PageBuilder<Key, Element>(limit: limit)
        var (lower, upper) = (lower, upper)
        if let cursor {
            let bound = try PageBuilder<Key, Element>.bound(at: cursor)
            if reversed { upper = bound } else { lower = bound }
        }
        try table.forEach(
            in: transaction,
            prefix: prefix,
            from: lower,
            to: upper,
            reversed: reversed
        ) { (key, record) throws(StoreError) in
            builder.take(try element(key, record), at: key)
        }
        return builder.page
    }

    /// The same for the keys that begin with one of `prefixes`, which are in ascending order.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefixes: [some StorageKey],
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        var builder = PageBuilder<Key, Element>(limit: limit)
        var lower = KeyBound<Key>.unbounded
        if let cursor { lower = try PageBuilder<Key, Element>.bound(at: cursor) }
        for prefix in prefixes where !builder.isFull {
            try table.forEach(in: transaction, prefix: prefix, from: lower) {
                (key, record) throws(StoreError) in
                builder.take(try element(key, record), at: key)
            }
        }
        return builder.page
    }
}
