internal import Bytes
public import Storage

/// The copy of another node's stored sessions that this node keeps: as they are there, under the numbers that they have
/// there, in an environment of its own.
///
/// A copy begins with `begin`. Then come the pages of all sessions, and meanwhile the changes of all of them, in the
/// order in which the other node's writer made them. A change of a session that has not come yet is passed over: its
/// page, which is read behind it, has it. So the copy never has anything of a session that it does not know. When the
/// last page is in, it is complete, and `mark` says so.
///
/// Verbs that write are carried out in the order in which they are submitted. Their `completion` is called once, on the
/// writer's thread, when they are on disk, or could not be written; or at once, on the caller's thread, with
/// `.queueFull` or `.shutDown`.
public final class FollowedSessions: Sendable {
    private let store: SessionStore
    private let tables: FollowedTables
    private var environment: Environment { store.shared.environment }

    /// A step is added at the end, and never changed once it was released.
    public static let format = StoreFormat(migrations: [])

    /// Opens the copy in `directory`, or makes an empty one there; what that is in has to be there.
    ///
    /// - Parameters:
    ///   - mapSizeBytes: as of `Environment`.
    ///   - maximumMapSizeBytes: what the map is made larger to as it fills.
    /// - Throws: what `Environment` does; `.newerFormat` when a newer program has written it.
    public init(
        directory: String, mapSizeBytes: Int, maximumMapSizeBytes: Int
    ) throws(StoreError) {
        let shared = try SharedEnvironment(
            path: directory, mapSizeBytes: mapSizeBytes, maximumMapSizeBytes: maximumMapSizeBytes)
        try Self.format.migrate(shared.environment)
        store = try SessionStore(in: shared)
        tables = try FollowedTables(store.tables, in: shared.environment)
        store.sweepRemovals()
    }

    // MARK: Writing

    /// A new copy begins: removes all there is, and the mark, in one commit.
    public func begin(completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        let tables = tables
        store.shared.submit(weight: 1) { transaction throws(StoreError) in
            try tables.removeAll(in: transaction)
        } completion: { result in
            completion(result)
        }
    }

    /// Writes changes, together or not at all. Filters of other nodes among them are passed over.
    public func submit(
        _ changes: [SessionChange],
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        write(
            weight: changes.count, mayLeaveWork: changes.contains(where: \.mayEndSession),
            { transaction throws(StoreError) in
                for change in changes { try tables.write(change, in: transaction) }
            }, completion: completion)
    }

    /// Removes a session, which was taken over. Nothing happens when there is none of that name.
    public func remove(
        _ name: SessionName,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        write(
            weight: 1, mayLeaveWork: true,
            { transaction throws(StoreError) in
                guard let head = try tables.sessions.head(of: name, in: transaction) else { return }
                try tables.write(.remove(name, head.number), in: transaction)
            }, completion: completion)
    }

    /// Removes a message that the other node has kept for others, which was taken over. Nothing happens when there is none
    /// of that number.
    public func removeForward(
        _ number: ForwardNumber, to node: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        write(
            weight: 1, mayLeaveWork: false,
            { transaction throws(StoreError) in
                try tables.write(.node(.arrived(node, number)), in: transaction)
            }, completion: completion)
    }

    /// The copy is complete, and is known by that number; until `begin`, also to a later process.
    public func mark(
        number: UInt64, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        store.shared.submit(weight: 1) { transaction throws(StoreError) in
            try tables.marks.put(
                FollowedTables.markKey, SequenceRecord(number), in: transaction)
        } completion: { result in
            completion(result)
        }
    }

    private func write(
        weight: Int,
        mayLeaveWork: Bool,
        _ write: @escaping SharedEnvironment.Write,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        store.shared.submit(weight: weight, write) { [store] result in
            completion(result)
            if mayLeaveWork, case .success = result { store.sweepRemovals() }
        }
    }

    /// Writes all that was submitted, and takes no more. The directory can be opened again when the last reference has
    /// gone.
    public func close() { store.shared.shutdown() }

    // MARK: Reading

