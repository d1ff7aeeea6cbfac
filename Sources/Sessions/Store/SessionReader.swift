public import Storage
public import Time

/// One thread's way to read stored sessions: a cached transaction.
///
/// It sees what is committed. So a session is loaded by whoever owns it, when it has no change of it
/// under way.
public struct SessionReader: ~Copyable {
    private var reader: CachedReader
    private let tables: SessionTables

    init(_ reader: consuming CachedReader, _ tables: SessionTables) {
        self.reader = reader
        self.tables = tables
    }

    /// The session of that name, without its queue; `nil` when there is none.
    public mutating func record(of name: SessionName) throws(StoreError) -> SessionRecord? {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.sessions.get(name, in: transaction)
        }
    }

    /// The session of that name with all it has; `nil` when there is none.
    public mutating func session(_ name: SessionName) throws(StoreError) -> StoredSession? {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.session(name, in: transaction)
        }
    }

    /// The sessions due at `time` or before, the one due longest first, at most `limit`.
    ///
    /// Whoever owns one loads its record, does what there is to do, and puts or removes it, after which
    /// it is not due any more.
    /// - Parameter last: the last of the page before, for the next one.
    public mutating func due(
        at time: Timestamp,
        after last: DueSession? = nil,
        limit: Int
    ) throws(StoreError) -> [DueSession] {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            var found: [DueSession] = []
            try tables.dues.forEach(
                in: transaction,
                from: last.map { .excluding(KeyPair($0.at.milliseconds, $0.name)) } ?? .unbounded,
                limit: limit
            ) { key, _ in
                let at = Timestamp(milliseconds: key.first)
                if at > time { return .stop }
                found.append(DueSession(at: at, name: key.second))
                return .proceed
            }
            return found
        }
    }
}
