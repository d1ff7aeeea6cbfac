import Storage

extension Books {
    /// Up to `limit` elements that `element` makes of the table's records, in the order of their
    /// keys, from behind `cursor` on. Records for which it answers `nil` are passed over.
    ///
    /// - Parameters:
    ///   - filter: what `element` passes over records for, as text: a part of the list's name.
    ///   - reads: how many records are read for each element, the table's own among them.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        from lower: KeyBound<Key> = .unbounded,
        to upper: KeyBound<Key> = .unbounded,
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        let list = ListMark(table.name, filter: filter)
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var lower = lower
        if let cursor { lower = .excluding(try PageCursor.key(at: cursor, of: list)) }
        try table.forEach(in: transaction, from: lower, to: upper) {
            (key, record) throws(StoreError) in
            guard builder.hasRoom() else { return .stop }
            builder.take(try element(key, record), at: key, reads: reads)
            return .proceed
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
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        let list = ListMark(table.name, filter: filter).within(prefix)
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var (lower, upper) = (lower, upper)
        if let cursor {
            let bound = KeyBound.excluding(try PageCursor.key(at: cursor, of: list) as Key)
            if reversed { upper = bound } else { lower = bound }
        }
        try table.forEach(
            in: transaction,
            prefix: prefix,
            from: lower,
            to: upper,
            reversed: reversed
        ) { (key, record) throws(StoreError) in
            guard builder.hasRoom() else { return .stop }
            builder.take(try element(key, record), at: key, reads: reads)
            return .proceed
        }
        return builder.page
    }

    /// The same for the keys that begin with one of `prefixes`. The first of them, whatever the others,
    /// is a part of the list's name.
    func page<Key: StorageKey, Record: StorageRecord, Element: Sendable>(
        of table: Table<Key, Record>,
        prefixes: [some StorageKey & Comparable],
        filter: String = "",
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (Key, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        var list = ListMark(table.name, filter: filter)
        if let first = prefixes.first { list = list.within(first) }
        var builder = PageBuilder<Key, Element>(list, limit: limit, reads: readsPerPage)
        var lower = KeyBound<Key>.unbounded
        if let cursor { lower = .excluding(try PageCursor.key(at: cursor, of: list)) }
        for prefix in prefixes.sorted() where !builder.isFull {
            try table.forEach(in: transaction, prefix: prefix, from: lower) {
                (key, record) throws(StoreError) in
                guard builder.hasRoom() else { return .stop }
                builder.take(try element(key, record), at: key, reads: reads)
                return .proceed
            }
        }
        return builder.page
    }
}