    /// The number that the copy was marked with since it began; `nil`: it is not complete.
    public func marked() throws(StoreError) -> UInt64? {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            try tables.marks.get(FollowedTables.markKey, in: transaction)?.value
        }
    }

    /// Sessions in the order of their names, each whole, at most `limit`.
    ///
    /// - Parameter name: the last of the page before; `nil` for the first page.
    public func page(
        after name: SessionName?, limit: Int
    ) throws(StoreError) -> [(name: SessionName, session: StoredSession)] {
        precondition(limit > 0)
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            try tables.sessions.sessions(after: name, bytes: .max, limit: limit, in: transaction)
                .found
        }
    }

    /// As of `SessionStore`.
    public func forEachClaim(
        _ body: (SessionName, UInt64) throws(StoreError) -> Void
    ) throws(StoreError) {
        try store.forEachClaim(body)
    }

    /// The session of that name with all it has; `nil` when there is none.
    public func session(_ name: SessionName) throws(StoreError) -> StoredSession? {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            try tables.sessions.session(name, in: transaction)
        }
    }

    /// What the other node's sessions have of messages that were forwarded to it, and that it may be sent again: by who has
    /// forwarded them.
    public func taken() throws(StoreError) -> [String: Set<ForwardNumber>] {
        let tables = tables
        return try environment.read { transaction throws(StoreError) in
            var found: [String: Set<ForwardNumber>] = [:]
            try tables.sessions.nodes.taken.forEach(in: transaction) { key, _ in
                found[key.first, default: []].insert(key.third)
                return .proceed
            }
            return found
        }
    }

    /// As of `SessionStore`: what the other node has kept for others.
    public func forEachForward(
        _ body: (String, ForwardNumber, Forward) throws(StoreError) -> Void
    ) throws(StoreError) {
        try store.forEachForward(body)
    }

    /// How many sessions there are.
    public var count: Int {
        get throws(StoreError) { try store.figures().sessions }
    }

    /// As `SessionStore.verify`, and whether the numbers that it knows are those of its sessions.
    public func verify(limit: Int = 100) throws(StoreError) -> [String] {
        let tables = tables
        var findings = try store.verify(limit: limit)
        findings += try environment.read { transaction throws(StoreError) in
            try tables.findings(in: transaction)
        }
        return Array(findings.prefix(limit))
    }
}

/// The tables of sessions, and those of a copy beside them.
struct FollowedTables: Sendable {
    let sessions: SessionTables

    /// Of all sessions.
    let numbers: Table<SessionNumber, EmptyRecord>

    /// Under 0 the number of a copy that is complete.
    let marks: Table<UInt32, SequenceRecord>

    static var markKey: UInt32 { 0 }

    init(_ sessions: SessionTables, in environment: Environment) throws(StoreError) {
        self.sessions = sessions
        numbers = try Table("followed-numbers", in: environment)
        marks = try Table("followed-mark", in: environment)
    }

    func removeAll(in transaction: borrowing WriteTransaction) throws(StoreError) {
        try sessions.removeAll(in: transaction)
        try sessions.nodes.taken.deleteAll(in: transaction)
        try sessions.nodes.forwards.deleteAll(in: transaction)
        try numbers.deleteAll(in: transaction)
        try marks.deleteAll(in: transaction)
    }

    func write(
        _ change: SessionChange, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        switch change {
        case .put(let name, let record):
            let old = try sessions.head(of: name, in: transaction)?.number
            if old != record.number {
                if let old { try numbers.delete(old, in: transaction) }
                try numbers.put(record.number, EmptyRecord(), in: transaction)
            }
        case .remove(_, let number): try numbers.delete(number, in: transaction)
        case .append(let number, _, _), .release(let number, _), .delete(let number, _),
            .sent(let number, _), .receive(let number, _), .complete(let number, _):
            guard try numbers.contains(number, in: transaction) else { return }
        case .node(.take), .node(.settle), .node(.keep), .node(.arrived): break
        case .node(.hold), .node(.drop): return
        }
        try sessions.write(change, in: transaction)
    }

    func findings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [String] {
        var rest: Set<SessionNumber> = []
        try numbers.forEach(in: transaction) { number, _ in
            rest.insert(number)
            return .proceed
        }
        var findings: [String] = []
        try sessions.sessions.scan(in: transaction) { (_, bytes) throws(StoreError) in
            var reader = ByteReader(bytes)
            // One that can't be read has been found already.
            guard let head = try? SessionRecord.Head(taking: &reader) else { return .proceed }
            if rest.remove(head.number) == nil {
                findings.append("\(head.number): is not among the numbers of the copy")
            }
            return .proceed
        }
        return findings + rest.sorted().map { "\($0): is a number of the copy, and no session" }
    }
}
